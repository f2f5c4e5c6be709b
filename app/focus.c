#include "app/focus.h"

#include <stdlib.h>
#include <string.h>

#include "app/profile.h"
#include "app/read.h"
#include "base/mem.h"
#include "store/search.h"

/* Weight of the shared words beside attention's 1, and the power that sharpens them. */
#define WORDS 1.0
#define SHARPEN 2
/* How much more a passage counts as a source when the answer's very words stand in it:
 * often they do by chance, in a name. */
#define HOLDER 3
/* Passages that all heads are led to at a budget below 1. */
#define LED 3

static int take_number(json_t *n)
{
	int number = json_is_integer(n) && json_integer_value(n) >= 0 && json_integer_value(n) <= FOCUS_MOST ? (int)json_integer_value(n) : FOCUS_AUTO;

	json_decref(n);
	return number;
}

int focus_passages(const config *cfg, const engine *e, const char *profile_json)
{
	int n = cfg->focus;

	if (n == FOCUS_AUTO)
		n = take_number(profile_own(profile_json, "focus"));
	if (n == FOCUS_AUTO)
		n = take_number(profile_shipped(e->model->fingerprint, "focus"));
	return n == FOCUS_AUTO ? 0 : n;
}

int focus_rank(ranked_passage *p, int n, const document *d, const char *question, error *err)
{
	document_passage *at = mem_array((size_t)n, sizeof(*at));
	double *words = mem_array((size_t)n, sizeof(*words)), looked = 0, shared = 0;
	int status = at && words ? 0 : error_nomem(err, "the passages");

	for (int i = 0; !status && i < n; i++)
		at[i] = p[i].at;
	if (!status)
		status = search_passages(words, d, at, n, question, err);
	for (int i = 0; !status && i < n; i++) {
		double w = words[i];
		for (int k = 1; k < SHARPEN; k++)
			words[i] *= w;
		shared += words[i];
		looked += p[i].mass;
	}
	for (int i = 0; !status && i < n; i++) {
		double look = looked > 0 ? p[i].mass / looked : 0, word = shared > 0 ? words[i] / shared : 0;
		p[i].mass = (look + WORDS * word) / ((looked > 0) + WORDS * (shared > 0) + (looked <= 0 && shared <= 0));
	}
	if (!status)
		qsort(p, (size_t)n, sizeof(*p), sources_by_mass);
	free(at);
	free(words);
	return status;
}

static int by_place(const void *a, const void *b)
{
	size_t x = ((const document_passage *)a)->from, y = ((const document_passage *)b)->from;

	return (x > y) - (x < y);
}

static int encode_text(tokens *out, const engine *e, const char *question, const char *title, const str *text, error *err)
{
	text_piece piece[CHAT_PIECES];
	int n, at;

	if (e->adapter && e->adapter->question_first)
		n = chat_focused(e->chat, piece, question, title, str_text(text), text->len);
	else
		n = chat_document(e->chat, piece, &at, title, str_text(text), text->len);
	return tokenizer_encode(out, e->tok, piece, n, true, err);
}

static int encode(tokens *out, const engine *e, const char *question, const document *d, const ranked_passage *p, int n, error *err)
{
	document_passage *at = mem_array((size_t)n, sizeof(*at));
	str text = STR_INIT;
	int status = at ? 0 : error_nomem(err, "the passages");

	for (int i = 0; at && i < n; i++)
		at[i] = p[i].at;
	if (at)
		qsort(at, (size_t)n, sizeof(*at), by_place);
	for (int i = 0; at && i < n; i++) {
		if (i)
			str_puts(&text, "\n");
		str_put(&text, d->text + at[i].from, at[i].to - at[i].from);
	}
	if (!status && !(status = str_ok(&text, err)))
		status = encode_text(out, e, question, d->title, &text, err);
	str_free(&text);
	free(at);
	return status;
}

/* As many of the first n as fit. */
static int encode_most(tokens *out, int *used, const engine *e, const char *question, const document *d, const ranked_passage *p, int n,
                       int most_tokens, error *err)
{
	size_t before = out->len;

	for (*used = n; *used > 0; (*used)--) {
		int status = encode(out, e, question, d, p, *used, err);
		if (status || out->len - before <= (size_t)most_tokens || *used == 1)
			return status;
		out->len = before;
	}
	return 0;
}

int focus_answer(generated *out, int *used, engine *e, const document *d, const ranked_passage *p, int n, const tokens *history,
                 const char *question, const tokens *prompt, const generate_options *o, answer_text_fn tell, void *ud, const progress *pr, error *err)
{
	int window = e->model->p.context, status;
	tokens all = TOKENS_INIT;
	generate_options own = *o;
	session *s = NULL;

	if (own.refuse_at <= 0 && e->adapter && e->adapter->question_first)
		own.refuse_at = e->adapter->first_refuse_at;
	if ((status = encode_most(&all, used, e, question, d, p, n, window / 2, err)) || (status = tokens_append(&all, history, err)) ||
	    (status = tokens_append(&all, prompt, err)))
		goto out;
	if (all.len >= (size_t)window)
		status = error_set(err, ERR_ARG, "the passages and the question do not fit the model's window of %d tokens: ask a shorter question", window);
	else if (!(status = session_open(&s, e, NULL, window, err)))
		status = generate(out, s, e, &all, &own, tell, ud, pr, err);
out:
	session_close(s);
	tokens_free(&all);
	return status;
}

static void want_tokens(uint8_t *want, const uint32_t *place, int held, const ranked_passage *p, int n)
{
	for (int i = 0; i < n; i++)
		for (int t = 0; t < held; t++)
			want[t] |= place[t] != READ_NOT_TEXT && place[t] >= p[i].at.from && place[t] < p[i].at.to;
}

int focus_lead(session *s, const document *d, size_t from, size_t to, const uint32_t *place, const head_ref *head, int heads,
               const tokens *prompt, const progress *pr, error *err)
{
	progress quiet = { .stop = pr ? pr->stop : NULL };
	int held = session_context_tokens(s), live = session_live_tokens(s), n = 0, status;
	uint8_t *want = NULL;
	ranked_passage *p = NULL;

	if ((status = session_favour(s, NULL, err)) || session_unled(s))
		return status;
	if (!(want = mem_zeroed((size_t)held, sizeof(*want))))
		return error_nomem(err, "the passages to look at");
	if ((status = session_watch(s, head, heads, false, err)) ||
	    (status = session_eval(s, prompt->id, (int)prompt->len, NULL, NULL, &quiet, err)) ||
	    (status = sources_rank(&p, &n, d, from, to, 0, session_watched(s), place, held, err)))
		goto out;
	want_tokens(want, place, held, p, n < LED ? n : LED);
	status = session_favour(s, want, err);
out:
	session_rewind(s, live);
	free(want);
	free(p);
	return status;
}

static bool holds(const document *d, const ranked_passage *p, const char *said, size_t len)
{
	return len && memmem(d->text + p->at.from, p->at.to - p->at.from, said, len);
}

void focus_prefer_holders(ranked_passage *p, int n, const document *d, const char *said)
{
	size_t len = strlen(said);

	while (len && strchr(" .\n", said[len - 1]))
		len--;
	/* Few passages: insertion keeps equal ones in their order. */
	for (int i = 1; i < n; i++) {
		ranked_passage one = p[i];
		double weight = one.mass * (holds(d, &one, said, len) ? HOLDER : 1);
		int at = i;
		for (; at > 0 && p[at - 1].mass * (holds(d, &p[at - 1], said, len) ? HOLDER : 1) < weight; at--)
			p[at] = p[at - 1];
		p[at] = one;
	}
}

#include "app/generate.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

void generated_free(generated *g)
{
	str_free(&g->text);
	tokens_free(&g->id);
}

int generate_prompt(tokens *out, const engine *e, const char *question, chat_style style, bool first, error *err)
{
	text_piece piece[CHAT_PIECES];
	str words = STR_INIT;
	int n = chat_question(e->chat, piece, &words, question, style, first);
	int status = str_ok(&words, err);

	if (!status)
		status = tokenizer_encode(out, e->tok, piece, n, false, err);
	str_free(&words);
	return status;
}

/* One question while it is being answered. */
typedef struct {
	generated *g;
	session *s;
	const engine *e;
	const generate_options *o;
	float *logits;          /* [vocab] of the token that comes next */
	double start;
	answer_text_fn tell;
	void *ud;
	const progress *p;      /* stops, and reports nothing */
} turn;

/* ---- saying that the document does not tell ---- */

/* Below this nobody asks how improbable a refusal is exactly, and no answer begins so. */
#define IMPROBABLE 1e-3

typedef struct {
	tokens t;
	bool given;
	size_t leave;           /* an answer that is t so far may not go on with t.id[leave]; t.len: it need not be told */
} refusal;

static bool may_begin(const turn *u, int id, double p)
{
	int best = 0;

	if (u->o->sampler.temperature > 0)
		return p >= IMPROBABLE;
	for (int i = 1; i < tokenizer_size(u->e->tok); i++)
		best = u->logits[i] > u->logits[best] ? i : best;
	return best == id;
}

/* The refusal's probability after the prompt, or as soon as it decides nothing any more,
 * a bound of it. When it is not enough and the answer may begin like it, the answer parts
 * from it at the first token if most of what begins so is the refusal, else where most
 * of the probability does. Leaves the session as it was. */
static int weigh(refusal *r, turn *u, double least, error *err)
{
	int vocab = tokenizer_size(u->e->tok), live = session_live_tokens(u->s), status = 0;
	float *next = mem_array((size_t)u->e->model->p.vocab, sizeof(float));
	double stop = least > 1 ? IMPROBABLE : least, sum = 0, first = 0, before = 1, p = 1, most = 0, one;
	bool begins = true;
	size_t parts = 0;

	if (!next)
		return error_nomem(err, "the answer");
	session_trial(u->s, true);
	for (size_t i = 0; i < r->t.len; i++, before = p) {
		if (i && (status = session_eval(u->s, &r->t.id[i - 1], 1, next, NULL, u->p, err)))
			break;
		if ((status = sampler_logprob(&one, i ? next : u->logits, vocab, r->t.id[i], err)))
			break;
		p = exp(sum += one);
		if (i == 0) {
			first = p;
			begins = may_begin(u, r->t.id[0], p);
		} else if (before - p > most) {
			most = before - p;
			parts = i;
		}
		if (p < stop && (!begins || (p <= first / 2 && p <= most)))
			break;
	}
	session_trial(u->s, false);
	session_rewind(u->s, live);
	free(next);
	u->g->refusal = p;
	r->given = p >= least;
	r->leave = !begins ? r->t.len : p > first / 2 ? 0 : parts;
	return status;
}

static int consider_refusal(refusal *r, turn *u, error *err)
{
	const adapter *a = u->e->adapter;
	int status, held = session_context_tokens(u->s) + session_live_tokens(u->s);

	if (!a || !a->refusal[0])
		return 0;
	text_piece piece = { a->refusal, strlen(a->refusal), false };
	if ((status = tokenizer_encode(&r->t, u->e->tok, &piece, 1, false, err)))
		return status;
	r->leave = r->t.len;
	/* Where it has no room nothing is said of it. */
	if (!r->t.len || held + (int)r->t.len >= u->e->model->p.context)
		return 0;
	return weigh(r, u, u->o->refuse_at > 0 ? u->o->refuse_at : a->refuse_at, err);
}

/* The logits without what would make the answer the refusal after all. *rest: log of the
 * probability of all else, so that the answer's stays the model's own. */
static int part_from(double *rest, const refusal *r, turn *u, error *err)
{
	const tokens *said = &u->g->id;
	double one;
	int status;

	*rest = 0;
	if (r->leave >= r->t.len || said->len != r->leave || (said->len && memcmp(said->id, r->t.id, said->len * sizeof(*said->id))))
		return 0;
	if ((status = sampler_logprob(&one, u->logits, tokenizer_size(u->e->tok), r->t.id[r->leave], err)))
		return status;
	*rest = log(fmax(-expm1(one), DBL_EPSILON));
	u->logits[r->t.id[r->leave]] = -INFINITY;
	return 0;
}

/* ---- answering ---- */

/* Decode what is whole, leaving out the space or newline a chat model begins with. */
static void push_text(turn *u, decoder *d, int id)
{
	str *text = &u->g->text;
	size_t before = text->len;

	decoder_push(d, u->e->tok, id, text);
	if (before == 0) {
		size_t skip = 0;
		while (skip < text->len && (text->data[skip] == ' ' || text->data[skip] == '\n'))
			skip++;
		if (skip) {
			memmove(text->data, text->data + skip, text->len - skip);
			str_truncate(text, text->len - skip);
		}
	}
	if (u->tell && text->len > before)
		u->tell(u->ud, text->data + before, text->len - before);
}

/* What the decoder still holds, and the times. first: when the first token was known. */
static int end_answer(turn *u, decoder *d, double first, int status, error *err)
{
	generated *g = u->g;
	size_t before = g->text.len;

	decoder_end(d, &g->text);
	if (u->tell && g->text.len > before)
		u->tell(u->ud, g->text.data + before, g->text.len - before);
	g->first_token_s = first - u->start;
	g->decode_s = clock_s() - first;
	if (status == ERR_CANCEL) {
		g->stopped = true;
		status = 0;
	}
	return status ? status : str_ok(&g->text, err);
}

/* Room for one more token? The last one sampled is evaluated only to go on. */
static bool room(const session *s, const engine *e)
{
	return session_context_tokens(s) + session_live_tokens(s) + 1 < e->model->p.context;
}

static int decode(turn *u, sampler *smp, const refusal *r, error *err)
{
	generated *g = u->g;
	decoder d = DECODER_INIT;
	double sum = 0, first = 0, rest;
	int n = 0, status = 0;

	for (;;) {
		int id;
		float logprob;
		if ((status = part_from(&rest, r, u, err)) ||
		    (status = sampler_next(&id, &logprob, smp, u->logits, g->id.id, (int)g->id.len, err)))
			break;
		if (!n++)
			first = clock_s();
		sum += rest + (double)logprob;
		if (tokenizer_is_end(u->e->tok, id))
			break;
		if ((status = tokens_push(&g->id, id, 0, err)))
			break;
		push_text(u, &d, id);
		g->cut = (int)g->id.len >= u->o->max_tokens || !room(u->s, u->e);
		/* Evaluated even when it is the last: a later turn builds on the whole answer. */
		if ((status = session_eval(u->s, &id, 1, u->logits, NULL, u->p, err)) || g->cut)
			break;
	}
	g->logprob = n ? sum / n : 0;
	return end_answer(u, &d, first, status, err);
}

/* Its tokens are known, so they are told at once and evaluated together. */
static int refuse(turn *u, const refusal *r, error *err)
{
	generated *g = u->g;
	decoder d = DECODER_INIT;
	double first = clock_s();
	int status = 0;

	g->refused = true;
	g->logprob = log(g->refusal) / (double)r->t.len;
	g->cut = r->t.len > (size_t)u->o->max_tokens;
	for (size_t i = 0; i < r->t.len && (int)i < u->o->max_tokens && !status; i++)
		if (!(status = tokens_push(&g->id, r->t.id[i], 0, err)))
			push_text(u, &d, r->t.id[i]);
	if (!status)
		status = session_eval(u->s, g->id.id, (int)g->id.len, NULL, NULL, u->p, err);
	return end_answer(u, &d, first, status, err);
}

int generate(generated *out, session *s, engine *e, const tokens *prompt, const generate_options *o,
             answer_text_fn tell, void *ud, const progress *p, error *err)
{
	progress quiet = { .stop = p ? p->stop : NULL };
	turn u = { out, s, e, o, mem_array((size_t)e->model->p.vocab, sizeof(float)), clock_s(), tell, ud, &quiet };
	refusal r = { 0 };
	sampler *smp = NULL;
	int status;

	*out = (generated){ .prompt_tokens = (int)prompt->len };
	if (!u.logits)
		status = error_nomem(err, "the answer");
	else if (!(status = sampler_open(&smp, &o->sampler, tokenizer_size(e->tok), err)) &&
	         !(status = session_eval(s, prompt->id, (int)prompt->len, u.logits, NULL, &quiet, err)) &&
	         !(status = consider_refusal(&r, &u, err)))
		status = r.given ? refuse(&u, &r, err) : decode(&u, smp, &r, err);
	if (status) {
		generated_free(out);
		*out = (generated){ 0 };
	}
	tokens_free(&r.t);
	sampler_close(smp);
	free(u.logits);
	return status;
}

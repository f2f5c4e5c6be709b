#include "app/generate.h"

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

/* Decode what is whole, leaving out the space or newline a chat model begins with. */
static void push_text(generated *g, decoder *d, const engine *e, int id, answer_text_fn tell, void *ud)
{
	size_t before = g->text.len;

	decoder_push(d, e->tok, id, &g->text);
	if (before == 0) {
		size_t skip = 0;
		while (skip < g->text.len && (g->text.data[skip] == ' ' || g->text.data[skip] == '\n'))
			skip++;
		if (skip) {
			memmove(g->text.data, g->text.data + skip, g->text.len - skip);
			str_truncate(&g->text, g->text.len - skip);
		}
	}
	if (tell && g->text.len > before)
		tell(ud, g->text.data + before, g->text.len - before);
}

/* Room for one more token? The last one sampled is evaluated only to go on. */
static bool room(const session *s, const engine *e)
{
	return session_context_tokens(s) + session_live_tokens(s) + 1 < e->model->p.context;
}

static int decode(generated *g, session *s, engine *e, sampler *smp, float *logits, const generate_options *o,
                  double start, answer_text_fn tell, void *ud, const progress *p, error *err)
{
	decoder d = DECODER_INIT;
	double sum = 0, first = 0;
	int n = 0, status = 0;

	for (;;) {
		int id;
		float logprob;
		if ((status = sampler_next(&id, &logprob, smp, logits, g->id.id, (int)g->id.len, err)))
			break;
		if (!n++)
			first = clock_s();
		sum += logprob;
		if (tokenizer_is_end(e->tok, id))
			break;
		if ((status = tokens_push(&g->id, id, 0, err)))
			break;
		push_text(g, &d, e, id, tell, ud);
		g->cut = (int)g->id.len >= o->max_tokens || !room(s, e);
		/* Evaluated even when it is the last: a later turn builds on the whole answer. */
		status = session_eval(s, &id, 1, logits, NULL, p, err);
		if (status == ERR_CANCEL) {
			g->stopped = true;
			status = 0;
			break;
		}
		if (status || g->cut)
			break;
	}
	size_t before = g->text.len;
	decoder_end(&d, &g->text);
	if (tell && g->text.len > before)
		tell(ud, g->text.data + before, g->text.len - before);
	g->logprob = n ? sum / n : 0;
	g->first_token_s = first - start;
	g->decode_s = clock_s() - first;
	return status ? status : str_ok(&g->text, err);
}

/* ---- saying that the document does not tell ---- */

/* Below this nobody asks how improbable a refusal is exactly. */
#define IMPROBABLE 1e-3

/* Probability that the model says t after logits, or as soon as it is below least, a
 * bound of it. Leaves the session as it was. */
static int probability_of(double *p, const tokens *t, session *s, const engine *e, const float *logits, double least, error *err)
{
	int vocab = e->model->p.vocab, live = session_live_tokens(s), status = 0;
	float *next = mem_array((size_t)vocab, sizeof(float));
	double sum = 0, one;

	*p = 1;
	if (!next)
		return error_nomem(err, "the answer");
	for (size_t i = 0; i < t->len && *p >= least && !status; i++) {
		if (i)
			status = session_eval(s, &t->id[i - 1], 1, next, NULL, NULL, err);
		if (!status && !(status = sampler_logprob(&one, i ? next : logits, vocab, t->id[i], err)))
			*p = exp(sum += one);
	}
	session_rewind(s, live);
	free(next);
	return status;
}

static int refuse(generated *g, session *s, const tokens *t, const adapter *a, answer_text_fn tell, void *ud, error *err)
{
	int status = session_eval(s, t->id, (int)t->len, NULL, NULL, NULL, err);

	if (!status)
		status = tokens_append(&g->id, t, err);
	str_puts(&g->text, a->refusal);
	if (!status && tell)
		tell(ud, a->refusal, strlen(a->refusal));
	g->logprob = log(g->refusal) / (double)t->len;
	return status ? status : str_ok(&g->text, err);
}

/* *refused: the answer is there. Otherwise its first token is out of the logits' choice
 * when it would have been the refusal's. */
static int weigh_refusal(bool *refused, generated *g, session *s, const engine *e, float *logits, double refuse_at, answer_text_fn tell,
                         void *ud, error *err)
{
	const adapter *a = e->adapter;
	text_piece piece = { a ? a->refusal : "", a ? strlen(a->refusal) : 0, false };
	double least = refuse_at > 0 ? refuse_at : a ? a->refuse_at : 0, first = 0;
	tokens t = TOKENS_INIT;
	int status = 0;

	*refused = false;
	if (!piece.len || (status = tokenizer_encode(&t, e->tok, &piece, 1, false, err)))
		goto out;
	if (!t.len || session_context_tokens(s) + session_live_tokens(s) + (int)t.len >= e->model->p.context)
		goto out;
	if ((status = probability_of(&g->refusal, &t, s, e, logits, least > 1 ? IMPROBABLE : least, err)) ||
	    (status = sampler_logprob(&first, logits, e->model->p.vocab, t.id[0], err)))
		goto out;
	if (g->refusal >= least) {
		*refused = true;
		status = refuse(g, s, &t, a, tell, ud, err);
	} else if (g->refusal > exp(first) / 2)
		logits[t.id[0]] = -INFINITY;
out:
	tokens_free(&t);
	return status;
}

int generate(generated *out, session *s, engine *e, const tokens *prompt, const generate_options *o,
             answer_text_fn tell, void *ud, const progress *p, error *err)
{
	progress quiet = { .stop = p ? p->stop : NULL };
	double start = clock_s();
	float *logits = mem_array((size_t)e->model->p.vocab, sizeof(float));
	sampler *smp = NULL;
	bool refused = false;
	int status;

	*out = (generated){ .prompt_tokens = (int)prompt->len };
	if (!logits)
		status = error_nomem(err, "the answer");
	else if (!(status = sampler_open(&smp, &o->sampler, tokenizer_size(e->tok), err)) &&
	         !(status = session_eval(s, prompt->id, (int)prompt->len, logits, NULL, &quiet, err)) &&
	         !(status = weigh_refusal(&refused, out, s, e, logits, o->refuse_at, tell, ud, err)) && !refused)
		status = decode(out, s, e, smp, logits, o, start, tell, ud, &quiet, err);
	if (refused)
		out->first_token_s = clock_s() - start;
	if (status) {
		generated_free(out);
		*out = (generated){ 0 };
	}
	sampler_close(smp);
	free(logits);
	return status;
}

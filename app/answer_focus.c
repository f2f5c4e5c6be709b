#include "app/answer_impl.h"

#include <stdlib.h>
#include <string.h>

#include "app/focus.h"
#include "base/clock.h"
#include "base/mem.h"

/* After the first, a passage counts as a source only with this share of the evidence. */
#define LEAST_SHARE 0.02

typedef struct {
	ranked_passage *p;
	int n;
	double read;           /* budget, mean over the sections */
} evidence;

/* Let one section's stored context look at the question, after what the conversation
 * holds beyond the section's live tokens. */
static int look(evidence *v, reading *r, int i, const tokens *prompt, const progress *p, error *err)
{
	progress quiet = { .stop = p ? p->stop : NULL };
	part *pt = &r->part[i];
	ranked_passage *more = NULL;
	int n = 0, status;

	if ((status = answer_part_session(pt, r, err)))
		return status;
	int heard = session_live_tokens(pt->s), unheard = (int)r->history.len - heard;
	if ((unheard > 0 && (status = session_eval(pt->s, r->history.id + heard, unheard, NULL, NULL, &quiet, err))) ||
	    (status = session_watch(pt->s, r->head, r->heads, false, err)))
		return status;
	session_stats_reset(pt->s);
	if ((status = session_eval(pt->s, prompt->id, (int)prompt->len, NULL, NULL, &quiet, err)) ||
	    (status = sources_rank(&more, &n, r->doc, pt->from, pt->to, i, session_watched(pt->s), pt->place, pt->ctx->tokens, err)))
		return status;
	v->read += session_get_stats(pt->s).budget_read / r->parts;
	ranked_passage *all = realloc(v->p, (size_t)(v->n + n + 1) * sizeof(*all));
	if (!all) {
		free(more);
		return error_nomem(err, "the passages");
	}
	v->p = all;
	memcpy(v->p + v->n, more, (size_t)n * sizeof(*more));
	v->n += n;
	free(more);
	return 0;
}

static int look_everywhere(evidence *v, reading *r, const char *question, const tokens *prompt, const progress *p, error *err)
{
	str words = STR_INIT;
	int status = 0;

	for (int i = 0; i < r->parts && !status; i++) {
		progress_event e = { "asking", "sections", i, r->parts, 0 };
		if (r->parts > 1 && progress_report(p, &e))
			status = error_set(err, ERR_CANCEL, "stopped after asking %d of %d sections", i, r->parts);
		else
			status = look(v, r, i, prompt, p, err);
	}
	/* A follow-up's words alone may say too little. */
	str_putf(&words, "%s %s", question, str_text(&r->asked));
	if (!status && !(status = str_ok(&words, err)))
		status = focus_rank(v->p, v->n, r->doc, words.data, err);
	str_free(&words);
	return status;
}

static int fill(answer *out, reading *r, evidence *v, generated *g, int used, error *err)
{
	int n = v->n < r->f->cfg.sources ? v->n : r->f->cfg.sources, status = answer_take(out, r, g, err);

	if (status)
		return status;
	out->budget_read = v->read;
	out->focus = used;
	focus_prefer_holders(v->p, used, r->doc, out->text);
	while (n > 1 && v->p[n - 1].mass < LEAST_SHARE)
		n--;
	out->section = v->n ? v->p[0].section : 0;
	return sources_put(out, r->doc, v->p, n, err);
}

/* Question and answer become part of the conversation; the sections hear of the answer
 * with the next question, if there is one. */
static int remember(reading *r, const char *question, const tokens *prompt, const tokens *said, error *err)
{
	int status = tokens_append(&r->history, prompt, err);

	if (!status)
		status = tokens_append(&r->history, said, err);
	str_clear(&r->asked);
	str_puts(&r->asked, question);
	return status ? status : str_ok(&r->asked, err);
}

int answer_focused(answer *out, reading *r, const char *question, const tokens *prompt, double start, answer_text_fn tell, void *ud,
                   const progress *p, error *err)
{
	const config *c = &r->f->cfg;
	generate_options o = { c->style, c->answer_tokens, c->sampler, 0 };
	evidence v = { 0 };
	generated g = { 0 };
	int *before = mem_zeroed((size_t)r->parts, sizeof(*before)), used = 0;
	int status = before ? 0 : error_nomem(err, "the answer");

	for (int i = 0; before && i < r->parts; i++)
		before[i] = r->part[i].s ? session_live_tokens(r->part[i].s) : 0;
	if (!status)
		status = look_everywhere(&v, r, question, prompt, p, err);
	double began = clock_s();
	if (!status && !(status = focus_answer(&g, &used, r->f->eng, r->doc, v.p, r->focus < v.n ? r->focus : v.n, &r->history, question, prompt, &o,
	                                       tell, ud, p, err)) &&
	    !(status = fill(out, r, &v, &g, used, err)) && !(status = remember(r, question, prompt, &g.id, err))) {
		out->first_token_ms = 1000 * (began - start + g.first_token_s);
		out->prompt_tokens = (int)prompt->len;
		out->focus_tokens = g.prompt_tokens - (int)prompt->len;
	}
	/* A question that failed half way leaves no trace in the conversation. */
	for (int i = 0; before && i < r->parts && status; i++)
		if (r->part[i].s)
			session_rewind(r->part[i].s, before[i]);
	generated_free(&g);
	free(v.p);
	free(before);
	return status;
}

#include "tests/eval/eval.h"

#include <math.h>
#include <stdlib.h>

#include "app/focus.h"
#include "app/read.h"
#include "base/mem.h"

int eval_place_of(const ranked_passage *p, int n, size_t byte)
{
	for (int i = 0; i < n; i++)
		if (p[i].at.from <= byte && byte < p[i].at.to)
			return i + 1;
	return 0;
}

int eval_gold_rank(const article *a, const float *mass, size_t byte, error *err)
{
	ranked_passage *p = NULL;
	int n = 0, rank = 0;

	if (sources_rank(&p, &n, a->doc, 0, a->doc->len, 0, mass, a->tok.at, (int)a->tok.len, err))
		return 0;
	rank = eval_place_of(p, n, byte);
	free(p);
	return rank;
}

int eval_focused(generated *g, ranked_passage **p, int *n, session *s, const article *a, const tokens *prompt, const char *question,
                 error *err)
{
	generate_options go = { a->f->cfg.style, MOST_ANSWER, a->f->cfg.sampler, a->o->refuse_at };
	int used, status;

	if ((status = session_eval(s, prompt->id, (int)prompt->len, NULL, NULL, NULL, err)) ||
	    (status = sources_rank(p, n, a->doc, 0, a->doc->len, 0, session_watched(s), a->tok.at, (int)a->tok.len, err)))
		return status;
	for (int i = 0; i < *n && a->o->words_only; i++)
		(*p)[i].mass = 0;
	if (a->o->ranks) {
		fprintf(a->o->ranks, "{\"look\": [");
		for (int i = 0; i < *n; i++)
			fprintf(a->o->ranks, "%s[%zu, %zu, %.6f]", i ? ", " : "", (*p)[i].at.from, (*p)[i].at.to, (*p)[i].mass);
	}
	if ((status = focus_rank(*p, *n, a->doc, question, err)))
		return status;
	if (a->o->ranks) {
		fprintf(a->o->ranks, "], \"both\": [");
		for (int i = 0; i < *n; i++)
			fprintf(a->o->ranks, "%s[%zu, %.6f]", i ? ", " : "", (*p)[i].at.from, (*p)[i].mass);
		fprintf(a->o->ranks, "], ");
	}
	status = focus_answer(g, &used, a->e, a->doc, *p, a->focus < *n ? a->focus : *n, &(tokens){ 0 }, question, prompt, &go, NULL, NULL, NULL, err);
	if (!status)
		focus_prefer_holders(*p, used, a->doc, str_text(&g->text));
	return status;
}

/* ---- which heads point at the answer ---- */

int eval_find_heads(head_scores *h, const article *a, const json_t *q, error *err)
{
	const model_params *p = &a->e->model->p;
	int all = p->layers * p->heads, status;
	const json_t *byte = json_object_get(q, "answer_byte");
	head_ref *head = mem_array((size_t)all, sizeof(*head));
	tokens prompt = TOKENS_INIT;
	session *s = NULL;

	if (!byte || json_integer_value(byte) < 0) {
		free(head);
		return 0;
	}
	for (int i = 0; head && i < all; i++)
		head[i] = (head_ref){ i / p->heads, i % p->heads };
	if (!head)
		status = error_nomem(err, "the heads");
	else if (!(status = generate_prompt(&prompt, a->e, json_string_value(json_object_get(q, "q")), a->f->cfg.style, true, err)) &&
	         !(status = session_open(&s, a->e, a->ctx, p->context - a->ctx->tokens, err)) &&
	         !(status = session_watch(s, head, all, true, err)) &&
	         !(status = session_eval(s, prompt.id, (int)prompt.len, NULL, NULL, NULL, err))) {
		h->n++;
		for (int i = 0; i < all; i++) {
			int rank = eval_gold_rank(a, session_watched(s) + (size_t)i * (size_t)a->ctx->tokens, (size_t)json_integer_value(byte), err);
			h->reciprocal[i] += rank ? 1.0 / rank : 0;
			h->top1[i] += rank == 1;
		}
	}
	tokens_free(&prompt);
	session_close(s);
	free(head);
	return status;
}

void eval_print_heads(const head_scores *h, const engine *e, int most)
{
	int all = e->model->p.layers * e->model->p.heads, heads = e->model->p.heads;

	printf("{\"%s\": {\"retrieval_heads\": [", e->model->fingerprint);
	for (int k = 0; k < most && k < all; k++) {
		int best = 0;
		for (int i = 1; i < all; i++)
			best = h->reciprocal[i] > h->reciprocal[best] ? i : best;
		printf("%s[%d, %d]", k ? ", " : "", best / heads, best % heads);
		fprintf(stderr, "layer %d head %d: mean reciprocal rank %.3f, first for %.0f %%\n", best / heads, best % heads,
		        h->reciprocal[best] / h->n, 100 * h->top1[best] / h->n);
		h->reciprocal[best] = -1;
	}
	printf("]}}\n");
}

/* tests/eval/eval.h - what the parts of folio-eval share. */

#ifndef TESTS_EVAL_H
#define TESTS_EVAL_H

#include <jansson.h>
#include <stdio.h>

#include "app/folio.h"
#include "app/generate.h"
#include "app/sources.h"

/* What the reader was taught to say when a text holds no answer. */
#define REFUSAL "The document does not say."

enum { MOST_BUDGETS = 16, MOST_ANSWER = 64 };

typedef struct {
	double budget;
	int n, tokens, sourced;
	int refused, unanswerable, unanswerable_refused; /* refused: of those that have an answer */
	double read, em, f1, f1_squares, nll, kl, dense_kl, agree, top1, top3;
} row;

typedef struct {
	int docs, questions, min_tokens, max_tokens, find_heads;
	int budgets;
	row row[MOST_BUDGETS];
	calibration calib;
	bool json, dense, quick, impossible, words_only, unled;
	double refuse_at;
	FILE *ranks, *answers;
} options;

/* What finding retrieval heads collects, [layers * heads]. */
typedef struct {
	double *reciprocal, *top1;
	int n;
} head_scores;

typedef struct {
	folio *f;
	engine *e;
	const options *o;
	document *doc;
	tokens tok;
	session *plain; /* the dense session the context was made from */
	context *ctx;
	head_ref *head;
	int heads, focus;
	bool leads;     /* the heads were measured */
} article;

/* Of passages in the order they were ranked: the place (1 = first) of the one that
 * holds the byte; 0 if none does. */
int eval_place_of(const ranked_passage *p, int n, size_t byte);
/* The same for passages ranked by the mass [tokens of the document] that they got. */
int eval_gold_rank(const article *a, const float *mass, size_t byte, error *err);

/* As `ask` does it with focus: the passages, best first, and the answer from them. */
int eval_focused(generated *g, ranked_passage **p, int *n, session *s, const article *a, const tokens *prompt, const char *question,
                 error *err);

/* Which heads point at the answer of a question, added up; and the best of them as JSON. */
int eval_find_heads(head_scores *h, const article *a, const json_t *q, error *err);
void eval_print_heads(const head_scores *h, const engine *e, int most);

#endif

/* app/bench.h - how fast this machine reads, answers and reopens. */

#ifndef APP_BENCH_H
#define APP_BENCH_H

#include "app/folio.h"
#include "base/progress.h"

typedef enum {
	BENCH_PREFILL = 1, /* tokens/s of reading a text of `context` tokens */
	BENCH_DECODE = 2,  /* tokens/s of answering over a context of that length, at budget 1 and the setting's */
	BENCH_REOPEN = 4,  /* ms from a stored document to the first token of an answer */
	BENCH_CLUSTER = 8, /* ms of clustering and calibrating a context of that length, and of writing it */
	BENCH_QUESTION = 16, /* tokens/s of reading a question of 50 tokens over it */
	BENCH_ALL = 31,
} bench_what;

typedef struct {
	unsigned what;   /* bits of bench_what */
	int depth;       /* tokens of context; 0: what the model's window allows, up to 4,096 */
	int tokens;      /* to decode */
	int runs;        /* the median counts */
	bool json;       /* a JSON object a line instead of text */
	progress p;
} bench_options;

/* Measure and print one line a measurement on standard output. */
int bench_run(folio *f, const bench_options *o, error *err);

#endif

#include "app/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "app/answer.h"
#include "app/generate.h"
#include "app/read.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/session.h"

/* One measured quantity over the repeats. */
typedef struct {
	const char *what, *unit;
	int context;
	double budget, value[1000];
	int n;
} measure;

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double peak_mb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss / 1024;
}

static void print(measure *m, const folio *f, const bench_options *o)
{
	qsort(m->value, (size_t)m->n, sizeof(m->value[0]), by_value);
	double median = m->value[m->n / 2], lo = m->value[0], hi = m->value[m->n - 1];

	if (o->json)
		printf("{\"what\": \"%s\", \"context\": %d, \"budget\": %.4f, \"median\": %.3f, \"least\": %.3f, \"most\": %.3f, "
		       "\"unit\": \"%s\", \"runs\": %d, \"threads\": %d, \"peak_mb\": %.0f}\n", m->what, m->context, m->budget, median,
		       lo, hi, m->unit, m->n, pool_threads(f->eng->pool), peak_mb());
	else
		printf("%-8s %6d tokens, budget %.4f: %8.2f %s (%.2f to %.2f over %d runs, %d threads, peak %.0f MB)\n", m->what,
		       m->context, m->budget, median, m->unit, lo, hi, m->n, pool_threads(f->eng->pool), peak_mb());
	fflush(stdout);
}

/* Ids that look like text to the model: a fixed walk over its vocabulary. */
static int make_ids(int **out, const engine *e, int n, error *err)
{
	int vocab = e->model->p.vocab;

	*out = mem_array((size_t)n, sizeof(**out));
	if (!*out)
		return error_nomem(err, "the measurement");
	for (int i = 0; i < n; i++)
		(*out)[i] = (int)((uint32_t)i * 2654435761u % (uint32_t)vocab);
	return 0;
}

static int bench_prefill(folio *f, const int *id, int n, const bench_options *o, error *err)
{
	measure m = { .what = "prefill", .unit = "tokens/s", .context = n, .budget = 1 };
	int status = 0;

	for (int r = 0; r < o->repeats && !status; r++) {
		session *s;
		if ((status = session_open(&s, f->eng, NULL, n, err)))
			break;
		double start = clock_s();
		status = session_eval(s, id, n, NULL, NULL, &o->p, err);
		m.value[m.n++] = n / (clock_s() - start);
		session_close(s);
	}
	if (!status)
		print(&m, f, o);
	return status;
}

static int decode_at(folio *f, const context *ctx, double budget, const int *id, const bench_options *o, error *err)
{
	measure m = { .what = "decode", .unit = "tokens/s", .context = ctx->tokens, .budget = budget };
	float *logits = mem_array((size_t)f->eng->model->p.vocab, sizeof(float));
	session *s = NULL;
	int status = logits ? session_open(&s, f->eng, ctx, o->tokens + 1, err) : error_nomem(err, "the measurement");

	if (!status)
		status = session_set_budget(s, budget, f->cfg.calib, err);
	for (int r = 0; r < o->repeats && !status; r++) {
		session_rewind(s, 0);
		status = session_eval(s, id, 1, logits, NULL, &o->p, err);
		double start = clock_s();
		for (int i = 0; i < o->tokens && !status; i++)
			status = session_eval(s, id + i, 1, logits, NULL, &o->p, err);
		m.value[m.n++] = o->tokens / (clock_s() - start);
	}
	if (!status)
		print(&m, f, o);
	session_close(s);
	free(logits);
	return status;
}

static int bench_decode(folio *f, const int *id, int n, const bench_options *o, error *err)
{
	session *s = NULL;
	context *ctx = NULL;
	int status;

	if (!(status = session_open(&s, f->eng, NULL, n, err)) && !(status = session_eval(s, id, n, NULL, NULL, &o->p, err)) &&
	    !(status = session_squeeze(&ctx, s, 1, &o->p, err))) {
		session_close(s);
		s = NULL;
		status = decode_at(f, ctx, 1.0, id, o, err);
		if (!status && f->cfg.budget < 1.0)
			status = decode_at(f, ctx, f->cfg.budget, id, o, err);
	}
	context_free(ctx);
	session_close(s);
	return status;
}

/* From a stored document to the first token, the model open already: the last used one. */
static int bench_reopen(folio *f, const bench_options *o, error *err)
{
	measure m = { .what = "reopen", .unit = "ms to the first token", .budget = f->cfg.budget };
	document_row *row = NULL;
	int n = 0, status = store_list_documents(&row, &n, f->lib, err), kept = f->cfg.answer_tokens;

	if (!status && !n)
		status = error_set(err, ERR_NOTFOUND, "reopening is measured with a document of the library, which is empty: `folio add FILE` first");
	f->cfg.answer_tokens = 1;
	for (int r = 0; r < o->repeats && !status; r++) {
		reading *rd = NULL;
		answer a = { 0 };
		double start = clock_s();
		if (!(status = reading_open(&rd, f, &row[0], err)) &&
		    !(status = reading_ask(&a, rd, "What is this about?", true, NULL, NULL, NULL, &o->p, err))) {
			m.value[m.n++] = 1000 * (clock_s() - start);
			m.context = a.reused_tokens;
		}
		answer_free(&a);
		reading_close(rd);
	}
	f->cfg.answer_tokens = kept;
	if (!status)
		print(&m, f, o);
	document_rows_free(row, n);
	return status;
}

int bench_run(folio *f, const bench_options *o, error *err)
{
	int window = f->eng->model->p.context, most = window - o->tokens - 1, n = o->context ? o->context : window < 4096 ? most : 4096;
	int *id = NULL, status;

	if (n > most || n < 1)
		return error_set(err, ERR_ARG, "%d tokens and %d answered ones do not fit the model's window of %d", n, o->tokens, window);
	if ((status = make_ids(&id, f->eng, n + o->tokens, err)))
		return status;
	if (o->what & BENCH_PREFILL)
		status = bench_prefill(f, id, n, o, err);
	if (!status && o->what & BENCH_DECODE)
		status = bench_decode(f, id, n, o, err);
	if (!status && o->what & BENCH_REOPEN)
		status = bench_reopen(f, o, err);
	free(id);
	return status;
}

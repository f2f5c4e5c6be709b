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
#include "engine/machine.h"
#include "engine/session.h"
#include "store/packed.h"

/* One measured quantity over the runs, and what it takes at least. */
typedef struct {
	const char *what, *unit;
	int context;
	double budget, value[1000];
	int n;
	double flops, bytes; /* of one run; 0: not told */
	double work;         /* in a run, of the unit: tokens; 0: the value is a time in ms */
	double disk;         /* bytes of the file; 0: none */
} measure;

typedef struct {
	folio *f;
	const bench_options *o;
	machine_rates machine;
	const int *id;
	int n;               /* tokens of context */
} bench;

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

/* What the operations and bytes would take alone, in the measurement's unit; 0: not known. */
static double floor_of(const measure *m, const machine_rates *r)
{
	double compute = m->flops / r->flop_per_s, memory = m->bytes / r->bytes_per_s, s = compute > memory ? compute : memory;

	return s <= 0 ? 0 : m->work > 0 ? m->work / s : 1000 * s;
}

static void print(measure *m, const bench *b)
{
	double least = floor_of(m, &b->machine);
	int threads = pool_threads(b->f->eng->pool);

	qsort(m->value, (size_t)m->n, sizeof(m->value[0]), by_value);
	double median = m->value[m->n / 2], lo = m->value[0], hi = m->value[m->n - 1];
	if (b->o->json) {
		printf("{\"what\": \"%s\", \"depth\": %d, \"budget\": %.4f, \"median\": %.3f, \"least\": %.3f, \"most\": %.3f, "
		       "\"unit\": \"%s\", \"runs\": %d, \"threads\": %d, \"isa\": \"%s\", \"operations\": %.4g, \"bytes\": %.4g, "
		       "\"floor\": %.3f, \"disk_mb\": %.1f, \"peak_mb\": %.0f}\n", m->what, m->context, m->budget, median, lo, hi, m->unit, m->n, threads,
		       engine_isa_name(), m->flops, m->bytes, least, m->disk / (1 << 20), peak_mb());
	} else {
		printf("%-8s %6d tokens, budget %.4f: %9.2f %s (%.2f to %.2f over %d runs, peak %.0f MB)\n", m->what, m->context,
		       m->budget, median, m->unit, lo, hi, m->n, peak_mb());
		if (least > 0)
			printf("%-8s        %.3g operations, %.3g bytes: at this machine's rates alone %.2f %s\n", "", m->flops, m->bytes, least,
			       m->unit);
		if (m->disk > 0)
			printf("%-8s        %.1f MiB on disk\n", "", m->disk / (1 << 20));
	}
	fflush(stdout);
}

/* ---- what things take ---- */

/* Weights of the linear maps of all layers. */
static double linear_weights(const model_params *p)
{
	double kv = (double)p->kv_heads * p->head_dim, q = (double)p->heads * p->head_dim;

	return p->layers * (p->dim * (2 * q + 2 * kv) + 3.0 * p->dim * p->ff);
}

static double head_weights(const model_params *p)
{
	return (double)p->vocab * p->dim;
}

/* Attention of n tokens after `before` others: scores and values, causal. */
static double attention_flops(const model_params *p, double before, double n, double budget)
{
	return 4.0 * p->layers * p->heads * p->head_dim * n * (before * budget + n / 2);
}

/* Keys and values of so many tokens, and the centroids in front of them. */
static double kv_bytes(const model_params *p, double n, double budget)
{
	double row = 2.0 * p->layers * p->kv_heads * p->head_dim;

	return row * n * (2 * budget + (budget < 1 ? 0.02 + 0.3 * budget : 0));
}

/* Bytes of the weights that one token goes through, as they lie in the file. */
static double step_bytes(const folio *f)
{
	return (double)f->model.bytes;
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

/* ---- measurements ---- */

static int bench_prefill(bench *b, error *err)
{
	const model_params *p = &b->f->eng->model->p;
	measure m = { .what = "prefill", .unit = "tokens/s", .context = b->n, .budget = 1, .work = b->n,
		      .flops = 2.0 * linear_weights(p) * b->n + attention_flops(p, 0, b->n, 1), .bytes = step_bytes(b->f) };
	int status = 0;

	for (int r = 0; r < b->o->runs && !status; r++) {
		session *s;
		if ((status = session_open(&s, b->f->eng, NULL, b->n, err)))
			break;
		double start = clock_s();
		status = session_eval(s, b->id, b->n, NULL, NULL, &b->o->p, err);
		m.value[m.n++] = b->n / (clock_s() - start);
		session_close(s);
	}
	if (!status)
		print(&m, b);
	return status;
}

/* Clustering, with calibration, of what was read; the last one stays in *ctx. */
static int bench_cluster(context **ctx, bench *b, session *s, bool shown, error *err)
{
	const model_params *p = &b->f->eng->model->p;
	/* Scores of every key against a tenth as many centres, in three rounds at least. */
	measure m = { .what = "cluster", .unit = "ms", .context = b->n, .budget = 1,
		      .flops = 2.0 * p->layers * p->kv_heads * p->head_dim * b->n * (0.1 * b->n) * 3, .bytes = kv_bytes(p, b->n, 1) };
	int status = 0;

	for (int r = 0; r < (shown ? b->o->runs : 1) && !status; r++) {
		context_free(*ctx);
		*ctx = NULL;
		double start = clock_s();
		status = session_squeeze(ctx, s, 0, 1, &b->o->p, err);
		m.value[m.n++] = 1000 * (clock_s() - start);
	}
	if (!status && shown)
		print(&m, b);
	return status;
}

/* A context written as reading a document does, checksums and fsync included. */
static int write_once(const char *path, const context *ctx, int64_t *bytes, error *err)
{
	packed_writer *w;
	packed_file *file;
	int status = packed_create(&w, path, "0", err);

	if (status)
		return status;
	if ((status = context_save(ctx, read_put_section, w, err))) {
		packed_abandon(w);
		return status;
	}
	if ((status = packed_commit(w, err)) || (status = packed_open(&file, path, NULL, err)))
		return status;
	*bytes = packed_size(file);
	packed_close(file);
	return 0;
}

static int bench_write(bench *b, const context *ctx, error *err)
{
	measure m = { .what = "write", .unit = "ms", .context = ctx->tokens, .budget = 1 };
	str path = STR_INIT;
	int64_t bytes = 0;

	store_context_path(&path, b->f->lib, "bench.kv");
	int status = str_ok(&path, err);
	for (int r = 0; r < b->o->runs && !status; r++) {
		double start = clock_s();
		status = write_once(path.data, ctx, &bytes, err);
		m.value[m.n++] = 1000 * (clock_s() - start);
		remove(path.data);
	}
	m.disk = (double)bytes;
	if (!status)
		print(&m, b);
	str_free(&path);
	return status;
}

static int question_at(bench *b, const context *ctx, double budget, error *err)
{
	enum { QUESTION = 50 };
	const model_params *p = &b->f->eng->model->p;
	measure m = { .what = "question", .unit = "tokens/s", .context = ctx->tokens, .budget = budget, .work = QUESTION,
		      .flops = 2.0 * (linear_weights(p) * QUESTION + head_weights(p)) + attention_flops(p, ctx->tokens, QUESTION, budget),
		      .bytes = step_bytes(b->f) + kv_bytes(p, ctx->tokens, budget) };
	float *logits = mem_array((size_t)p->vocab, sizeof(float));
	session *s = NULL;
	int status = logits ? session_open(&s, b->f->eng, ctx, QUESTION, err) : error_nomem(err, "the measurement");

	if (!status)
		status = session_set_budget(s, budget, b->f->cfg.calib, err);
	/* One before, so that what is read from the file is there. */
	for (int r = -1; r < b->o->runs && !status; r++) {
		session_rewind(s, 0);
		double start = clock_s();
		status = session_eval(s, b->id, QUESTION, logits, NULL, &b->o->p, err);
		if (r >= 0)
			m.value[m.n++] = QUESTION / (clock_s() - start);
	}
	if (!status)
		print(&m, b);
	session_close(s);
	free(logits);
	return status;
}

static int decode_at(bench *b, const context *ctx, double budget, error *err)
{
	const bench_options *o = b->o;
	const model_params *p = &b->f->eng->model->p;
	folio *f = b->f;
	const int *id = b->id;
	measure m = { .what = "decode", .unit = "tokens/s", .context = ctx->tokens, .budget = budget, .work = 1,
		      .flops = 2.0 * (linear_weights(p) + head_weights(p)) + attention_flops(p, ctx->tokens, 1, budget),
		      .bytes = step_bytes(f) + kv_bytes(p, ctx->tokens, budget) };
	float *logits = mem_array((size_t)f->eng->model->p.vocab, sizeof(float));
	session *s = NULL;
	int status = logits ? session_open(&s, f->eng, ctx, o->tokens + 1, err) : error_nomem(err, "the measurement");

	if (!status)
		status = session_set_budget(s, budget, f->cfg.calib, err);
	for (int r = 0; r < o->runs && !status; r++) {
		session_rewind(s, 0);
		status = session_eval(s, id, 1, logits, NULL, &o->p, err);
		double start = clock_s();
		for (int i = 0; i < o->tokens && !status; i++)
			status = session_eval(s, id + i, 1, logits, NULL, &o->p, err);
		m.value[m.n++] = o->tokens / (clock_s() - start);
	}
	if (!status)
		print(&m, b);
	session_close(s);
	free(logits);
	return status;
}

/* What is measured over a stored context, which is made once. */
static int bench_context(bench *b, error *err)
{
	const double budgets[2] = { 1, b->f->cfg.budget };
	session *s = NULL;
	context *ctx = NULL;
	int status;

	if (!(status = session_open(&s, b->f->eng, NULL, b->n, err)) && !(status = session_eval(s, b->id, b->n, NULL, NULL, &b->o->p, err)))
		status = bench_cluster(&ctx, b, s, b->o->what & BENCH_CLUSTER, err);
	if (!status && b->o->what & BENCH_CLUSTER)
		status = bench_write(b, ctx, err);
	session_close(s);
	for (int i = 0; i < (budgets[1] < 1 ? 2 : 1) && !status; i++) {
		if (b->o->what & BENCH_QUESTION)
			status = question_at(b, ctx, budgets[i], err);
		if (!status && b->o->what & BENCH_DECODE)
			status = decode_at(b, ctx, budgets[i], err);
	}
	context_free(ctx);
	return status;
}

/* From a stored document to the first token, the model open already: the last used one. */
static int bench_reopen(bench *b, error *err)
{
	const bench_options *o = b->o;
	folio *f = b->f;
	measure m = { .what = "reopen", .unit = "ms to the first token", .budget = f->cfg.budget };
	document_row *row = NULL;
	int n = 0, status = store_list_documents(&row, &n, f->lib, err), kept = f->cfg.answer_tokens;

	if (!status && !n)
		status = error_set(err, ERR_NOTFOUND, "reopening is measured with a document of the library, which is empty: `folio add FILE` first");
	f->cfg.answer_tokens = 1;
	for (int r = 0; r < o->runs && !status; r++) {
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
		print(&m, b);
	document_rows_free(row, n);
	return status;
}

int bench_run(folio *f, const bench_options *o, error *err)
{
	int window = f->eng->model->p.context, most = window - o->tokens - 1, n = o->depth ? o->depth : window < 4096 ? most : 4096;
	bench b = { .f = f, .o = o, .n = n };
	int *id = NULL, status;

	if (n > most || n < 1)
		return error_set(err, ERR_ARG, "%d tokens and %d answered ones do not fit the model's window of %d", n, o->tokens, window);
	if ((status = make_ids(&id, f->eng, n + o->tokens, err)))
		return status;
	b.id = id;
	status = machine_measure(&b.machine, f->eng->pool, err);
	if (!status && !o->json)
		printf("machine  %s, %d threads: %.0f GFLOP/s in products, %.1f GB/s read from memory\n", engine_isa_name(), pool_threads(f->eng->pool),
		       b.machine.flop_per_s / 1e9, b.machine.bytes_per_s / 1e9);
	if (!status && o->what & BENCH_PREFILL)
		status = bench_prefill(&b, err);
	if (!status && o->what & (BENCH_CLUSTER | BENCH_QUESTION | BENCH_DECODE))
		status = bench_context(&b, err);
	if (!status && o->what & BENCH_REOPEN)
		status = bench_reopen(&b, err);
	free(id);
	return status;
}

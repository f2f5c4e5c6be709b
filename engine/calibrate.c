/* Calibration of a clustered context (offline step 4): what each share of the keys
 * costs a KV head and what error it leaves, measured with queries of questions or the
 * document's own last ones; and the paper's single threshold T from the same queries.
 *
 * For a query the exact exponentials of all keys are formed once and added up by
 * cluster; every share then only sums the clusters that its lookup selects. */

#include "engine/session_impl.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/buckets.h"
#include "kernels/elementwise.h"
#include "kernels/matmul.h"
#include "kernels/shares.h"

/* S of a level-2 cluster for one query, and how many keys it stands for. */
typedef ranked sample;

typedef struct {
	float *query;        /* [queries, group, head_dim] */
	float *score;        /* [queries, group, body] */
	float *edge_score;   /* [queries, group, sinks + window] */
	float *sum;          /* [k2 + 1, group] exponentials; the last row is the edges' */
	float *acc;          /* [k2 + 1, group, head_dim] */
	float *part_sum;     /* [group] of the clusters taken */
	float *part;         /* [group, head_dim] */
	float *exact;        /* [group, head_dim] */
	float *diff;         /* [queries, CONTEXT_CURVE, group, head_dim] */
	float *projected;    /* [queries, CONTEXT_CURVE, dim] */
	float *low_a, *low_b; /* the adapter's factors A and a row of B of a layer's W_o */
	float *wo;           /* [dim, group, head_dim] this group's slice of W_o */
	float *wo_row;       /* [heads * head_dim] */
	float *share;        /* [k2 + 1] S of every cluster for one query */
	float *lookup;
	key_range *range;    /* [k2 + 1] */
	int *cluster;        /* [k2] */
} scratch;

typedef struct {
	const session *s;
	const capture *cap;
	context *c;
	const progress *p;
	scratch *worker;
	sample *samples;     /* [layers, kv_heads, queries, k2], and as many for sorting */
	atomic_int done, failed;
	error err;
} work;

static void scratch_free(scratch *w)
{
	float *all[] = { w->query, w->score, w->edge_score, w->sum, w->acc, w->part_sum, w->part, w->exact,
	                 w->diff, w->projected, w->wo, w->wo_row, w->share, w->lookup, w->low_a, w->low_b };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		free(all[i]);
	free(w->range);
	free(w->cluster);
}

static bool scratch_new(scratch *w, const work *wk)
{
	const model_params *p = &wk->s->m->p;
	const context *c = wk->c;
	size_t g = (size_t)(p->heads / p->kv_heads), hd = (size_t)p->head_dim, k = (size_t)c->k2 + 1;
	size_t curves = (size_t)wk->cap->n * CONTEXT_CURVE;

	size_t rows = (size_t)wk->cap->n * g;
	w->query = mem_aligned(rows * hd, sizeof(float));
	w->score = mem_aligned(rows * (size_t)c->body, sizeof(float));
	w->edge_score = mem_aligned(rows * (size_t)(c->sinks + c->window), sizeof(float));
	w->sum = mem_aligned(k * g, sizeof(float));
	w->acc = mem_aligned(k * g * hd, sizeof(float));
	w->part_sum = mem_aligned(g, sizeof(float));
	w->part = mem_aligned(g * hd, sizeof(float));
	w->exact = mem_aligned(g * hd, sizeof(float));
	w->diff = mem_aligned(curves * g * hd, sizeof(float));
	w->projected = mem_aligned(curves * (size_t)p->dim, sizeof(float));
	w->wo = mem_aligned((size_t)p->dim * g * hd, sizeof(float));
	w->wo_row = mem_aligned((size_t)p->heads * hd, sizeof(float));
	size_t rank = wk->s->e->adapter ? (size_t)wk->s->e->adapter->rank : 0;
	w->low_a = mem_aligned(rank * (size_t)p->heads * hd, sizeof(float));
	w->low_b = mem_aligned(rank, sizeof(float));
	w->share = mem_aligned(k, sizeof(float));
	w->lookup = mem_aligned(lookup_scratch_floats(c, (int)g), sizeof(float));
	w->range = mem_array(k, sizeof(*w->range));
	w->cluster = mem_array(k, sizeof(*w->cluster));
	return w->query && w->score && w->edge_score && w->sum && w->acc && w->part_sum && w->part && w->exact &&
	       w->diff && w->projected && w->wo && w->wo_row && w->low_a && w->low_b && w->share && w->lookup && w->range && w->cluster;
}

/* wo_row += row i of B times A */
static void add_difference(scratch *w, const weights *a, const weights *b, int i)
{
	cpu_dequantize(w->low_b, (const char *)b->data + (size_t)i * dtype_row_bytes(b->type, b->in), b->type, b->in);
	for (int r = 0; r < b->in; r++)
		for (int j = 0; j < a->in; j++)
			w->wo_row[j] += w->low_b[r] * w->low_a[(size_t)r * (size_t)a->in + (size_t)j];
}

/* This group's columns of W_o, the adapter's difference included, as f32. */
static void slice_wo(scratch *w, const session *s, int layer, int kv_head)
{
	const model_params *p = &s->m->p;
	const weights *o = &s->m->layer[layer].o;
	const adapter_layer *al = s->e->adapter ? &s->e->adapter->layer[layer] : NULL;
	const weights *a = al ? &al->a[AD_IN_O] : NULL, *b = al ? &al->b[AD_O] : NULL;
	size_t row = dtype_row_bytes(o->type, o->in), cols = (size_t)(p->heads / p->kv_heads) * (size_t)p->head_dim;

	for (int r = 0; b && r < b->in; r++)
		cpu_dequantize(w->low_a + (size_t)r * (size_t)a->in, (const char *)a->data + (size_t)r * dtype_row_bytes(a->type, a->in), a->type, a->in);
	for (int i = 0; i < p->dim; i++) {
		cpu_dequantize(w->wo_row, (const char *)o->data + (size_t)i * row, o->type, o->in);
		if (b && b->out)
			add_difference(w, a, b, i);
		memcpy(w->wo + (size_t)i * cols, w->wo_row + (size_t)kv_head * cols, cols * sizeof(float));
	}
}

/* Edge keys that the query at this position sees: the sinks and the window up to it. */
static int visible_edges(const context *c, int position)
{
	int n = c->sinks + position - (c->tokens - c->window) + 1;

	return n < c->sinks ? c->sinks : n > c->sinks + c->window ? c->sinks + c->window : n;
}

/* Scores of all queries at once: many rows make the product cheap. */
static int score_keys(scratch *w, const work *wk, const context_head *h, int layer, int kv_head, error *err)
{
	const model_params *p = &wk->s->m->p;
	const context *c = wk->c;
	int group = p->heads / p->kv_heads, hd = p->head_dim, n = wk->cap->n, status;
	size_t row = (size_t)group * (size_t)hd;
	weights body = { h->k, DT_F16, c->body, hd }, edge = { h->edge_k, DT_F16, c->sinks + c->window, hd };

	for (int q = 0; q < n; q++)
		memcpy(w->query + (size_t)q * row,
		       wk->cap->q + (((size_t)layer * (size_t)n + (size_t)q) * (size_t)p->heads + (size_t)(kv_head * group)) * (size_t)hd,
		       row * sizeof(float));
	if ((status = cpu_matmul(w->score, c->body, w->query, hd, n * group, &body, NULL, NULL, err)))
		return status;
	return cpu_matmul(w->edge_score, edge.out, w->query, hd, n * group, &edge, NULL, NULL, err);
}

/* Fill sum and acc for one query. */
static int sum_clusters(scratch *w, const context *c, const context_head *h, int query, int group, int position, float scale, error *err)
{
	int hd = c->head_dim, edges = visible_edges(c, position), width = c->sinks + c->window;
	float *score = w->score + (size_t)(query * group) * (size_t)c->body, *edge = w->edge_score + (size_t)(query * group) * (size_t)width;
	const uint32_t whole[2] = { 0, (uint32_t)edges };
	float most[64];

	for (int g = 0; g < group; g++) {
		float a = cpu_largest(score + (size_t)g * (size_t)c->body, c->body), b = cpu_largest(edge + (size_t)g * (size_t)width, edges);
		if (!isfinite(a) || !isfinite(b))
			return error_set(err, ERR_NUMERIC, "calibration met a value that is no number");
		most[g] = a > b ? a : b;
	}
	bucket_args args = { w->sum, w->acc, score, (size_t)c->body, most, h->v, h->range2, c->k2, group, hd, scale };
	cpu_buckets(&args);
	args = (bucket_args){ w->sum + (size_t)c->k2 * (size_t)group, w->acc + (size_t)c->k2 * (size_t)(group * hd), edge, (size_t)width,
	                      most, h->edge_v, whole, 1, group, hd, scale };
	cpu_buckets(&args);
	return 0;
}

/* Attention output over the edges and the listed clusters, from the bucket sums. */
static void output_of(float *out, scratch *w, const int *cluster, int n, int k2, int group, int hd)
{
	memcpy(w->part_sum, w->sum + (size_t)k2 * (size_t)group, (size_t)group * sizeof(float));
	memcpy(w->part, w->acc + (size_t)k2 * (size_t)(group * hd), (size_t)(group * hd) * sizeof(float));
	for (int i = 0; i < n; i++) {
		const float *acc = w->acc + (size_t)cluster[i] * (size_t)(group * hd);
		for (int g = 0; g < group; g++)
			w->part_sum[g] += w->sum[(size_t)cluster[i] * (size_t)group + (size_t)g];
		cpu_add(w->part, acc, (size_t)(group * hd), NULL);
	}
	for (int g = 0; g < group; g++)
		for (int d = 0; d < hd; d++)
			out[g * hd + d] = w->part[g * hd + d] / w->part_sum[g];
}

/* One query: the difference from the exact output for every share, and what each read. */
static int try_shares(scratch *w, const work *wk, const context_head *h, int query, const float *q, int group,
                      float *cost, error *err)
{
	const context *c = wk->c;
	int hd = c->head_dim, clusters, status = 0, all = c->k2;
	float scale = 1.0f / sqrtf((float)hd);

	for (int i = 0; i < c->k2; i++)
		w->cluster[i] = i;
	output_of(w->exact, w, w->cluster, all, c->k2, group, hd);
	for (int i = 0; i < CONTEXT_CURVE && !status; i++) {
		lookup_rule rule = { .share = context_share[i] };
		lookup_result r;
		float *diff = w->diff + ((size_t)query * CONTEXT_CURVE + (size_t)i) * (size_t)(group * hd);
		status = lookup_select(w->range, &r, w->cluster, &clusters, c, h, q, group, scale, &rule, w->lookup, err);
		if (status)
			break;
		cost[i] += ((float)r.keys + 0.5f * (float)r.centroids) / (float)c->body;
		output_of(diff, w, w->cluster, clusters, c->k2, group, hd);
		for (int d = 0; d < group * hd; d++)
			diff[d] -= w->exact[d];
	}
	return status;
}

/* Squared length of the projected differences over the residual's. */
static int measure_loss(float *loss, scratch *w, const work *wk, int layer, int group, error *err)
{
	const model_params *p = &wk->s->m->p;
	int cols = group * p->head_dim, n = wk->cap->n;
	weights wo = { w->wo, DT_F32, p->dim, cols };
	int status = cpu_matmul(w->projected, p->dim, w->diff, cols, n * CONTEXT_CURVE, &wo, NULL, NULL, err);

	for (int q = 0; q < n && !status; q++)
		for (int i = 0; i < CONTEXT_CURVE; i++) {
			const float *x = w->projected + ((size_t)q * CONTEXT_CURVE + (size_t)i) * (size_t)p->dim;
			double sum = 0;
			for (int d = 0; d < p->dim; d++)
				sum += (double)x[d] * x[d];
			loss[i] += (float)(sum / wk->cap->norm[(size_t)layer * (size_t)n + (size_t)q] / n);
		}
	return status;
}

static int calibrate_head(const work *wk, scratch *w, int layer, int kv_head, error *err)
{
	const model_params *p = &wk->s->m->p;
	const capture *cap = wk->cap;
	const context *c = wk->c;
	const context_head *h = context_at(c, layer, kv_head);
	context_head_rw rw = context_rw(wk->c, layer, kv_head);
	int group = p->heads / p->kv_heads, hd = p->head_dim, status = 0;
	float scale = 1.0f / sqrtf((float)hd);

	status = score_keys(w, wk, h, layer, kv_head, err);
	for (int q = 0; q < cap->n && !status; q++) {
		const float *query = w->query + (size_t)q * (size_t)(group * hd);
		sample *to = wk->samples + (((size_t)layer * (size_t)c->kv_heads + (size_t)kv_head) * (size_t)cap->n + (size_t)q) * (size_t)c->k2;
		if ((status = sum_clusters(w, c, h, q, group, cap->from + q * cap->step, scale, err)) ||
		    (status = try_shares(w, wk, h, q, query, group, rw.cost, err)) ||
		    (status = lookup_scores(w->share, c, h, query, group, scale, w->lookup, err)))
			break;
		for (int k = 0; k < c->k2; k++)
			to[k] = (sample){ w->share[k], (int)(h->range2[k + 1] - h->range2[k]) };
	}
	for (int i = 0; i < CONTEXT_CURVE; i++)
		rw.cost[i] /= (float)cap->n;
	if (status)
		return status;
	slice_wo(w, wk->s, layer, kv_head);
	return measure_loss(rw.loss, w, wk, layer, group, err);
}

static void calibrate_item(void *ud, int item, int who)
{
	work *wk = ud;
	int heads = wk->c->kv_heads, none = 0;
	error err;

	if (atomic_load(&wk->failed))
		return;
	int status = wk->p && cancel_raised(wk->p->stop) ? error_set(&err, ERR_CANCEL, "stopped")
	                                                  : calibrate_head(wk, &wk->worker[who], item / heads, item % heads, &err);
	if (status && atomic_compare_exchange_strong(&wk->failed, &none, status))
		wk->err = err;
	int done = atomic_fetch_add(&wk->done, 1) + 1;
	if (who == 0) {
		progress_event e = { "calibrating", "heads", done, wk->c->layers * heads, 0 };
		progress_report(wk->p, &e);
	}
}

/* T for each share: the S down to which the clusters of all heads and queries must
 * be taken for that share of the keys (the paper's section 3.2). */
static void set_thresholds(work *wk)
{
	const context *c = wk->c;
	size_t lookups = (size_t)c->layers * (size_t)c->kv_heads * (size_t)wk->cap->n, n = lookups * (size_t)c->k2, at = 0;
	float *t = context_thresholds_rw(wk->c), *read = t + CONTEXT_CURVE;
	double keys = 0, total = (double)lookups * c->body;

	ranked_sort(wk->samples, n, wk->samples + n);
	for (int i = 0; i < CONTEXT_CURVE; i++) {
		while (at < n && keys < context_share[i] * total)
			keys += wk->samples[at++].i;
		/* The first one that is left out; S > T is then exactly those before it. */
		t[i] = at < n ? wk->samples[at].s : 0.0f;
		read[i] = (float)(keys / total + 0.5 * (c->k1 + fmin(c->k2, 3.0 * context_share[i] * c->k2)) / c->body);
	}
}

int calibrate_context(context *c, const session *s, const capture *cap, const progress *p, error *err)
{
	int workers = pool_threads(s->e->pool), status = 0;
	work wk = { .s = s, .cap = cap, .c = c, .p = p };
	size_t heads = (size_t)c->layers * (size_t)c->kv_heads;

	if (!c->body)
		return 0;
	if (s->m->p.heads / s->m->p.kv_heads > 64)
		return error_set(err, ERR_UNSUPPORTED, "more than 64 query heads share a KV head in this model: folio cannot calibrate it");
	wk.samples = mem_array(2 * heads * (size_t)cap->n * (size_t)c->k2, sizeof(*wk.samples));
	wk.worker = mem_zeroed((size_t)workers, sizeof(*wk.worker));
	if (!wk.samples || !wk.worker)
		status = error_nomem(err, "calibration");
	for (int i = 0; i < workers && !status; i++)
		if (!scratch_new(&wk.worker[i], &wk))
			status = error_nomem(err, "calibration");
	if (!status) {
		pool_run(s->e->pool, (int)heads, calibrate_item, &wk);
		status = atomic_load(&wk.failed);
		if (status && err)
			*err = wk.err;
	}
	if (!status)
		set_thresholds(&wk);
	for (int i = 0; wk.worker && i < workers; i++)
		scratch_free(&wk.worker[i]);
	free(wk.worker);
	free(wk.samples);
	return status;
}

/* From live keys and values to clustered, permuted ones: offline steps 1 to 3 of
 * Squeezed Attention (section 3.1), every KV head on its own. */

#include "engine/session_impl.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/elementwise.h"
#include "kernels/kmeans.h"

enum {
	/* Rounds over a quarter of the keys, then over all. Ten over all take 1.7 times as long;
	 * KL to dense attention at budgets 0.325 and 1/8 was then 0.004 and 0.050, it is 0.008
	 * and 0.064, and with two rounds over all 0.019 and 0.098. */
	SAMPLED = 6,
	ROUNDS = 3,
	ROUNDS1 = 10,  /* over the centroids of level 2 */
	MOST_TIMES = 8 /* no cluster larger than this many times the average */
};

typedef struct {
	float *raw, *unit;   /* [body, head_dim] */
	float *cent;         /* [k2, head_dim] mean raw key of each level-2 cluster */
	float *cent_unit;    /* [k2, head_dim] */
	float *size;         /* [k2] */
	int *assign2;        /* [body] */
	int *assign1;        /* [k2] */
	uint32_t *place;     /* [k2] level-2 cluster -> its number in level-1 order */
} scratch;

typedef struct {
	const session *s;
	context *c;
	uint64_t seed;
	scratch *worker;
	const progress *p;
	atomic_int done, failed;
	error err;
} work;

static void scratch_free(scratch *w)
{
	free(w->raw);
	free(w->unit);
	free(w->cent);
	free(w->cent_unit);
	free(w->size);
	free(w->assign2);
	free(w->assign1);
	free(w->place);
}

static bool scratch_new(scratch *w, const context *c)
{
	size_t n = (size_t)c->body, k = (size_t)c->k2, hd = (size_t)c->head_dim;

	w->raw = mem_aligned(n * hd, sizeof(float));
	w->unit = mem_aligned(n * hd, sizeof(float));
	w->cent = mem_aligned(k * hd, sizeof(float));
	w->cent_unit = mem_aligned(k * hd, sizeof(float));
	w->size = mem_array(k, sizeof(float));
	w->assign2 = mem_array(n, sizeof(int));
	w->assign1 = mem_array(k, sizeof(int));
	w->place = mem_array(k, sizeof(uint32_t));
	return w->raw && w->unit && w->cent && w->cent_unit && w->size && w->assign2 && w->assign1 && w->place;
}

static const f16 *live_row(const session *s, int layer, int values, int kv_head, int token)
{
	return chunk_rows(s, token / CHUNK, layer, values, kv_head) + (size_t)(token % CHUNK) * (size_t)s->m->p.head_dim;
}

static void normalise(float *out, const float *in, int rows, int dim)
{
	for (int r = 0; r < rows; r++) {
		const float *x = in + (size_t)r * (size_t)dim;
		double sum = 0;
		for (int i = 0; i < dim; i++)
			sum += (double)x[i] * x[i];
		float f = sum > 0 ? (float)(1.0 / sqrt(sum)) : 0.0f;
		for (int i = 0; i < dim; i++)
			out[(size_t)r * (size_t)dim + (size_t)i] = x[i] * f;
	}
}

/* Mean of the rows of each of k groups. size: rows a group. */
static void group_means(float *mean, float *size, const float *x, const int *assign, int n, int k, int dim)
{
	memset(mean, 0, (size_t)k * (size_t)dim * sizeof(float));
	memset(size, 0, (size_t)k * sizeof(float));
	for (int i = 0; i < n; i++) {
		float *m = mean + (size_t)assign[i] * (size_t)dim;
		for (int j = 0; j < dim; j++)
			m[j] += x[(size_t)i * (size_t)dim + (size_t)j];
		size[assign[i]] += 1.0f;
	}
	for (int g = 0; g < k; g++)
		for (int j = 0; j < dim; j++)
			mean[(size_t)g * (size_t)dim + (size_t)j] /= size[g];
}

/* Number the level-2 clusters so that each level-1 cluster's are neighbours; fill
 * range1 and the centroids of both levels. */
static void order_clusters(context_head_rw *h, scratch *w, const context *c)
{
	size_t hd = (size_t)c->head_dim;
	uint32_t next = 0;

	for (int i = 0; i < c->k1; i++) {
		float *mean = w->cent_unit, keys = 0; /* no longer needed as unit vectors */
		memset(mean, 0, hd * sizeof(float));
		h->range1[i] = next;
		for (int j = 0; j < c->k2; j++) {
			if (w->assign1[j] != i)
				continue;
			const float *x = w->cent + (size_t)j * hd;
			for (size_t d = 0; d < hd; d++)
				mean[d] += w->size[j] * x[d];
			keys += w->size[j];
			cpu_to_f16(h->cent2 + (size_t)next * hd, x, hd);
			w->place[j] = next++;
		}
		for (size_t d = 0; d < hd; d++)
			mean[d] /= keys;
		cpu_to_f16(h->cent1 + (size_t)i * hd, mean, hd);
	}
	h->range1[c->k1] = next;
}

/* Slots: clusters in their order, tokens inside a cluster in theirs. */
static void permute(context_head_rw *h, const scratch *w, const context *c, const session *s, int layer, int kv_head)
{
	size_t hd = (size_t)c->head_dim;
	uint32_t *fill = h->range2; /* first the sizes, then running starts shifted by one */

	memset(fill, 0, ((size_t)c->k2 + 1) * sizeof(*fill));
	for (int i = 0; i < c->body; i++)
		fill[w->place[w->assign2[i]] + 1]++;
	for (int k = 0; k < c->k2; k++)
		fill[k + 1] += fill[k];
	for (int i = 0; i < c->body; i++) {
		uint32_t slot = fill[w->place[w->assign2[i]]]++;
		int token = c->sinks + i;
		memcpy(h->k + slot * hd, live_row(s, layer, 0, kv_head, token), hd * sizeof(f16));
		memcpy(h->v + slot * hd, live_row(s, layer, 1, kv_head, token), hd * sizeof(f16));
		h->position[slot] = (uint32_t)token;
	}
	/* Each start has moved to the next one's place: move them back. */
	memmove(fill + 1, fill, (size_t)c->k2 * sizeof(*fill));
	fill[0] = 0;
}

static void copy_edges(context_head_rw *h, const context *c, const session *s, int layer, int kv_head)
{
	size_t hd = (size_t)c->head_dim;

	for (int i = 0; i < c->sinks + c->window; i++) {
		int token = i < c->sinks ? i : c->tokens - c->window + i - c->sinks;
		memcpy(h->edge_k + (size_t)i * hd, live_row(s, layer, 0, kv_head, token), hd * sizeof(f16));
		memcpy(h->edge_v + (size_t)i * hd, live_row(s, layer, 1, kv_head, token), hd * sizeof(f16));
	}
}

static int cluster_head(const work *wk, scratch *w, int layer, int kv_head, error *err)
{
	const session *s = wk->s;
	const context *c = wk->c;
	int hd = c->head_dim, status;
	context_head_rw h = context_rw(wk->c, layer, kv_head);
	const cancel *stop = wk->p ? wk->p->stop : NULL;
	uint64_t seed = wk->seed + (uint64_t)(layer * c->kv_heads + kv_head);

	copy_edges(&h, c, s, layer, kv_head);
	if (!c->body)
		return 0;
	for (int i = 0; i < c->body; i++)
		cpu_from_f16(w->raw + (size_t)i * (size_t)hd, live_row(s, layer, 0, kv_head, c->sinks + i), (size_t)hd);
	normalise(w->unit, w->raw, c->body, hd);
	kmeans_options o = { c->k2, ROUNDS, MOST_TIMES * ((c->body + c->k2 - 1) / c->k2), seed, SAMPLED };
	if ((status = cpu_kmeans(w->assign2, w->unit, NULL, c->body, hd, &o, stop, err)))
		return status;

	group_means(w->cent, w->size, w->raw, w->assign2, c->body, c->k2, hd);
	normalise(w->cent_unit, w->cent, c->k2, hd);
	o = (kmeans_options){ c->k1, ROUNDS1, MOST_TIMES * ((c->k2 + c->k1 - 1) / c->k1), seed, 0 };
	if ((status = cpu_kmeans(w->assign1, w->cent_unit, w->size, c->k2, hd, &o, stop, err)))
		return status;
	order_clusters(&h, w, c);
	permute(&h, w, c, s, layer, kv_head);
	return 0;
}

static void cluster_item(void *ud, int item, int who)
{
	work *wk = ud;
	int heads = wk->c->kv_heads, none = 0;
	error err;

	if (atomic_load(&wk->failed))
		return;
	int status = cluster_head(wk, &wk->worker[who], item / heads, item % heads, &err);
	if (status && atomic_compare_exchange_strong(&wk->failed, &none, status))
		wk->err = err;
	int done = atomic_fetch_add(&wk->done, 1) + 1;
	if (who == 0) { /* the caller's thread, as progress.h promises */
		progress_event e = { "clustering", "heads", done, wk->c->layers * heads, 0 };
		progress_report(wk->p, &e);
	}
}

int cluster_context(context **out, const session *s, uint64_t seed, const progress *p, error *err)
{
	int workers = pool_threads(s->e->pool);
	work wk = { .s = s, .seed = seed, .p = p };
	int status = context_new(&wk.c, &s->m->p, s->live, err);

	*out = NULL;
	if (status)
		return status;
	wk.worker = mem_zeroed((size_t)workers, sizeof(*wk.worker));
	if (!wk.worker)
		status = error_nomem(err, "clustering");
	for (int i = 0; i < workers && !status; i++)
		if (!scratch_new(&wk.worker[i], wk.c))
			status = error_nomem(err, "clustering");
	if (!status) {
		pool_run(s->e->pool, wk.c->layers * wk.c->kv_heads, cluster_item, &wk);
		status = atomic_load(&wk.failed);
		if (status && err)
			*err = wk.err;
	}
	for (int i = 0; wk.worker && i < workers; i++)
		scratch_free(&wk.worker[i]);
	free(wk.worker);
	if (status) {
		context_free(wk.c);
		return status;
	}
	*out = wk.c;
	return 0;
}

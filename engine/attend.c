/* Attention of one layer: stored context (selected ranges, sinks, window) and live
 * tokens, as one exact softmax. Two parallel loops: choose the ranges, then attend,
 * with the keys of a head split when there are too few heads for the threads. */

#include "engine/session_impl.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/matmul.h"

enum {
	TILE_ROWS = 192,  /* rows of one attention item: amortises a key tile's conversion */
	SPLIT_ITEMS = 8,  /* fewer items than this: split their keys */
	SPLIT_KEYS = 512, /* but no finer than this */
	MOST_SPLITS = 8,
};

typedef struct {
	float *q;            /* [rows, head_dim] gathered */
	float *out;          /* [rows, head_dim] */
	float *lse;          /* [rows] */
	float *attention;    /* attention_scratch_floats */
	float *lookup;       /* lookup_scratch_floats */
	attention_span *span;
} worker;

struct attend_memory {
	worker *worker;
	int workers;
	int rows;              /* the workers' buffers hold this many */
	int spans;             /* and this many spans */
	key_range *range;      /* [kv_heads, lookup blocks, k2 + 1] */
	lookup_result *found;  /* [kv_heads, lookup blocks] */
	int lookups;           /* room for this many lookup blocks a head */
	attention_state *part; /* [kv_heads, tiles, splits] */
	float *state;          /* what they point into */
	size_t parts, state_floats;
	atomic_int failed;
	error err;
};

/* One layer's work, as the items see it. */
typedef struct {
	session *s;
	int layer, n;
	int lookups;           /* lookup blocks of n tokens; 0 without a stored body */
	int tile, tiles;       /* tokens an item, items a head */
	int splits;
	size_t state_each;
} layer_work;

int attend_open(attend_memory **out, const session *s, error *err)
{
	attend_memory *m = mem_zeroed(1, sizeof(*m));

	*out = NULL;
	if (!m)
		return error_nomem(err, "attention");
	m->workers = pool_threads(s->e->pool);
	m->worker = mem_zeroed((size_t)m->workers, sizeof(*m->worker));
	if (!m->worker) {
		free(m);
		return error_nomem(err, "attention");
	}
	*out = m;
	return 0;
}

static void worker_free(worker *w)
{
	free(w->q);
	free(w->out);
	free(w->lse);
	free(w->attention);
	free(w->lookup);
	free(w->span);
	*w = (worker){ 0 };
}

void attend_close(attend_memory *m)
{
	if (!m)
		return;
	for (int i = 0; i < m->workers; i++)
		worker_free(&m->worker[i]);
	free(m->worker);
	free(m->range);
	free(m->found);
	free(m->part);
	free(m->state);
	free(m);
}

static bool worker_reserve(worker *w, const session *s, int rows, int spans)
{
	size_t hd = (size_t)s->m->p.head_dim;

	worker_free(w);
	w->q = mem_aligned((size_t)rows * hd, sizeof(float));
	w->out = mem_aligned((size_t)rows * hd, sizeof(float));
	w->lse = mem_aligned((size_t)rows, sizeof(float));
	w->attention = mem_aligned(attention_scratch_floats(rows, (int)hd), sizeof(float));
	w->lookup = mem_aligned(s->ctx ? lookup_scratch_floats(s->ctx, rows) : 1, sizeof(float));
	w->span = mem_array((size_t)spans, sizeof(*w->span));
	return w->q && w->out && w->lse && w->attention && w->lookup && w->span;
}

/* Buffers for this layer's work. Sizes repeat from layer to layer: usually nothing to do. */
static int reserve(layer_work *lw, error *err)
{
	session *s = lw->s;
	attend_memory *m = s->am;
	const model_params *p = &s->m->p;
	int group = p->heads / p->kv_heads;
	int most = lw->tile > LOOKUP_TOKENS ? lw->tile : LOOKUP_TOKENS;
	int rows = most * group, k2 = s->ctx ? s->ctx->k2 : 0, spans = k2 + 2 + (s->max_live + CHUNK - 1) / CHUNK;

	if (rows > m->rows || spans > m->spans) {
		for (int i = 0; i < m->workers; i++)
			if (!worker_reserve(&m->worker[i], s, rows, spans))
				return error_nomem(err, "attention");
		m->rows = rows;
		m->spans = spans;
	}
	if (lw->lookups > m->lookups) {
		size_t n = (size_t)p->kv_heads * (size_t)lw->lookups;
		free(m->range);
		free(m->found);
		m->range = mem_array(n * ((size_t)k2 + 1), sizeof(*m->range));
		m->found = mem_array(n, sizeof(*m->found));
		m->lookups = m->range && m->found ? lw->lookups : 0;
		if (!m->lookups)
			return error_nomem(err, "the lookup");
	}
	return 0;
}

static int reserve_states(layer_work *lw, error *err)
{
	attend_memory *m = lw->s->am;
	const model_params *p = &lw->s->m->p;
	int rows = lw->tile * (p->heads / p->kv_heads);

	lw->state_each = (attention_state_floats(rows, p->head_dim) + 15) / 16 * 16;
	size_t parts = (size_t)(p->kv_heads * lw->tiles * lw->splits), need = lw->state_each * parts;
	if (parts > m->parts) {
		free(m->part);
		m->part = mem_array(parts, sizeof(*m->part));
		m->parts = m->part ? parts : 0;
	}
	if (need > m->state_floats) {
		free(m->state);
		m->state = mem_aligned(need, sizeof(float));
		m->state_floats = m->state ? need : 0;
	}
	return m->state && m->part ? 0 : error_nomem(err, "attention");
}

static void fail(attend_memory *m, int status, const error *e)
{
	int none = 0;

	if (atomic_compare_exchange_strong(&m->failed, &none, status))
		m->err = *e;
}

/* Queries of tokens [from, from + n) for one KV head's group: [n, group, head_dim]. */
static void gather(float *q, const session *s, int kv_head, int from, int n)
{
	const model_params *p = &s->m->p;
	size_t group = (size_t)(p->heads / p->kv_heads), hd = (size_t)p->head_dim;

	for (int t = 0; t < n; t++)
		memcpy(q + (size_t)t * group * hd,
		       s->b.q + ((size_t)(from + t) * (size_t)p->heads + (size_t)kv_head * group) * hd, group * hd * sizeof(float));
}

static key_range *ranges_of(const layer_work *lw, int kv_head, int lookup)
{
	const attend_memory *m = lw->s->am;

	return m->range + ((size_t)kv_head * (size_t)m->lookups + (size_t)lookup) * ((size_t)lw->s->ctx->k2 + 1);
}

static lookup_result *found_of(const layer_work *lw, int kv_head, int lookup)
{
	const attend_memory *m = lw->s->am;

	return m->found + (size_t)kv_head * (size_t)m->lookups + (size_t)lookup;
}

static float scale_of(const session *s)
{
	return 1.0f / sqrtf((float)s->m->p.head_dim);
}

static void lookup_item(void *ud, int item, int who)
{
	layer_work *lw = ud;
	session *s = lw->s;
	const model_params *p = &s->m->p;
	worker *w = &s->am->worker[who];
	int kv_head = item / lw->lookups, lookup = item % lw->lookups, from = lookup * LOOKUP_TOKENS;
	int n = lw->n - from < LOOKUP_TOKENS ? lw->n - from : LOOKUP_TOKENS;
	error err;

	gather(w->q, s, kv_head, from, n);
	int status = lookup_select(ranges_of(lw, kv_head, lookup), found_of(lw, kv_head, lookup), NULL, NULL, s->ctx,
	                           context_at(s->ctx, lw->layer, kv_head), w->q, n * (p->heads / p->kv_heads),
	                           scale_of(s), &s->rule[lw->layer * p->kv_heads + kv_head], w->lookup, &err);
	if (status)
		fail(s->am, status, &err);
}

/* All spans that tokens [from, from + n) of the block see, in a fixed order; the
 * causal one, if any, comes last. Returns their number. */
static int list_spans(attention_span *span, const layer_work *lw, int kv_head, int from)
{
	const session *s = lw->s;
	size_t hd = (size_t)s->m->p.head_dim;
	int n = 0;

	if (s->ctx) {
		const context_head *h = context_at(s->ctx, lw->layer, kv_head);
		if (lw->lookups) {
			int lookup = from / LOOKUP_TOKENS;
			const key_range *r = ranges_of(lw, kv_head, lookup);
			for (int i = 0; i < found_of(lw, kv_head, lookup)->ranges; i++)
				span[n++] = (attention_span){ h->k + (size_t)r[i].from * hd, h->v + (size_t)r[i].from * hd, r[i].n, -1, false };
		}
		span[n++] = (attention_span){ h->edge_k, h->edge_v, s->ctx->sinks + s->ctx->window, -1, false };
	}
	int now = s->live / CHUNK;
	for (int c = 0; c <= now; c++) {
		const void *k = chunk_bytes(s, c, lw->layer, 0, kv_head), *v = chunk_bytes(s, c, lw->layer, 1, kv_head);
		if (c < now)
			span[n++] = (attention_span){ k, v, CHUNK, -1, s->wide };
		else
			span[n++] = (attention_span){ k, v, s->live % CHUNK + lw->n, s->live % CHUNK + from, s->wide };
	}
	return n;
}

/* Narrow the list to one of several parts with about equally many keys. The causal
 * span stays whole, in the last part: cut, its first rows could see nothing. */
static int part_of_spans(attention_span *span, int n, int part, int parts, int hd)
{
	int64_t total = 0, at = 0;
	int kept = 0;

	for (int i = 0; i < n - 1; i++)
		total += span[i].n;
	int64_t lo = total * part / parts, hi = total * (part + 1) / parts;
	for (int i = 0; i < n - 1; i++) {
		int64_t a = lo > at ? lo - at : 0, b = hi - at < span[i].n ? hi - at : span[i].n;
		at += span[i].n;
		if (a >= b)
			continue;
		span[kept++] = (attention_span){ attention_row(&span[i], span[i].k, (int)a, hd), attention_row(&span[i], span[i].v, (int)a, hd),
		                                 (int)(b - a), -1, span[i].wide };
	}
	if (part == parts - 1)
		span[kept++] = span[n - 1];
	return kept;
}

static void attention_item(void *ud, int item, int who)
{
	layer_work *lw = ud;
	session *s = lw->s;
	const model_params *p = &s->m->p;
	worker *w = &s->am->worker[who];
	int group = p->heads / p->kv_heads, hd = p->head_dim;
	int split = item % lw->splits, tile = item / lw->splits % lw->tiles, kv_head = item / lw->splits / lw->tiles;
	/* Late tiles see the most keys: begin with them, so that no long item comes last. */
	tile = lw->tiles - 1 - tile;
	int from = tile * lw->tile, n = lw->n - from < lw->tile ? lw->n - from : lw->tile;
	size_t slot = ((size_t)kv_head * (size_t)lw->tiles + (size_t)tile) * (size_t)lw->splits + (size_t)split;
	attention_state *st = &s->am->part[slot];

	gather(w->q, s, kv_head, from, n);
	int spans = list_spans(w->span, lw, kv_head, from);
	if (lw->splits > 1)
		spans = part_of_spans(w->span, spans, split, lw->splits, hd);
	attention_state_init(st, s->am->state + slot * lw->state_each, n * group, hd, group);
	cpu_attention(st, w->q, w->span, spans, scale_of(s), w->attention);
}

/* Merge an item's splits and put its rows where the output product wants them. */
static void finish_item(void *ud, int item, int who)
{
	layer_work *lw = ud;
	session *s = lw->s;
	const model_params *p = &s->m->p;
	worker *w = &s->am->worker[who];
	int group = p->heads / p->kv_heads, tile = item % lw->tiles, kv_head = item / lw->tiles;
	int from = tile * lw->tile, n = lw->n - from < lw->tile ? lw->n - from : lw->tile;
	size_t hd = (size_t)p->head_dim;
	attention_state *st = s->am->part + (size_t)item * (size_t)lw->splits;
	error err;

	for (int i = 1; i < lw->splits; i++)
		attention_merge(st, st + i);
	int status = attention_finish(w->out, (int)hd, w->lse, st, &err);
	if (status) {
		fail(s->am, status, &err);
		return;
	}
	for (int t = 0; t < n; t++) {
		size_t head = (size_t)(from + t) * (size_t)p->heads + (size_t)kv_head * (size_t)group;
		memcpy(s->b.att + head * hd, w->out + (size_t)t * (size_t)group * hd, (size_t)group * hd * sizeof(float));
		memcpy(s->b.lse + head, w->lse + t * group, (size_t)group * sizeof(float));
	}
}

/* Add exp(score - lse) of rows q [n, head_dim] with stride over keys [m, head_dim]. */
static int add_mass(float *mass, const uint32_t *position, int first, const f16 *k, int m, const float *q, int n,
                    const float *lse, float scale, int hd, float *score, error *err)
{
	weights w = { k, DT_F16, m, hd };
	int status = cpu_matmul(score, m, q, hd, n, &w, NULL, NULL, err);

	for (int r = 0; r < n && !status; r++)
		for (int j = 0; j < m; j++)
			mass[position ? (int)position[j] : first + j] += expf(score[(size_t)r * (size_t)m + (size_t)j] * scale - lse[r]);
	return status;
}

static int watch_head(const layer_work *lw, int head, float *mass, float *q, float *lse, float *score, error *err)
{
	session *s = lw->s;
	const model_params *p = &s->m->p;
	const context *c = s->ctx;
	int kv_head = head / (p->heads / p->kv_heads), hd = p->head_dim, status = 0;
	const context_head *h = context_at(c, lw->layer, kv_head);

	for (int from = 0; from < lw->n && !status; from += LOOKUP_TOKENS) {
		int n = lw->n - from < LOOKUP_TOKENS ? lw->n - from : LOOKUP_TOKENS;
		for (int t = 0; t < n; t++) {
			size_t at = (size_t)(from + t) * (size_t)p->heads + (size_t)head;
			memcpy(q + (size_t)t * (size_t)hd, s->b.q + at * (size_t)hd, (size_t)hd * sizeof(float));
			lse[t] = s->b.lse[at];
		}
		float scale = scale_of(s);
		status = add_mass(mass, NULL, 0, h->edge_k, c->sinks, q, n, lse, scale, hd, score, err);
		if (!status)
			status = add_mass(mass, NULL, c->tokens - c->window, h->edge_k + (size_t)c->sinks * (size_t)hd,
			                  c->window, q, n, lse, scale, hd, score, err);
		const key_range *r = lw->lookups ? ranges_of(lw, kv_head, from / LOOKUP_TOKENS) : NULL;
		for (int i = 0; r && i < found_of(lw, kv_head, from / LOOKUP_TOKENS)->ranges && !status; i++)
			status = add_mass(mass, h->position + r[i].from, 0, h->k + (size_t)r[i].from * (size_t)hd, r[i].n, q, n,
			                  lse, scale, hd, score, err);
	}
	return status;
}

static int watch_layer(const layer_work *lw, error *err)
{
	session *s = lw->s;
	size_t hd = (size_t)s->m->p.head_dim;
	float *mem = NULL;
	int status = 0;

	for (int i = 0; i < s->watch.heads && !status; i++) {
		if (s->watch.head[i].layer != lw->layer)
			continue;
		if (!mem && !(mem = mem_array(LOOKUP_TOKENS * (hd + 1 + (size_t)s->ctx->tokens), sizeof(float))))
			return error_nomem(err, "the watched attention");
		float *mass = s->watch.mass + (s->watch.apart ? (size_t)i * (size_t)s->ctx->tokens : 0);
		status = watch_head(lw, s->watch.head[i].head, mass, mem, mem + LOOKUP_TOKENS * hd, mem + LOOKUP_TOKENS * (hd + 1), err);
	}
	free(mem);
	return status;
}

static void count_lookups(const layer_work *lw)
{
	session *s = lw->s;

	for (int h = 0; h < s->m->p.kv_heads; h++)
		for (int i = 0; i < lw->lookups; i++) {
			const lookup_result *r = found_of(lw, h, i);
			s->kept_keys += r->keys;
			s->centroids += r->centroids;
			s->read_sum += (r->keys + 0.5 * r->centroids) / s->ctx->body;
			s->steps++;
		}
}

/* How finely to split the keys: from shapes and selections alone, never from the
 * number of threads, so that the sums come out the same on every machine. */
static int choose_splits(const layer_work *lw)
{
	const session *s = lw->s;
	int items = s->m->p.kv_heads * lw->tiles, most = 0;

	if (items >= SPLIT_ITEMS)
		return 1;
	for (int h = 0; h < s->m->p.kv_heads; h++)
		for (int i = 0; i < lw->lookups; i++)
			most = found_of(lw, h, i)->keys > most ? found_of(lw, h, i)->keys : most;
	int by_keys = (most + s->live / CHUNK * CHUNK) / SPLIT_KEYS, by_items = (SPLIT_ITEMS + items - 1) / items;
	int n = by_keys < by_items ? by_keys : by_items;
	return n < 1 ? 1 : n > MOST_SPLITS ? MOST_SPLITS : n;
}

int attend_layer(session *s, int layer, int n, error *err)
{
	const model_params *p = &s->m->p;
	int group = p->heads / p->kv_heads, status;
	layer_work lw = { .s = s, .layer = layer, .n = n, .splits = 1 };

	lw.lookups = s->ctx && s->ctx->body ? (n + LOOKUP_TOKENS - 1) / LOOKUP_TOKENS : 0;
	lw.tile = lw.lookups ? LOOKUP_TOKENS : TILE_ROWS / group > 0 ? TILE_ROWS / group : 1;
	if (lw.tile > n)
		lw.tile = n;
	lw.tiles = (n + lw.tile - 1) / lw.tile;
	if ((status = reserve(&lw, err)))
		return status;

	atomic_store(&s->am->failed, 0);
	pool_run(s->e->pool, p->kv_heads * lw.lookups, lookup_item, &lw);
	if (!atomic_load(&s->am->failed)) {
		lw.splits = choose_splits(&lw);
		if ((status = reserve_states(&lw, err)))
			return status;
		pool_run(s->e->pool, p->kv_heads * lw.tiles * lw.splits, attention_item, &lw);
		pool_run(s->e->pool, p->kv_heads * lw.tiles, finish_item, &lw);
	}
	if ((status = atomic_load(&s->am->failed))) {
		if (err)
			*err = s->am->err;
		return status;
	}
	if (s->trial)
		return 0;
	count_lookups(&lw);
	return s->watch.heads ? watch_layer(&lw, err) : 0;
}

/* The transformer's forward pass over one block of tokens. Everything in which the
 * supported architectures differ is a flag or a number of model_params. */

#include "engine/session_impl.h"

#include <math.h>
#include <string.h>

#include "kernels/elementwise.h"
#include "kernels/rmsnorm.h"

static void embed(session *s, const int *id, int n)
{
	const weights *w = &s->m->embedding;
	size_t row = dtype_row_bytes(w->type, w->in);

	for (int i = 0; i < n; i++)
		cpu_dequantize(s->b.x + (size_t)i * (size_t)w->in, (const char *)w->data + (size_t)id[i] * row, w->type, w->in);
}

static void store_kv(session *s, int layer, int n)
{
	const model_params *p = &s->m->p;
	size_t hd = (size_t)p->head_dim;
	int chunk = s->live / CHUNK, at = s->live % CHUNK;

	for (int h = 0; s->wide && h < p->kv_heads; h++) {
		float *k = (float *)chunk_bytes(s, chunk, layer, 0, h) + (size_t)at * hd;
		float *v = (float *)chunk_bytes(s, chunk, layer, 1, h) + (size_t)at * hd;
		for (int t = 0; t < n; t++) {
			size_t from = ((size_t)t * (size_t)p->kv_heads + (size_t)h) * hd;
			memcpy(k + (size_t)t * hd, s->b.k + from, hd * sizeof(float));
			memcpy(v + (size_t)t * hd, s->b.v + from, hd * sizeof(float));
		}
	}
	for (int h = 0; !s->wide && h < p->kv_heads; h++) {
		f16 *k = chunk_rows(s, chunk, layer, 0, h) + (size_t)at * hd;
		f16 *v = chunk_rows(s, chunk, layer, 1, h) + (size_t)at * hd;
		for (int t = 0; t < n; t++) {
			size_t from = ((size_t)t * (size_t)p->kv_heads + (size_t)h) * hd;
			cpu_to_f16(k + (size_t)t * hd, s->b.k + from, hd);
			cpu_to_f16(v + (size_t)t * hd, s->b.v + from, hd);
		}
	}
}

/* Keep the queries that calibration may want, and how large the residual stream is. */
static void keep_queries(session *s, int layer, int n)
{
	const model_params *p = &s->m->p;
	seen_queries *c = &s->seen;
	size_t qd = (size_t)p->heads * (size_t)p->head_dim;

	for (int t = n < CONTEXT_WINDOW ? 0 : n - CONTEXT_WINDOW; c->q && t < n; t++) {
		int place = (s->live + t) % CONTEXT_WINDOW;
		size_t at = (size_t)layer * CONTEXT_WINDOW + (size_t)place;
		const float *x = s->b.x + (size_t)t * (size_t)p->dim;
		double sum = 0;
		memcpy(c->q + at * qd, s->b.q + (size_t)t * qd, qd * sizeof(float));
		for (int j = 0; j < p->dim; j++)
			sum += (double)x[j] * x[j];
		c->norm[at] = (float)sum;
		c->position[place] = layer == p->layers - 1 ? s->live + t : -1;
	}
}

/* A layer's maps of one input, with the adapter's differences if it has any. */
static matmul_maps maps_of(const session *s, int l, adapter_input input)
{
	const model_layer *w = &s->m->layer[l];
	const block *b = &s->b;
	const adapter_layer *al = s->e->adapter ? &s->e->adapter->layer[l] : NULL;
	matmul_maps m = { .t = b->low };
	const matmul_map all[AD_MAPS] = {
		{ .y = b->q, .w = &w->q, .bias = w->q_bias }, { .y = b->k, .w = &w->k, .bias = w->k_bias },
		{ .y = b->v, .w = &w->v, .bias = w->v_bias }, { .y = b->h, .w = &w->o },
		{ .y = b->gate, .w = &w->gate },              { .y = b->up, .w = &w->up },
		{ .y = b->h, .w = &w->down },
	};

	m.a = al && al->a[input].out ? &al->a[input] : NULL;
	for (int i = 0; i < AD_MAPS; i++) {
		if (adapter_input_of((adapter_map)i) != input)
			continue;
		matmul_map *to = &m.map[m.n++];
		*to = all[i];
		if (m.a && al->b[i].out) {
			to->b = &al->b[i];
			to->at = al->at[i];
		}
	}
	return m;
}

/* The maps of an input of layer l times x [n, in]. */
static int product(session *s, int l, adapter_input input, const float *x, int n, error *err)
{
	const model_params *p = &s->m->p;
	bool last = input == AD_IN_DOWN && l + 1 == p->layers;
	matmul_maps m = maps_of(s, l, input), next = { .map = { { .w = &s->m->output } }, .n = 1 };

	if (!last)
		next = input == AD_IN_DOWN ? maps_of(s, l + 1, AD_IN_ATTN) : maps_of(s, l, input + 1);
	return cpu_matmul_maps(&m, x, m.map[0].w->in, n, &next, s->e->pool, err);
}

static int attention_part(session *s, int l, int n, error *err)
{
	const model_params *p = &s->m->p;
	const model_layer *w = &s->m->layer[l];
	block *b = &s->b;
	pool *pl = s->e->pool;
	int status;

	cpu_rmsnorm(b->h, b->x, w->attn_norm, n, p->dim, p->eps, pl);
	if ((status = product(s, l, AD_IN_ATTN, b->h, n, err)))
		return status;
	if (w->q_norm)
		cpu_rmsnorm(b->q, b->q, w->q_norm, n * p->heads, p->head_dim, p->eps, pl);
	if (w->k_norm)
		cpu_rmsnorm(b->k, b->k, w->k_norm, n * p->kv_heads, p->head_dim, p->eps, pl);
	cpu_rope(b->q, b->position, p->rope_freq, n, p->heads, p->head_dim, p->rot, p->pairs, p->rope_gain, pl);
	cpu_rope(b->k, b->position, p->rope_freq, n, p->kv_heads, p->head_dim, p->rot, p->pairs, p->rope_gain, pl);
	store_kv(s, l, n);
	keep_queries(s, l, n);
	if ((status = attend_layer(s, l, n, err)) || (status = product(s, l, AD_IN_O, b->att, n, err)))
		return status;
	cpu_add(b->x, b->h, (size_t)n * (size_t)p->dim, pl);
	return 0;
}

static int feed_forward_part(session *s, int l, int n, error *err)
{
	const model_params *p = &s->m->p;
	block *b = &s->b;
	pool *pl = s->e->pool;
	int status;

	cpu_rmsnorm(b->h, b->x, s->m->layer[l].ffn_norm, n, p->dim, p->eps, pl);
	if ((status = product(s, l, AD_IN_FF, b->h, n, err)))
		return status;
	cpu_swiglu(b->gate, b->up, (size_t)n * (size_t)p->ff, pl);
	if ((status = product(s, l, AD_IN_DOWN, b->gate, n, err)))
		return status;
	cpu_add(b->x, b->h, (size_t)n * (size_t)p->dim, pl);
	return 0;
}

/* Logits of rows [from, from + n) of the block. */
static int output_part(session *s, float *logits, int from, int n, error *err)
{
	const model_params *p = &s->m->p;
	float *x = s->b.x + (size_t)from * (size_t)p->dim;

	cpu_rmsnorm(s->b.h, x, s->m->output_norm, n, p->dim, p->eps, s->e->pool);
	int status = cpu_matmul(logits, p->vocab, s->b.h, p->dim, n, &s->m->output, NULL, s->e->pool, err);
	for (size_t i = 0; !status && i < (size_t)n * (size_t)p->vocab; i++)
		if (!isfinite(logits[i]))
			status = error_set(err, ERR_NUMERIC, "the model computed a value that is no number: its file may be "
			                   "damaged; fetch it again, or try another model");
	return status;
}

int forward_block(session *s, const int *id, int n, float *logits, float *all_logits, error *err)
{
	const model_params *p = &s->m->p;
	int status = 0, first = session_context_tokens(s) + s->live;

	memcpy(s->id + s->live, id, (size_t)n * sizeof(*id));
	for (int i = 0; i < n; i++)
		s->b.position[i] = first + i;
	embed(s, id, n);
	for (int l = 0; l < p->layers && !status; l++) {
		/* A block takes seconds on a slow machine: look here too, not only between blocks. */
		if (cancel_raised(s->stop))
			return error_set(err, ERR_CANCEL, "stopped");
		if (!(status = attention_part(s, l, n, err)))
			status = feed_forward_part(s, l, n, err);
	}
	if (!status && all_logits)
		status = output_part(s, all_logits, 0, n, err);
	if (!status && logits)
		status = output_part(s, logits, n - 1, 1, err);
	if (!status)
		s->live += n;
	return status;
}

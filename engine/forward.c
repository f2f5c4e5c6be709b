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

/* What the adapter adds to a product of x [n, in]: t = A x is computed once for all
 * the maps that share x. */
typedef struct {
	low_rank low[AD_MAPS];
} difference;

static int differ(difference *d, session *s, int l, adapter_input input, const float *x, int x_stride, int n, error *err)
{
	const adapter *ad = s->e->adapter;
	const adapter_layer *al = ad ? &ad->layer[l] : NULL;
	const weights *a = al ? &al->a[input] : NULL;

	memset(d, 0, sizeof(*d));
	if (!a || !a->out)
		return 0;
	for (int i = 0; i < AD_MAPS; i++)
		if (al->b[i].out && adapter_input_of((adapter_map)i) == input)
			d->low[i] = (low_rank){ &al->b[i], s->b.low + al->at[i], a->out };
	return cpu_matmul(s->b.low, a->out, x, x_stride, n, a, NULL, s->e->pool, err);
}

/* y [n, w.out] = w x, with the adapter's difference if it has one for this map. */
static int product(float *y, const float *x, int n, const weights *w, const float *bias, const difference *d, adapter_map map,
                   pool *pl, error *err)
{
	const low_rank *low = d->low[map].b ? &d->low[map] : NULL;

	return cpu_matmul_low_rank(y, w->out, x, w->in, n, w, bias, low, pl, err);
}

static int attention_part(session *s, int l, int n, error *err)
{
	const model_params *p = &s->m->p;
	const model_layer *w = &s->m->layer[l];
	block *b = &s->b;
	pool *pl = s->e->pool;
	difference d;
	int status;

	cpu_rmsnorm(b->h, b->x, w->attn_norm, n, p->dim, p->eps, pl);
	if ((status = differ(&d, s, l, AD_IN_ATTN, b->h, p->dim, n, err)) ||
	    (status = product(b->q, b->h, n, &w->q, w->q_bias, &d, AD_Q, pl, err)) ||
	    (status = product(b->k, b->h, n, &w->k, w->k_bias, &d, AD_K, pl, err)) ||
	    (status = product(b->v, b->h, n, &w->v, w->v_bias, &d, AD_V, pl, err)))
		return status;
	if (w->q_norm)
		cpu_rmsnorm(b->q, b->q, w->q_norm, n * p->heads, p->head_dim, p->eps, pl);
	if (w->k_norm)
		cpu_rmsnorm(b->k, b->k, w->k_norm, n * p->kv_heads, p->head_dim, p->eps, pl);
	cpu_rope(b->q, b->position, p->rope_freq, n, p->heads, p->head_dim, p->rot, p->pairs, p->rope_gain, pl);
	cpu_rope(b->k, b->position, p->rope_freq, n, p->kv_heads, p->head_dim, p->rot, p->pairs, p->rope_gain, pl);
	store_kv(s, l, n);
	keep_queries(s, l, n);
	if ((status = attend_layer(s, l, n, err)) ||
	    (status = differ(&d, s, l, AD_IN_O, b->att, w->o.in, n, err)) ||
	    (status = product(b->h, b->att, n, &w->o, NULL, &d, AD_O, pl, err)))
		return status;
	cpu_add(b->x, b->h, (size_t)n * (size_t)p->dim, pl);
	return 0;
}

static int feed_forward_part(session *s, int l, int n, error *err)
{
	const model_params *p = &s->m->p;
	const model_layer *w = &s->m->layer[l];
	block *b = &s->b;
	pool *pl = s->e->pool;
	difference d;
	int status;

	cpu_rmsnorm(b->h, b->x, w->ffn_norm, n, p->dim, p->eps, pl);
	if ((status = differ(&d, s, l, AD_IN_FF, b->h, p->dim, n, err)) ||
	    (status = product(b->gate, b->h, n, &w->gate, NULL, &d, AD_GATE, pl, err)) ||
	    (status = product(b->up, b->h, n, &w->up, NULL, &d, AD_UP, pl, err)))
		return status;
	cpu_swiglu(b->gate, b->up, (size_t)n * (size_t)p->ff, pl);
	if ((status = differ(&d, s, l, AD_IN_DOWN, b->gate, p->ff, n, err)) ||
	    (status = product(b->h, b->gate, n, &w->down, NULL, &d, AD_DOWN, pl, err)))
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

/* engine/session_impl.h - what session.c, forward.c, attend.c and squeeze.c share. */

#ifndef ENGINE_SESSION_IMPL_H
#define ENGINE_SESSION_IMPL_H

#include "engine/lookup.h"
#include "engine/session.h"
#include "kernels/attention.h"

enum {
	/* Live keys and values lie in chunks of this many tokens, so memory grows
	 * without copying; a block of the forward pass never straddles two. */
	CHUNK = 512,
	/* Tokens that share one selection of the stored context. Sharing saves loads while
	 * a question is evaluated and costs truth: KL at 1/8 and 1/16 on two dev articles
	 * 0.027 and 0.12 with one each, 0.039 and 0.17 with eight. */
	LOOKUP_TOKENS = 1,
};

/* Queries for calibration. */
typedef struct {
	int from, step, n;  /* live positions from, from + step, ... */
	float *q;           /* [layers, n, heads, head_dim] */
	float *norm;        /* [layers, n] squared norm of the residual stream */
} capture;

/* Those of the last CONTEXT_WINDOW tokens as they were evaluated, token t in place
 * t % CONTEXT_WINDOW; position tells which token a place holds, -1 for none. Without
 * a stored context only; q is NULL with one. */
typedef struct {
	int position[CONTEXT_WINDOW];
	float *q;           /* [layers, CONTEXT_WINDOW, heads, head_dim] */
	float *norm;        /* [layers, CONTEXT_WINDOW] */
} seen_queries;

typedef struct {
	float *mass;        /* [heads if apart, context tokens] */
	const head_ref *head;
	int heads;
	bool apart;
} watch;

/* Buffers of one block, for up to rows tokens. */
typedef struct {
	int rows;
	float *x, *h;       /* [rows, dim] */
	float *q, *att;     /* [rows, heads * head_dim] */
	float *k, *v;       /* [rows, kv_heads * head_dim] */
	float *gate, *up;   /* [rows, ff] */
	float *low;         /* [rows, adapter's widest] */
	int *position;      /* [rows] */
	float *lse;         /* [rows, heads] */
} block;

typedef struct attend_memory attend_memory;

struct session {
	engine *e;
	const model *m;
	const context *ctx;
	int max_live, live;
	int *id;            /* [max_live rounded up to CHUNK] live tokens */
	f16 **chunk;        /* each [layers, 2, kv_heads, CHUNK, head_dim] f16, or f32 if wide */
	bool wide, trial;
	int chunks;
	double budget;
	calibration calib;
	lookup_rule *rule;  /* [layers, kv_heads] of the stored context */
	float *favour;      /* [layers, kv_heads, k2], or NULL */
	block b;
	attend_memory *am;
	seen_queries seen;
	watch watch;
	double read_sum;    /* see session_stats */
	int64_t kept_keys, centroids, steps;
	const cancel *stop; /* of the session_eval that runs */
};

/* Keys (or values) of a KV head in a chunk: [CHUNK, head_dim]. */
static inline f16 *chunk_rows(const session *s, int chunk, int layer, int values, int kv_head)
{
	const model_params *p = &s->m->p;
	size_t row = ((size_t)layer * 2 + (size_t)values) * (size_t)p->kv_heads + (size_t)kv_head;

	return s->chunk[chunk] + row * CHUNK * (size_t)p->head_dim;
}

/* The same place as bytes, whichever the format. */
static inline void *chunk_bytes(const session *s, int chunk, int layer, int values, int kv_head)
{
	size_t at = (size_t)(chunk_rows(s, chunk, layer, values, kv_head) - s->chunk[chunk]);

	return (char *)s->chunk[chunk] + at * (s->wide ? sizeof(float) : sizeof(f16));
}

/* attend.c: b.q of n tokens, whose keys are stored already, over the stored context
 * and the live tokens of one layer; the result goes to b.att. */
int attend_open(attend_memory **out, const session *s, error *err);
void attend_close(attend_memory *m);
int attend_layer(session *s, int layer, int n, error *err);

/* forward.c: evaluate n <= CHUNK tokens as one block that does not straddle chunks. */
int forward_block(session *s, const int *id, int n, float *logits, float *all_logits, error *err);

/* plan.c: how the budget is shared out. */
int plan_budget(lookup_rule *rule, const context *c, double budget, calibration calib, error *err);

/* calibrate.c: fill cost, loss and thresholds of a clustered context. */
int calibrate_context(context *c, const session *s, const capture *cap, const progress *p, error *err);

/* cluster.c: cluster and permute the live keys into a new context. */
int cluster_context(context **out, const session *s, uint64_t seed, const progress *p, error *err);

/* context.c: an empty context with arrays to fill; the const pointers of its heads
 * point into memory that the builder owns until it gives the context away. */
typedef struct {
	f16 *k, *v, *edge_k, *edge_v, *cent1, *cent2;
	uint32_t *range1, *range2, *position;
	float *cost, *loss;
} context_head_rw;
int context_new(context **out, const model_params *p, int tokens, error *err);
context_head_rw context_rw(context *c, int layer, int kv_head);
float *context_thresholds_rw(context *c);

#endif

/* engine/context.h - a document's squeezed context: keys and values clustered.
 *
 * Squeezed Attention (Hooper et al., ACL 2025, arXiv 2411.09688). For every layer
 * and KV head the context's N tokens are split three ways:
 *   sinks    the first tokens                    always attended
 *   body     everything between, n = N - sinks - window keys, clustered
 *   window   the last tokens before the question always attended
 * Body keys are grouped by spherical k-means into k2 level-2 clusters (10 % of the
 * keys), whose centroids are grouped into k1 level-1 clusters (2 %). K and V rows are permuted so
 * that each level-1 cluster, and in it each level-2 cluster, is one contiguous
 * range of slots. Keys are stored after RoPE: the position is in the key, order
 * does not matter.
 *
 * A context is immutable; its arrays live in memory (just built) or in a mapped
 * file (loaded). Any thread may read it. */

#ifndef ENGINE_CONTEXT_H
#define ENGINE_CONTEXT_H

#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "base/progress.h"
#include "engine/model.h"
#include "kernels/half.h"

enum {
	CONTEXT_FORMAT = 1,   /* grows when the sections' meaning changes */
	CONTEXT_SINKS = 4,
	CONTEXT_WINDOW = 100,
	CONTEXT_CURVE = 13,   /* calibrated shares of the keys, context_share */
};
extern const float context_share[CONTEXT_CURVE];

/* One KV head of one layer. */
typedef struct {
	const f16 *k, *v;          /* [n, head_dim] permuted body */
	const f16 *edge_k, *edge_v;/* [sinks + window, head_dim] */
	const f16 *cent1, *cent2;  /* [k1, head_dim], [k2, head_dim] means of raw keys */
	const uint32_t *range1;    /* [k1 + 1] first level-2 cluster of each level-1 cluster */
	const uint32_t *range2;    /* [k2 + 1] first slot of each level-2 cluster */
	const uint32_t *position;  /* [n] slot -> token position */
	/* What context_share[i] of the keys really costs (keys read + half a key a
	 * centroid, as a share of n) and the error it leaves: squared change of the
	 * head group's contribution over the squared norm of the residual stream. */
	const float *cost, *loss;  /* [CONTEXT_CURVE] */
} context_head;

typedef struct {
	int tokens;        /* N */
	int sinks, window; /* body = tokens - sinks - window, may be 0 for a short text */
	int body, k1, k2;
	int layers, kv_heads, head_dim;
	context_head *head;      /* [layers, kv_heads] */
	/* The paper's rule: threshold T for each of the CONTEXT_CURVE budgets, one for
	 * all layers and heads, and what each really read in calibration. */
	const float *threshold, *threshold_read; /* [CONTEXT_CURVE] */
	void *impl;
} context;

static inline const context_head *context_at(const context *c, int layer, int kv_head)
{
	return &c->head[layer * c->kv_heads + kv_head];
}

void context_free(context *c); /* NULL is fine */

/* ---- storing: the engine hands out named blobs and takes them back ---- */

/* Sections of a context. Head sections exist once a layer; layer is -1 for the rest. */
typedef enum {
	CONTEXT_SEC_SHAPE = 1, /* numbers above, in a fixed little-endian layout */
	CONTEXT_SEC_THRESHOLD, /* [2, CONTEXT_CURVE] f32 */
	CONTEXT_SEC_KEYS,      /* [kv_heads, body, head_dim] f16 */
	CONTEXT_SEC_VALUES,
	CONTEXT_SEC_EDGE,      /* [kv_heads, 2, sinks + window, head_dim] f16: keys, values */
	CONTEXT_SEC_CENTROIDS, /* [kv_heads, k1 + k2, head_dim] f16: level 1, level 2 */
	CONTEXT_SEC_INDEX,     /* [kv_heads, (k1 + 1) + (k2 + 1) + body] u32 */
	CONTEXT_SEC_CURVES,    /* [kv_heads, 2, CONTEXT_CURVE] f32 */
} context_section;

/* Bytes that context_save will write for a document of that many tokens. */
int64_t context_bytes(const model_params *p, int tokens);

typedef int (*context_write_fn)(void *ud, int section, int layer, const void *bytes, size_t n, error *err);
int context_save(const context *c, context_write_fn write, void *ud, error *err);

/* read gives a section's bytes, valid as long as the context; they are checked
 * (sizes, every range and position) before use: a file is hostile. */
typedef int (*context_read_fn)(void *ud, int section, int layer, const void **bytes, size_t *n, error *err);
int context_load(context **out, const model_params *expect, context_read_fn read, void *ud, error *err);

#endif

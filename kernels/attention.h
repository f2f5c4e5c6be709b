/* kernels/attention.h - exact softmax attention over spans of keys.
 *
 *   out[r] = sum_j p[r, j] v[j],  p[r, .] = softmax_j(q[r] . k[j] * scale)
 *
 * over all keys j of all spans that row r may see. Never an N x N matrix: a state
 * keeps, for each row, the running maximum, the sum of exponentials relative to
 * it and the unnormalised output (online softmax, Milakov and Gimelshein 2018;
 * tiling as in FlashAttention, Dao et al. 2022). States over different spans of
 * the same rows merge exactly, so the keys of one head can be split over threads.
 *
 * Rows are [tokens, group]: the group query heads that share one KV head lie next
 * to each other for each token, row r belongs to token r / group.
 *
 * q: [rows, dim] f32, already rotated, not scaled. k, v: [n, dim] f16, rows packed
 * (f32 for sessions that are held against references).
 * f32 accumulation; agreement with the reference 2e-5 absolute + 2e-5 relative
 * for values of order 1, with AMX (keys, queries, probabilities and values as pairs of
 * bf16, kernels/tiles.h) 5e-5. dim is a multiple of 2, any size up to 256 must work,
 * 64, 80, 96, 128, 256 are the ones to be fast for. */

#ifndef KERNELS_ATTENTION_H
#define KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/half.h"

typedef struct {
	const void *k, *v; /* [n, dim] f16, or f32 if wide */
	int n;
	/* -1: every row sees all n keys. Otherwise the span is causal: token t sees
	 * keys 0 .. first_visible + t, so first_visible is the key index of token 0. */
	int first_visible;
	bool wide;
} attention_span;

/* Key or value j of a span with rows of dim elements. */
static inline const void *attention_row(const attention_span *s, const void *rows, int j, int dim)
{
	return (const char *)rows + (size_t)j * (size_t)dim * (s->wide ? sizeof(float) : sizeof(f16));
}

typedef struct {
	int rows, dim, group;
	float *most;  /* [rows] running maximum of the scaled scores; -INFINITY: saw no key */
	float *sum;   /* [rows] sum of exp(score - most) */
	float *acc;   /* [rows, dim] sum of exp(score - most) * v */
} attention_state;

/* Floats of memory for a state of that many rows; attention_state_init lays the
 * state over mem and makes it empty. */
size_t attention_state_floats(int rows, int dim);
void attention_state_init(attention_state *s, float *mem, int rows, int dim, int group);

/* Take the spans in. scratch: attention_scratch_floats floats, 64-aligned. */
size_t attention_scratch_floats(int rows, int dim);
void ref_attention(attention_state *s, const float *q, const attention_span *span, int spans, float scale);
void cpu_attention(attention_state *s, const float *q, const attention_span *span, int spans, float scale,
                   float *scratch);

/* into := into with other's keys too. Both have the same rows. */
void attention_merge(attention_state *into, const attention_state *other);

/* out[r * out_stride ...] = acc / sum; lse[r] = most + log(sum) (lse may be NULL).
 * Returns ERR_NUMERIC if a row saw no key or its sum is not a finite positive number. */
int attention_finish(float *out, int out_stride, float *lse, const attention_state *s, error *err);

#endif

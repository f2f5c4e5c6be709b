/* kernels/matmul.h - activations times a weight matrix in its own format.
 *
 *   y[r, j] = sum_i x[r, i] * w[j, i] + bias[j]
 *
 * x: [rows, in] f32, rows x_stride floats apart.   y: [rows, out] f32, y_stride apart.
 * w: [out, in] in format t, rows packed (dtype_row_bytes); bias: [out] f32 or NULL.
 * y must not overlap x or w. Accumulation is f32 (double in the reference);
 * agreement 1e-5 * sum_i |x_i w_i|, with AMX, which multiplies pairs of bf16, 2e-5.
 * in is a multiple of the format's block.
 *
 * A low-rank difference (LoRA; Hu et al. 2021) is added to the same sums, without a
 * pass of its own over y:   y[r, j] += sum_k t[r, k] * b[j, k],   t = x times A.
 *
 * One row reads w once at memory speed (decode); several rows dequantise a panel
 * of w once and use it for all of them (prefill). With a pool, what x is split into
 * for AMX lies in the pool's memory. With F16 or F32 weights this is
 * also the product of queries with keys or centroids. */

#ifndef KERNELS_MATMUL_H
#define KERNELS_MATMUL_H

#include "base/pool.h"
#include "kernels/dtype.h"

typedef struct {
	const void *data;
	dtype type;
	int out, in;
} weights; /* [out, in], borrowed */

void ref_matmul(float *y, int y_stride, const float *x, int x_stride, int rows,
                const weights *w, const float *bias);

typedef struct {
	const weights *b;  /* [out, rank] */
	const float *t;    /* [rows, rank], t_stride apart */
	int t_stride;
} low_rank;

void ref_matmul_low_rank(float *y, int y_stride, int rows, const low_rank *low);

/* p NULL: on the calling thread alone (for use inside another loop).
 * Returns 0, or ERR_NOMEM for the packing buffers. */
int cpu_matmul(float *y, int y_stride, const float *x, int x_stride, int rows,
               const weights *w, const float *bias, pool *p, error *err);

/* The same with a low-rank difference; low NULL: none. */
int cpu_matmul_low_rank(float *y, int y_stride, const float *x, int x_stride, int rows,
                        const weights *w, const float *bias, const low_rank *low, pool *p, error *err);

/* Products of the same x, those of a layer's maps that share an input, with their
 * low-rank differences: t = x times a serves them all. */
enum { MATMUL_MAPS = 3 };

typedef struct {
	float *y;             /* [rows, w->out] */
	const weights *w, *b; /* [out, in]; [out, rank], or NULL: no difference */
	const float *bias;    /* [out] or NULL */
	int at;               /* where its rank of t begins */
} matmul_map;

typedef struct {
	matmul_map map[MATMUL_MAPS];
	int n;
	const weights *a;     /* [sum of ranks, in], or NULL: no differences */
	float *t;             /* [rows, a->out], scratch */
} matmul_maps;

/* next: the products that follow, whose first weights are fetched when m's end; NULL:
 * unknown. With few rows of x the team meets but once, at the end: what needs t waits. */
int cpu_matmul_maps(const matmul_maps *m, const float *x, int x_stride, int rows, const matmul_maps *next,
                    pool *p, error *err);

#endif

/* kernels/dots.h - dot products of a row of quantised weights with one to
 * MATMUL_FEW rows of x, unpacked in registers; inlined into matmul_isa.c.
 *
 * A weight of a block is d * q + m, so a block's part of the sum is
 * d * sum q_i x_i + m * sum x_i, and the sums of x are made once for all rows of
 * weights. Only formats and instruction sets that gain are here (dots_fused). */

#ifndef KERNELS_DOTS_H
#define KERNELS_DOTS_H

#include "kernels/dequantize.h"
#include "kernels/matmul_impl.h"

/* x: [rows], x_stride apart, of so many blocks of 32; xs: the sums of the blocks.
 * t: [rows, rank] of a low-rank difference. */
typedef struct {
	const float *x, *xs, *t;
	size_t x_stride, t_stride;
	int blocks, rank;
} dots_args;

/* Can a difference of this format and rank go along? */
static inline bool dots_takes(const low_rank *low)
{
	return low && low->b->type == DT_Q8_0;
}

#ifdef __AVX2__

enum { DOTS_PARTS = 32 / VLEN };

/* VLEN small unsigned or signed bytes as floats. */
static inline vf dots_u8(__m128i b)
{
#if VLEN == 16
	return (vf)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(b));
#else
	return (vf)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(b));
#endif
}

static inline vf dots_i8(const uint8_t *p)
{
#if VLEN == 16
	return (vf)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
#else
	return (vf)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#endif
}

static inline void dots_nibbles(vf q[DOTS_PARTS], const uint8_t *p)
{
	const __m128i b = _mm_loadu_si128((const __m128i *)p), mask = _mm_set1_epi8(15);
	__m128i low = _mm_and_si128(b, mask), high = _mm_and_si128(_mm_srli_epi16(b, 4), mask);

	q[0] = dots_u8(low);
#if VLEN == 16
	q[1] = dots_u8(high);
#else
	q[1] = dots_u8(_mm_srli_si128(low, 8));
	q[2] = dots_u8(high);
	q[3] = dots_u8(_mm_srli_si128(high, 8));
#endif
}

/* One block's q, scale and offset. */
static inline void dots_unpack(vf q[DOTS_PARTS], float *d, float *m, const uint8_t *b, const dtype t)
{
	*d = dq_half(b);
	if (t == DT_Q8_0) {
		*m = 0;
		for (int i = 0; i < DOTS_PARTS; i++)
			q[i] = dots_i8(b + 2 + i * VLEN);
	} else {
		*m = t == DT_Q4_1 ? dq_half(b + 2) : -8 * *d;
		dots_nibbles(q, b + (t == DT_Q4_1 ? 4 : 2));
	}
}

/* low: the row's Q8_0 factors of a low-rank difference for dots_args' t, or NULL. */
static inline __attribute__((always_inline)) void dots_row(float *sum, const uint8_t *row, const dots_args *a, const uint8_t *low,
                                                           const int rows, const dtype t)
{
	const float *x = a->x, *xs = a->xs;
	size_t x_stride = a->x_stride;
	int blocks = a->blocks;
	const int bytes = t == DT_Q4_1 ? 20 : t == DT_Q8_0 ? 34 : 18;
	vf acc[MATMUL_FEW];
	float offset[MATMUL_FEW] = { 0 };

	for (int r = 0; r < rows; r++)
		acc[r] = vf_set(0);
	for (int k = 0; k < blocks; k++, row += bytes) {
		vf q[DOTS_PARTS];
		float d, m;
		dots_unpack(q, &d, &m, row, t);
		for (int r = 0; r < rows; r++) {
			const float *xr = x + (size_t)r * x_stride + (size_t)k * 32;
			vf s = q[0] * vf_load(xr);
			for (int i = 1; i < DOTS_PARTS; i++)
				s += q[i] * vf_load(xr + i * VLEN);
			acc[r] += s * vf_set(d);
			if (t != DT_Q8_0)
				offset[r] += m * xs[r * blocks + k];
		}
	}
	for (int k = 0; low && k < a->rank; k += 32, low += 34) {
		vf d = vf_set(dq_half(low));
		for (int i = 0; i < 32; i += VLEN) {
			vf b = d * dots_i8(low + 2 + i);
			for (int r = 0; r < rows; r++)
				acc[r] += b * vf_load(a->t + (size_t)r * a->t_stride + k + i);
		}
	}
	for (int r = 0; r < rows; r++)
		sum[r] += vf_sum(acc[r]) + offset[r];
}

/* xs[r][k] = sum of block k of row r of x. */
static inline void dots_sums(float *xs, const float *x, size_t x_stride, int blocks, int rows)
{
	for (int r = 0; r < rows; r++)
		for (int k = 0; k < blocks; k++) {
			const float *xr = x + (size_t)r * x_stride + (size_t)k * 32;
			vf s = vf_load(xr);
			for (int i = 1; i < DOTS_PARTS; i++)
				s += vf_load(xr + i * VLEN);
			xs[r * blocks + k] = vf_sum(s);
		}
}

static inline bool dots_fused(dtype t)
{
	return t == DT_Q4_0 || t == DT_Q4_1 || t == DT_Q8_0;
}

#define DOTS_OF(t)                                                                     \
	do {                                                                           \
		if (rows == 1)                                                         \
			dots_row(sum, row, a, low, 1, t);            \
		else                                                                   \
			dots_row(sum, row, a, low, rows, t);         \
	} while (0)

/* sum[r] += row times row r of x, and low times row r of t */
static inline void dots_quantised(float *sum, const uint8_t *row, const dots_args *a, const uint8_t *low, int rows, dtype t)
{
	if (t == DT_Q4_1)
		DOTS_OF(DT_Q4_1);
	else if (t == DT_Q8_0)
		DOTS_OF(DT_Q8_0);
	else
		DOTS_OF(DT_Q4_0);
}

#else

static inline bool dots_fused(dtype t)
{
	(void)t;
	return false;
}

static inline void dots_sums(float *xs, const float *x, size_t x_stride, int blocks, int rows)
{
	(void)xs, (void)x, (void)x_stride, (void)blocks, (void)rows;
}

static inline void dots_quantised(float *sum, const uint8_t *row, const dots_args *a, const uint8_t *low, int rows, dtype t)
{
	(void)sum, (void)row, (void)a, (void)low, (void)rows, (void)t;
}

#endif
#endif

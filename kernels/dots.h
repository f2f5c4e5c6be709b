/* kernels/dots.h - dot products of a row of quantised weights with one to
 * MATMUL_FEW rows of x, unpacked in registers; inlined into matmul_isa.c.
 *
 * A weight of a block is d * q + m. AVX-512 looks it up among the block's sixteen;
 * AVX2 forms d * sum q_i x_i + m * sum x_i, and the sums of x are made once for all
 * rows of weights. Only formats and instruction sets that gain are here (dots_fused). */

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

enum {
	DOTS_PARTS = 32 / VLEN,
	DOTS_BLOCKS = 512, /* of a row, whose scales have room */
	DOTS_AHEAD = 4096, /* bytes between use and prefetch */
};

static inline __m128i dots_16(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)p);
}

static inline vf dots_i8(const uint8_t *p)
{
#if VLEN == 16
	return (vf)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(dots_16(p)));
#else
	return (vf)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#endif
}

/* The first two halves of every block as floats, scale[2 k] and scale[2 k + 1]: made
 * for a whole row before its loop, where one conversion would wait for the other. */
static inline void dots_scales(float *scale, const uint8_t *row, int bytes, int blocks)
{
	int u[4], k = 0;

	for (; k + 4 <= blocks; k += 4, row += 4 * bytes) {
		for (int i = 0; i < 4; i++)
			memcpy(&u[i], row + i * bytes, sizeof(u[i]));
		_mm256_storeu_ps(scale + 2 * k, _mm256_cvtph_ps(_mm_set_epi32(u[3], u[2], u[1], u[0])));
	}
	for (; k < blocks; k++, row += bytes) {
		memcpy(u, row, sizeof(u[0]));
		_mm_storel_pi((__m64 *)(scale + 2 * k), _mm_cvtph_ps(_mm_cvtsi32_si128(u[0])));
	}
}

#if VLEN == 16

/* A block's 32 weights; a nibble looks its weight up among the block's sixteen. */
static inline void dots_weights(vf w[DOTS_PARTS], const uint8_t *b, const float *scale, const dtype t)
{
	const __m512 count = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), d = _mm512_set1_ps(scale[0]);

	if (t == DT_Q8_0) {
		w[0] = (vf)d * dots_i8(b + 2);
		w[1] = (vf)d * dots_i8(b + 18);
		return;
	}
	__m512 all = t == DT_Q4_1 ? _mm512_fmadd_ps(count, d, _mm512_set1_ps(scale[1])) : _mm512_mul_ps(_mm512_sub_ps(count, _mm512_set1_ps(8)), d);
	__m512i q = _mm512_cvtepu8_epi32(dots_16(b + (t == DT_Q4_1 ? 4 : 2)));
	w[0] = (vf)_mm512_permutexvar_ps(q, all); /* looks at four bits of each index */
	w[1] = (vf)_mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), all);
}

/* acc[r] += the block times its part of row r of x; nothing is left for offsets. */
static inline __attribute__((always_inline)) void dots_block(vf acc[][2], const uint8_t *b, const float *scale, const dots_args *a, int k,
                                                             const int rows, const dtype t)
{
	vf w[DOTS_PARTS];

	dots_weights(w, b, scale, t);
	for (int r = 0; r < rows; r++) {
		const float *x = a->x + (size_t)r * a->x_stride + (size_t)k * 32;
		acc[r][0] += w[0] * vf_load(x);
		acc[r][1] += w[1] * vf_load(x + VLEN);
	}
}

#else

static inline void dots_nibbles(vf q[DOTS_PARTS], const uint8_t *p)
{
	const __m128i b = dots_16(p), mask = _mm_set1_epi8(15);
	__m128i low = _mm_and_si128(b, mask), high = _mm_and_si128(_mm_srli_epi16(b, 4), mask);

	q[0] = (vf)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(low));
	q[1] = (vf)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(low, 8)));
	q[2] = (vf)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(high));
	q[3] = (vf)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(high, 8)));
}

/* acc[r][0] += d * sum q x, and in lane 0 of acc[r][1] the offset's part. */
static inline __attribute__((always_inline)) void dots_block(vf acc[][2], const uint8_t *b, const float *scale, const dots_args *a, int k,
                                                             const int rows, const dtype t)
{
	vf q[DOTS_PARTS], d = vf_set(scale[0]);
	float m = t == DT_Q4_1 ? scale[1] : -8 * scale[0];

	if (t == DT_Q8_0)
		for (int i = 0; i < DOTS_PARTS; i++)
			q[i] = dots_i8(b + 2 + i * VLEN);
	else
		dots_nibbles(q, b + (t == DT_Q4_1 ? 4 : 2));
	for (int r = 0; r < rows; r++) {
		const float *x = a->x + (size_t)r * a->x_stride + (size_t)k * 32;
		vf s = q[0] * vf_load(x), other = q[1] * vf_load(x + VLEN);
		s += q[2] * vf_load(x + 2 * VLEN);
		other += q[3] * vf_load(x + 3 * VLEN);
		acc[r][0] += (s + other) * d;
		if (t != DT_Q8_0)
			acc[r][1][0] += m * a->xs[r * a->blocks + k];
	}
}

#endif

/* low: the row's Q8_0 factors of a low-rank difference for dots_args' t, or NULL. */
static inline __attribute__((always_inline)) void dots_row(float *sum, const uint8_t *row, const dots_args *a, const uint8_t *low,
                                                           const int rows, const dtype t)
{
	const int bytes = t == DT_Q4_1 ? 20 : t == DT_Q8_0 ? 34 : 18;
	float scale[2 * DOTS_BLOCKS];
	vf acc[MATMUL_FEW][2];

	/* Weights come from memory but once a token, faster than the hardware guesses. */
	for (int i = 0; i < a->blocks * bytes; i += 64)
		__builtin_prefetch(row + DOTS_AHEAD + i);
	for (int r = 0; r < rows; r++)
		acc[r][0] = acc[r][1] = vf_set(0);
	dots_scales(scale, row, bytes, a->blocks);
	for (int k = 0; k < a->blocks; k++)
		dots_block(acc, row + (size_t)k * (size_t)bytes, scale + 2 * k, a, k, rows, t);
	for (int k = 0; low && k < a->rank; k += 32, low += 34) {
		vf d = vf_set(dq_half(low));
		for (int i = 0; i < 32; i += VLEN) {
			vf b = d * dots_i8(low + 2 + i);
			for (int r = 0; r < rows; r++)
				acc[r][0] += b * vf_load(a->t + (size_t)r * a->t_stride + k + i);
		}
	}
	for (int r = 0; r < rows; r++)
		sum[r] += vf_sum(acc[r][0] + acc[r][1]);
}

/* xs[r][k] = sum of block k of row r of x. */
static inline void dots_sums(float *xs, const float *x, size_t x_stride, int blocks, int rows)
{
	for (int r = 0; r < rows && VLEN < 16; r++)
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

enum { DOTS_BLOCKS = 1 };

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

/* kernels/dots.h - dot products of rows of quantised weights with one to MATMUL_FEW
 * rows of x, unpacked in registers; inlined into matmul_isa.c.
 *
 * A weight of a block is d * q + m. AVX-512 looks it up among the block's sixteen;
 * AVX2 forms d * sum q_i x_i + m * sum x_i, and the sums of x are made once for all
 * rows of weights. Only formats and instruction sets that gain are here (dots_fused).
 *
 * With one row of x, DOTS_COLS rows of weights go side by side: x is loaded once for
 * all of them, and their sums are added across lanes at the same time. */

#ifndef KERNELS_DOTS_H
#define KERNELS_DOTS_H

#include <stddef.h>

#include "kernels/dequantize.h"
#include "kernels/matmul_impl.h"

/* A factor pair: rows of weights, `bytes` apart, and rows of x, x_stride apart, of so
 * many blocks of 32; xs: the sums of x's blocks. */
typedef struct {
	const float *x, *xs;
	size_t x_stride, bytes;
	int blocks;
} dots_pair;

/* The weights, a low-rank difference that goes along, and what is read after them. */
typedef struct {
	dots_pair w, low;
	matmul_ahead ahead;
} dots_args;

/* Can a difference of this format and rank go along? */
static inline bool dots_takes(const low_rank *low)
{
	return low && low->b->type == DT_Q8_0;
}

#ifdef __AVX2__

enum {
	DOTS_PARTS = 32 / VLEN,
	DOTS_COLS = 4, /* rows of weights side by side */
	DOTS_LOW_AHEAD = 1024, /* bytes between use and request of a difference's factors */
	DOTS_BLOCKS = 512, /* of a row, whose scales have room */
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

/* The first two halves of every block as floats, block k of column c at 2 (cols k + c):
 * made before the loop over the blocks, where one conversion would wait for the other. */
static inline __attribute__((always_inline)) void dots_scales(float *scale, const uint8_t *row, size_t row_bytes, size_t block_bytes,
                                                              int blocks, const int cols)
{
	size_t step = cols == 4 ? row_bytes : block_bytes, next = cols == 4 ? block_bytes : 4 * block_bytes;
	int u[4], k = 0;

	for (; k + 4 <= blocks * cols; k += 4, row += next) {
		for (int i = 0; i < 4; i++)
			memcpy(&u[i], row + (size_t)i * step, sizeof(u[i]));
		_mm256_storeu_ps(scale + 2 * k, _mm256_cvtph_ps(_mm_set_epi32(u[3], u[2], u[1], u[0])));
	}
	for (; k < blocks * cols; k++, row += block_bytes) { /* with one column */
		memcpy(u, row, sizeof(u[0]));
		_mm_storel_pi((__m64 *)(scale + 2 * k), _mm_cvtph_ps(_mm_cvtsi32_si128(u[0])));
	}
}

#if VLEN == 16

/* acc[r] += the block times its part of row r of x. A nibble looks its weight up among
 * the block's sixteen, so nothing is left for offsets. */
static inline __attribute__((always_inline)) void dots_block(vf acc[][2], const uint8_t *b, const float *scale, const dots_pair *a, int k,
                                                             const int rows, const dtype t)
{
	const __m512 count = _mm512_set_ps(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), d = _mm512_set1_ps(scale[0]);
	vf w[2];

	if (t == DT_Q8_0) {
		w[0] = dots_i8(b + 2);
		w[1] = dots_i8(b + 18);
	} else {
		__m512 all = t == DT_Q4_1 ? _mm512_fmadd_ps(count, d, _mm512_set1_ps(scale[1])) : _mm512_mul_ps(_mm512_sub_ps(count, _mm512_set1_ps(8)), d);
		__m512i q = _mm512_cvtepu8_epi32(dots_16(b + (t == DT_Q4_1 ? 4 : 2)));
		w[0] = (vf)_mm512_permutexvar_ps(q, all); /* looks at four bits of each index */
		w[1] = (vf)_mm512_permutexvar_ps(_mm512_srli_epi32(q, 4), all);
	}
#pragma GCC unroll 5
	for (int r = 0; r < rows; r++) {
		const float *x = a->x + (size_t)r * a->x_stride + (size_t)k * 32;
		if (t == DT_Q8_0) {
			acc[r][0] += (w[0] * vf_load(x) + w[1] * vf_load(x + VLEN)) * (vf)d;
		} else {
			acc[r][0] += w[0] * vf_load(x);
			acc[r][1] += w[1] * vf_load(x + VLEN);
		}
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
static inline __attribute__((always_inline)) void dots_block(vf acc[][2], const uint8_t *b, const float *scale, const dots_pair *a, int k,
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

/* Weights come from memory but once a token, faster than the hardware guesses: where
 * to ask for those that are `ahead` bytes behind p, or for what follows when they end. */
static inline const uint8_t *dots_ahead(const uint8_t *p, ptrdiff_t ahead, const matmul_ahead *a)
{
	ptrdiff_t left = a->stop - p;

	return left > ahead ? p + ahead : a->next ? a->next + (ahead - left) : p;
}

/* acc[c * rows + r] += row c of weights times row r of x; cols or rows is 1. The lines
 * at fetch are asked for between the blocks: all at once they would wait for each other. */
static inline __attribute__((always_inline)) void dots_add(vf acc[][2], const uint8_t *row, const dots_pair *a, const uint8_t *fetch,
                                                           const int cols, const int rows, const dtype t)
{
	const size_t bytes = t == DT_Q4_1 ? 20 : t == DT_Q8_0 ? 34 : 18, step = bytes * (size_t)cols, lines = (step + 63) / 64;
	float scale[2 * DOTS_BLOCKS * DOTS_COLS];

	dots_scales(scale, row, a->bytes, bytes, a->blocks, cols);
	for (int k = 0; k < a->blocks; k++, fetch += step) {
		for (size_t i = 0; i < lines; i++)
			__builtin_prefetch(fetch + i * (step / lines));
#pragma GCC unroll 4
		for (int c = 0; c < cols; c++)
			dots_block(acc + c * rows, row + (size_t)c * a->bytes + (size_t)k * bytes, scale + 2 * (cols * k + c), a, k, rows, t);
	}
}

/* sum[i] of the four vectors' lanes. */
static inline void dots_sum4(float *sum, vf acc[4][2])
{
	vf v[4];

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		v[i] = acc[i][0] + acc[i][1];
#if VLEN == 16
	__m512 a = (__m512)v[0], b = (__m512)v[1], c = (__m512)v[2], d = (__m512)v[3];
	__m512 ab = _mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b), cd = _mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d);
	__m512 all = (__m512)(_mm512_unpacklo_pd((__m512d)ab, (__m512d)cd)) + (__m512)(_mm512_unpackhi_pd((__m512d)ab, (__m512d)cd));
	__m256 half = _mm512_castps512_ps256(all) + _mm512_extractf32x8_ps(all, 1);
#else
	__m256 half = _mm256_hadd_ps(_mm256_hadd_ps((__m256)v[0], (__m256)v[1]), _mm256_hadd_ps((__m256)v[2], (__m256)v[3]));
#endif
	_mm_storeu_ps(sum, _mm256_castps256_ps128(half) + _mm256_extractf128_ps(half, 1));
}

/* sum[c * rows + r] = row c of weights times row r of x, and of low times its x if low
 * is not NULL; cols or rows is 1. */
static inline __attribute__((always_inline)) void dots_rows(float *sum, const uint8_t *row, const uint8_t *low, const dots_args *a,
                                                            const int cols, const int rows, const dtype t)
{
	vf acc[MATMUL_FEW][2];

#pragma GCC unroll 5
	for (int i = 0; i < cols * rows; i++)
		acc[i][0] = acc[i][1] = vf_set(0);
	if (low)
		dots_add(acc, low, &a->low, low + DOTS_LOW_AHEAD, cols, rows, DT_Q8_0);
	dots_add(acc, row, &a->w, dots_ahead(row, MATMUL_AHEAD, &a->ahead), cols, rows, t);
	if (cols == DOTS_COLS)
		dots_sum4(sum, acc);
	else
		for (int i = 0; i < rows; i++)
			sum[i] = vf_sum(acc[i][0] + acc[i][1]);
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

#define DOTS_OF(t)                                                       \
	do {                                                             \
		if (cols == DOTS_COLS)                                   \
			dots_rows(sum, row, low, a, DOTS_COLS, 1, t);    \
		else if (rows == 1)                                      \
			dots_rows(sum, row, low, a, 1, 1, t);            \
		else                                                     \
			dots_rows(sum, row, low, a, 1, rows, t);         \
	} while (0)

/* dots_rows of 1 row of weights, or DOTS_COLS if there is one row of x. */
static inline void dots_quantised(float *sum, const uint8_t *row, const uint8_t *low, const dots_args *a, int cols, int rows, dtype t)
{
	if (t == DT_Q4_1)
		DOTS_OF(DT_Q4_1);
	else if (t == DT_Q8_0)
		DOTS_OF(DT_Q8_0);
	else
		DOTS_OF(DT_Q4_0);
}

#else

enum { DOTS_BLOCKS = 1, DOTS_COLS = 1 };

static inline bool dots_fused(dtype t)
{
	(void)t;
	return false;
}

static inline void dots_sums(float *xs, const float *x, size_t x_stride, int blocks, int rows)
{
	(void)xs, (void)x, (void)x_stride, (void)blocks, (void)rows;
}

static inline void dots_quantised(float *sum, const uint8_t *row, const uint8_t *low, const dots_args *a, int cols, int rows, dtype t)
{
	(void)sum, (void)row, (void)low, (void)a, (void)cols, (void)rows, (void)t;
}

#endif
#endif

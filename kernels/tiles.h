/* kernels/tiles.h - AMX tiles of bf16 for *_amx.c, which are compiled once, for
 * machines with AMX-BF16 (kernels/cpu.h).
 *
 * A tile product adds A [16, 32] times B [32, 16], both bf16, to C [16, 16] f32. B
 * lies as pairs: row i holds elements 2i and 2i + 1 of each column side by side.
 *
 * bf16 keeps 8 bits of a float's 24, so a factor is split into high + low, both
 * bf16, which keeps 17; a b is then high high + high low + low high, wrong by 2^-17
 * of |a b| at most. Three products of that kind are still several times as fast as
 * one in f32. */

#ifndef KERNELS_TILES_H
#define KERNELS_TILES_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum {
	TILE_SIDE = 16,  /* rows of A, columns of B */
	TILE_INNER = 32, /* columns of A, rows of B */
	TILE_BYTES = 64, /* a row of any tile */
	TILE_HALVES = TILE_SIDE * TILE_INNER, /* bf16 of a tile */
};

/* All eight tiles full; the thread's until tiles_end. */
static inline void tiles_begin(void)
{
	struct {
		uint8_t palette, start, zero[14];
		uint16_t bytes[16];
		uint8_t rows[16];
	} c __attribute__((aligned(64))) = { .palette = 1 };

	for (int i = 0; i < 8; i++) {
		c.bytes[i] = TILE_BYTES;
		c.rows[i] = TILE_SIDE;
	}
	/* GCC's intrinsic does not say that it reads the whole of c. */
	__asm__ volatile("" : : "m"(c));
	_tile_loadconfig(&c);
}

static inline void tiles_end(void)
{
	_tile_release();
}

/* 32 floats as high and low bf16, in order. */
static inline void tiles_split(__m512i *high, __m512i *low, __m512 a, __m512 b)
{
	__m512i h = (__m512i)_mm512_cvtne2ps_pbh(b, a);
	__m512 ha = (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(h)), 16);
	__m512 hb = (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(h, 1)), 16);

	*high = h;
	*low = (__m512i)_mm512_cvtne2ps_pbh(_mm512_sub_ps(b, hb), _mm512_sub_ps(a, ha));
}

/* Of 16 elements, those before `left`. */
static inline __mmask16 tiles_mask(int left)
{
	return left >= 16 ? 0xffff : left > 0 ? (__mmask16)((1u << left) - 1) : 0;
}

/* The same of up to `left` floats at p, zeros behind them. */
static inline void tiles_split_some(__m512i *high, __m512i *low, const float *p, int left)
{
	tiles_split(high, low, _mm512_maskz_loadu_ps(tiles_mask(left), p), _mm512_maskz_loadu_ps(tiles_mask(left - 16), p + 16));
}

/* r[i][j] becomes r[j][i], of 16 x 16 words of 32 bits. */
static inline void tiles_transpose(__m512i r[16])
{
	__m512i t[16];

	for (int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
	}
	for (int i = 0; i < 16; i += 4)
		for (int k = 0; k < 2; k++) {
			r[i + 2 * k] = _mm512_unpacklo_epi64(t[i + k], t[i + 2 + k]);
			r[i + 2 * k + 1] = _mm512_unpackhi_epi64(t[i + k], t[i + 2 + k]);
		}
	/* Now quarter q of r[4 g + j] holds column 4 q + j of rows 4 g to 4 g + 3. */
	for (int j = 0; j < 4; j++) {
		__m512i a = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88), b = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
		__m512i c = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd), d = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
		t[j] = _mm512_shuffle_i32x4(a, b, 0x88);
		t[8 + j] = _mm512_shuffle_i32x4(a, b, 0xdd);
		t[4 + j] = _mm512_shuffle_i32x4(c, d, 0x88);
		t[12 + j] = _mm512_shuffle_i32x4(c, d, 0xdd);
	}
	memcpy(r, t, sizeof(t));
}

/* 16 split rows as the columns of a tile: high, then low. They are used up. */
static inline void tiles_store_columns(uint16_t *tile, __m512i high[16], __m512i low[16])
{
	tiles_transpose(high);
	tiles_transpose(low);
	memcpy(tile, high, 16 * sizeof(*high));
	memcpy(tile + TILE_HALVES, low, 16 * sizeof(*low));
}

/* Inputs k to k + 32 of n of up to 16 rows of x, so stored. */
static inline void tiles_take_columns(uint16_t *tile, const float *x, size_t x_stride, int rows, int k, int n)
{
	__m512i high[16], low[16];

	for (int r = 0; r < 16; r++)
		tiles_split_some(&high[r], &low[r], x + (r < rows ? (size_t)r * x_stride : 0) + k, r < rows ? n - k : 0);
	tiles_store_columns(tile, high, low);
}

/* Tiles 0 to 3 are sums: those of tiles 4 and 5 times tiles 6 and 7. */
static inline void tiles_zero_sums(void)
{
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
}

static inline void tiles_add_products(void)
{
	_tile_dpbf16ps(0, 4, 6);
	_tile_dpbf16ps(1, 4, 7);
	_tile_dpbf16ps(2, 5, 6);
	_tile_dpbf16ps(3, 5, 7);
}

#endif

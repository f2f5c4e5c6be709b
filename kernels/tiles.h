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

#endif

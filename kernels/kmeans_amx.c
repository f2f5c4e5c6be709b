#include "kernels/kmeans_impl.h"

#include "kernels/matmul_impl.h"
#include "kernels/tiles.h"

enum { MOST_BLOCKS = 8, PAIR = 2 * TILE_HALVES };

/* 32 centres times two groups of 16 rows: score [2 of centres, 2 of rows, 16, 16]. */
static inline void product(float *score, const uint16_t *c0, const uint16_t *c1, const uint16_t *x0, const uint16_t *x1, int blocks, bool exact)
{
	tiles_zero_sums();
	for (int i = 0; i < blocks; i++, c0 += PAIR, c1 += PAIR, x0 += PAIR, x1 += PAIR)
		for (int part = 0; part < (exact ? 3 : 1); part++) {
			int c = part == 1 ? TILE_HALVES : 0, x = part == 2 ? TILE_HALVES : 0;
			_tile_loadd(4, c0 + c, TILE_BYTES);
			_tile_loadd(5, c1 + c, TILE_BYTES);
			_tile_loadd(6, x0 + x, TILE_BYTES);
			_tile_loadd(7, x1 + x, TILE_BYTES);
			tiles_add_products();
		}
	_tile_stored(0, score, TILE_BYTES);
	_tile_stored(1, score + 256, TILE_BYTES);
	_tile_stored(2, score + 512, TILE_BYTES);
	_tile_stored(3, score + 768, TILE_BYTES);
}

void amx_nearest(int *index, float *fit, const float *x, int rows, int dim, const matmul_split *centre, int k, bool exact)
{
	uint16_t tile[2 * MOST_BLOCKS * PAIR] __attribute__((aligned(64)));
	float score[4 * 256] __attribute__((aligned(64)));
	int blocks = centre->blocks;
	size_t group = (size_t)blocks * PAIR;

	tiles_begin();
	for (int r = 0; r < rows; r += 32) {
		__m512 best[2] = { _mm512_set1_ps(-__builtin_inff()), _mm512_set1_ps(-__builtin_inff()) };
		__m512i where[2] = { _mm512_setzero_si512(), _mm512_setzero_si512() };
		for (int h = 0; h < 2; h++)
			for (int i = 0; i < blocks; i++)
				tiles_take_columns(tile + (size_t)h * group + i * PAIR, x + (size_t)(r + 16 * h) * (size_t)dim, (size_t)dim,
				                   rows - r - 16 * h, i * TILE_INNER, dim);
		for (int c = 0; c < k; c += 32) {
			const uint16_t *from = centre->tile + (size_t)(c / 16) * group;
			product(score, from, from + group, tile, tile + group, blocks, exact);
			for (int i = 0; i < (k - c < 32 ? k - c : 32); i++)
				for (int h = 0; h < 2; h++) {
					__m512 s = _mm512_load_ps(score + i / 16 * 512 + h * 256 + i % 16 * 16);
					__mmask16 more = _mm512_cmp_ps_mask(s, best[h], _CMP_GT_OQ);
					best[h] = _mm512_mask_mov_ps(best[h], more, s);
					where[h] = _mm512_mask_mov_epi32(where[h], more, _mm512_set1_epi32(c + i));
				}
		}
		for (int h = 0; h < 2; h++) {
			__mmask16 m = tiles_mask(rows - r - 16 * h);
			_mm512_mask_storeu_ps(fit + r + 16 * h, m, best[h]);
			_mm512_mask_storeu_epi32(index + r + 16 * h, m, where[h]);
		}
	}
	tiles_end();
}

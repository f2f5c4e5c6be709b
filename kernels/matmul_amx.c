#include <assert.h>

#include "kernels/dequantize.h"
#include "kernels/matmul_impl.h"
#include "kernels/tiles.h"

/* A run of DEPTH inputs of a panel is 64 KiB, split; it is read once for all rows. */
enum { DEPTH = 512, RUN_BLOCKS = DEPTH / TILE_INNER, GROUPS = MATMUL_PANEL / TILE_SIDE };

/* Where the tiles of rows 16 rb on, inputs 32 kb on begin: high, then low. */
static inline uint16_t *split_tiles(const matmul_split *s, int rb, int kb)
{
	return s->tile + ((size_t)rb * (size_t)s->blocks + (size_t)kb) * 2 * TILE_HALVES;
}

void amx_split_rows(const matmul_split *s, const float *x, int x_stride, int rows, int n, int from, int to)
{
	for (int r = from; r < to; r++)
		for (int kb = 0; kb < s->blocks; kb++) {
			int left = r < rows ? n - kb * TILE_INNER : 0;
			const float *p = x + (size_t)(r < rows ? r : 0) * (size_t)x_stride + (size_t)kb * TILE_INNER;
			uint16_t *t = split_tiles(s, r / TILE_SIDE, kb) + r % TILE_SIDE * TILE_INNER;
			__m512i high, low;
			tiles_split_some(&high, &low, p, left);
			_mm512_store_si512(t, high);
			_mm512_store_si512(t + TILE_HALVES, low);
		}
}

/* Weights of rows [from, to), inputs [k, k + n) as tiles [block][group][high, low];
 * zero beyond the last row and input. */
static void pack(uint16_t *panel, const weights *w, int from, int to, int k, int n)
{
	float part[TILE_SIDE][DEPTH] __attribute__((aligned(64)));
	size_t bytes = dtype_row_bytes(w->type, w->in);
	int blocks = (n + TILE_INNER - 1) / TILE_INNER, padded = blocks * TILE_INNER;

	for (int g = 0; g < GROUPS; g++) {
		for (int c = 0; c < TILE_SIDE; c++) {
			int row = from + g * TILE_SIDE + c, have = row < to ? n : 0;
			if (have)
				dq_row(part[c], (const uint8_t *)w->data + (size_t)row * bytes, w->type, k, n);
			memset(part[c] + have, 0, (size_t)(padded - have) * sizeof(float));
		}
		for (int b = 0; b < blocks; b++) {
			__m512i high[TILE_SIDE], low[TILE_SIDE];
			for (int c = 0; c < TILE_SIDE; c++) {
				const float *p = part[c] + b * TILE_INNER;
				tiles_split(&high[c], &low[c], _mm512_load_ps(p), _mm512_load_ps(p + 16));
			}
			tiles_store_columns(panel + ((size_t)b * GROUPS + (size_t)g) * 2 * TILE_HALVES, high, low);
		}
	}
}

/* out[32, 32] = rows of two row blocks times the panel, over `blocks` blocks of inputs. */
static void product(float *out, size_t out_bytes, const uint16_t *a0, const uint16_t *a1, const uint16_t *b, int blocks)
{
	tiles_zero_sums();
	/* A sum is added to every fourth time: a product's latency is hidden by the others. */
	for (int k = 0; k < blocks; k++, a0 += 2 * TILE_HALVES, a1 += 2 * TILE_HALVES, b += 4 * TILE_HALVES) {
		_tile_loadd(4, a0 + TILE_HALVES, TILE_BYTES);
		_tile_loadd(5, a1 + TILE_HALVES, TILE_BYTES);
		_tile_loadd(6, b, TILE_BYTES);
		_tile_loadd(7, b + 2 * TILE_HALVES, TILE_BYTES);
		tiles_add_products();
		_tile_loadd(4, a0, TILE_BYTES);
		_tile_loadd(5, a1, TILE_BYTES);
		tiles_add_products();
		_tile_loadd(6, b + TILE_HALVES, TILE_BYTES);
		_tile_loadd(7, b + 3 * TILE_HALVES, TILE_BYTES);
		tiles_add_products();
	}
	_tile_stored(0, out, out_bytes);
	_tile_stored(1, out + TILE_SIDE, out_bytes);
	_tile_stored(2, (char *)out + TILE_SIDE * out_bytes, out_bytes);
	_tile_stored(3, (char *)(out + TILE_SIDE) + TILE_SIDE * out_bytes, out_bytes);
}

static void take_sums(float *y, size_t y_stride, const float *sum, const float *bias, int rows, int cols, bool add)
{
	for (int r = 0; r < rows; r++, y += y_stride, sum += MATMUL_PANEL)
		for (int c = 0; c < cols; c++)
			y[c] = sum[c] + (add ? y[c] : bias ? bias[c] : 0.0f);
}

/* One factor pair: y (+)= x times w, for outputs [from, to). */
static void pass(const matmul_args *a, const matmul_split *x, const weights *w, uint16_t *panel, int from, int to, bool add)
{
	float sum[MATMUL_PANEL * MATMUL_PANEL] __attribute__((aligned(64)));
	size_t stride = (size_t)a->y_stride;
	int cols = to - from;

	for (int kb = 0; kb < x->blocks; kb += RUN_BLOCKS) {
		int blocks = x->blocks - kb < RUN_BLOCKS ? x->blocks - kb : RUN_BLOCKS, k = x->from + kb * TILE_INNER;
		pack(panel, w, from, to, k, w->in - k < DEPTH ? w->in - k : DEPTH);
		bool plain = cols == MATMUL_PANEL && !add && kb == 0 && !a->bias;
		for (int r = 0; r < a->rows; r += MATMUL_PANEL) {
			const uint16_t *a0 = split_tiles(x, r / TILE_SIDE, kb), *a1 = split_tiles(x, r / TILE_SIDE + 1, kb);
			float *y = a->y + (size_t)r * stride + (size_t)from;
			int rows = a->rows - r < MATMUL_PANEL ? a->rows - r : MATMUL_PANEL;
			if (plain && rows == MATMUL_PANEL) {
				product(y, stride * sizeof(float), a0, a1, panel, blocks);
			} else {
				product(sum, sizeof(float) * MATMUL_PANEL, a0, a1, panel, blocks);
				take_sums(y, stride, sum, a->bias ? a->bias + from : NULL, rows, cols, add || kb > 0);
			}
		}
	}
}

void amx_matmul_panel(const matmul_args *a, const matmul_split *x, const matmul_split *low, bool add, int from, int to)
{
	uint16_t panel[RUN_BLOCKS * GROUPS * 2 * TILE_HALVES] __attribute__((aligned(64)));

	static_assert(MATMUL_PANEL == 2 * TILE_SIDE, "a panel is two tiles wide");
	tiles_begin();
	pass(a, x, a->w, panel, from, to, add);
	if (low)
		pass(a, low, a->low->b, panel, from, to, true);
	tiles_end();
}

#include "kernels/matmul_impl.h"

ISA_DECLARE(void, dequantize, float *out, const void *row, dtype t, int64_t n);

static void panel_item(void *ud, int item, int who)
{
	const matmul_args *a = ud;
	int from = item * MATMUL_PANEL, to = from + MATMUL_PANEL;

	(void)who;
	ISA_PICK(matmul_panel)(a, from, to < a->w->out ? to : a->w->out);
}

#ifdef FOLIO_AMX

/* The loops of a product by tiles: x and the low-rank rows are split once, for all panels. */
typedef struct {
	const matmul_args *a;
	matmul_split x, low;
} tiled;

static void split_item(void *ud, int item, int who)
{
	const tiled *t = ud;
	const matmul_args *a = t->a;
	int from = item * MATMUL_PANEL;

	(void)who;
	amx_split_rows(&t->x, a->x, a->x_stride, a->rows, a->w->in, from, from + MATMUL_PANEL);
	if (a->low)
		amx_split_rows(&t->low, a->low->t, a->low->t_stride, a->rows, a->low->b->in, from, from + MATMUL_PANEL);
}

static void tiled_item(void *ud, int item, int who)
{
	const tiled *t = ud;
	int from = item * MATMUL_PANEL, to = from + MATMUL_PANEL, out = t->a->w->out;

	(void)who;
	amx_matmul_panel(t->a, &t->x, t->a->low ? &t->low : NULL, false, from, to < out ? to : out);
}

static int matmul_tiled(matmul_args *a, pool *p, error *err)
{
	tiled t = { a, { NULL, 0, matmul_split_blocks(a->w->in) }, { NULL, 0, a->low ? matmul_split_blocks(a->low->b->in) : 0 } };
	size_t bytes = matmul_split_bytes(a->rows, t.x.blocks);

	t.x.tile = pool_memory(p, bytes + matmul_split_bytes(a->rows, t.low.blocks));
	if (!t.x.tile)
		return error_nomem(err, "a block of tokens");
	t.low.tile = t.x.tile + bytes / sizeof(uint16_t);
	pool_run(p, (a->rows + MATMUL_PANEL - 1) / MATMUL_PANEL, split_item, &t);
	pool_run(p, (a->w->out + MATMUL_PANEL - 1) / MATMUL_PANEL, tiled_item, &t);
	return 0;
}

/* On the calling thread alone the split goes by parts that the stack has room for. */
static void pass_alone(const matmul_args *a, const float *x, int x_stride, const weights *w, bool add)
{
	enum { RUN = 512, BYTES = 256 * 1024 };
	uint16_t tile[BYTES / sizeof(uint16_t)] __attribute__((aligned(64)));

	for (int k = 0; k < w->in; k += RUN) {
		int n = w->in - k < RUN ? w->in - k : RUN, blocks = matmul_split_blocks(n);
		int chunk = BYTES / (int)matmul_split_bytes(1, blocks) * MATMUL_PANEL;
		for (int r = 0; r < a->rows; r += chunk) {
			int rows = a->rows - r < chunk ? a->rows - r : chunk;
			matmul_split s = { tile, k, blocks };
			matmul_args part = *a;
			part.y += (size_t)r * (size_t)a->y_stride;
			part.rows = rows;
			part.w = w;
			amx_split_rows(&s, x + (size_t)r * (size_t)x_stride + (size_t)k, x_stride, rows, n, 0,
			               (rows + MATMUL_PANEL - 1) / MATMUL_PANEL * MATMUL_PANEL);
			for (int j = 0; j < w->out; j += MATMUL_PANEL)
				amx_matmul_panel(&part, &s, NULL, add || k > 0, j, j + MATMUL_PANEL < w->out ? j + MATMUL_PANEL : w->out);
		}
	}
}

#endif

int cpu_matmul(float *y, int y_stride, const float *x, int x_stride, int rows,
               const weights *w, const float *bias, pool *p, error *err)
{
	return cpu_matmul_low_rank(y, y_stride, x, x_stride, rows, w, bias, NULL, p, err);
}

int cpu_matmul_low_rank(float *y, int y_stride, const float *x, int x_stride, int rows,
                        const weights *w, const float *bias, const low_rank *low, pool *p, error *err)
{
	matmul_args a = { y, x, bias, w, y_stride, x_stride, rows, low };

	(void)err; /* but for tiles, scratch is on the stack: nothing can fail */
	if (rows <= 0 || w->out <= 0)
		return 0;
	if (rows <= MATMUL_FEW)
		matmul_few(&a, p);
#ifdef FOLIO_AMX
	else if (cpu_isa_used() == CPU_AMX && p)
		return matmul_tiled(&a, p, err);
	else if (cpu_isa_used() == CPU_AMX) {
		pass_alone(&a, x, x_stride, w, false);
		if (low)
			pass_alone(&a, low->t, low->t_stride, low->b, true);
	}
#endif
	else
		pool_run(p, (w->out + MATMUL_PANEL - 1) / MATMUL_PANEL, panel_item, &a);
	return 0;
}

void cpu_dequantize(float *out, const void *row, dtype t, int64_t n)
{
	ISA_PICK(dequantize)(out, row, t, n);
}

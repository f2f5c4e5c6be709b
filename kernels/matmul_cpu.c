#include "kernels/matmul_impl.h"

ISA_DECLARE(void, dequantize, float *out, const void *row, dtype t, int64_t n);

static void dots_item(void *ud, int item, int who)
{
	const matmul_args *a = ud;
	int from = item * a->dots, to = from + a->dots;

	(void)who;
	ISA_PICK(matmul_dots)(a, from, to < a->w->out ? to : a->w->out);
}

static void panel_item(void *ud, int item, int who)
{
	const matmul_args *a = ud;
	int from = item * MATMUL_PANEL, to = from + MATMUL_PANEL;

	(void)who;
	ISA_PICK(matmul_panel)(a, from, to < a->w->out ? to : a->w->out);
}

int cpu_matmul(float *y, int y_stride, const float *x, int x_stride, int rows,
               const weights *w, const float *bias, pool *p, error *err)
{
	return cpu_matmul_low_rank(y, y_stride, x, x_stride, rows, w, bias, NULL, p, err);
}

int cpu_matmul_low_rank(float *y, int y_stride, const float *x, int x_stride, int rows,
                        const weights *w, const float *bias, const low_rank *low, pool *p, error *err)
{
	matmul_args a = { y, x, bias, w, y_stride, x_stride, rows, low, w->out < 8 * MATMUL_DOTS ? MATMUL_LEAST : MATMUL_DOTS };

	(void)err; /* scratch is on the stack: nothing can fail */
	if (rows <= 0 || w->out <= 0)
		return 0;
	if (rows <= MATMUL_FEW)
		pool_run(p, (w->out + a.dots - 1) / a.dots, dots_item, &a);
	else
		pool_run(p, (w->out + MATMUL_PANEL - 1) / MATMUL_PANEL, panel_item, &a);
	return 0;
}

void cpu_dequantize(float *out, const void *row, dtype t, int64_t n)
{
	ISA_PICK(dequantize)(out, row, t, n);
}

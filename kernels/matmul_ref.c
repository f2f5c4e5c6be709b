#include "kernels/matmul.h"

#include <stdlib.h>

void ref_matmul_low_rank(float *y, int y_stride, int rows, const low_rank *low)
{
	const weights *b = low->b;
	size_t bytes = dtype_row_bytes(b->type, b->in);
	float *row = malloc((size_t)b->in * sizeof(*row) + 1);

	for (int j = 0; row && j < b->out; j++) {
		ref_dequantize(row, (const char *)b->data + (size_t)j * bytes, b->type, b->in);
		for (int r = 0; r < rows; r++) {
			float *to = &y[(size_t)r * (size_t)y_stride + (size_t)j];
			double sum = *to;
			for (int i = 0; i < b->in; i++)
				sum += (double)low->t[(size_t)r * (size_t)low->t_stride + (size_t)i] * row[i];
			*to = (float)sum;
		}
	}
	free(row);
}

void ref_matmul(float *y, int y_stride, const float *x, int x_stride, int rows,
                const weights *w, const float *bias)
{
	size_t bytes = dtype_row_bytes(w->type, w->in);
	float *row = malloc((size_t)w->in * sizeof(*row) + 1);

	for (int j = 0; row && j < w->out; j++) {
		ref_dequantize(row, (const char *)w->data + (size_t)j * bytes, w->type, w->in);
		for (int r = 0; r < rows; r++) {
			double sum = bias ? bias[j] : 0;
			for (int i = 0; i < w->in; i++)
				sum += (double)x[(size_t)r * (size_t)x_stride + (size_t)i] * row[i];
			y[(size_t)r * (size_t)y_stride + (size_t)j] = (float)sum;
		}
	}
	free(row);
}

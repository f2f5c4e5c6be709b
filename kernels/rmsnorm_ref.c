#include "kernels/rmsnorm.h"

#include <math.h>
#include <stddef.h>

void ref_rmsnorm(float *out, const float *x, const float *weight, int rows, int dim, float eps)
{
	for (int r = 0; r < rows; r++) {
		const float *in = x + (size_t)r * (size_t)dim;
		double squares = 0;

		for (int i = 0; i < dim; i++)
			squares += (double)in[i] * in[i];
		double f = 1.0 / sqrt(squares / dim + (double)eps);
		for (int i = 0; i < dim; i++)
			out[(size_t)r * (size_t)dim + (size_t)i] = (float)(in[i] * f * weight[i]);
	}
}

#include "kernels/elementwise.h"

#include <math.h>

void ref_swiglu(float *gate, const float *up, size_t n)
{
	for (size_t i = 0; i < n; i++)
		gate[i] = (float)(gate[i] / (1.0 + exp(-(double)gate[i])) * up[i]);
}

void ref_add(float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] += y[i];
}

void ref_to_f16(f16 *out, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = f16_from_f32(x[i]);
}

void ref_from_f16(float *out, const f16 *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = f16_to_f32(x[i]);
}

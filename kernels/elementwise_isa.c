#include "kernels/elementwise_impl.h"

#include <math.h>

#include "kernels/simd.h"

void ISA_NAME(rmsnorm_row)(float *out, const float *x, const float *weight, int dim, float eps)
{
	vf s0 = vf_set(0), s1 = s0;
	int i = 0;

	for (; i + 2 * VLEN <= dim; i += 2 * VLEN) {
		vf a = vf_load(x + i), b = vf_load(x + i + VLEN);
		s0 += a * a;
		s1 += b * b;
	}
	float sum = vf_sum(s0 + s1);
	for (; i < dim; i++)
		sum += x[i] * x[i];
	float f = 1.0f / sqrtf(sum / (float)dim + eps);
	for (i = 0; i + VLEN <= dim; i += VLEN)
		vf_store(out + i, vf_load(x + i) * vf_set(f) * vf_load(weight + i));
	for (; i < dim; i++)
		out[i] = x[i] * f * weight[i];
}

void ISA_NAME(swiglu_run)(float *gate, const float *up, size_t n)
{
	size_t i = 0;

	for (; i + VLEN <= n; i += VLEN) {
		vf g = vf_load(gate + i);
		vf_store(gate + i, g / (vf_set(1.0f) + vf_exp(-g)) * vf_load(up + i));
	}
	for (; i < n; i++)
		gate[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

void ISA_NAME(add_run)(float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] += y[i];
}

void ISA_NAME(to_f16_run)(f16 *out, const float *x, size_t n)
{
	size_t i = 0;

	for (; i + VLEN <= n; i += VLEN)
		vf_store_f16(out + i, vf_load(x + i));
	for (; i < n; i++)
		out[i] = f16_from_f32(x[i]);
}

void ISA_NAME(from_f16_run)(float *out, const f16 *x, size_t n)
{
	size_t i = 0;

	for (; i + VLEN <= n; i += VLEN)
		vf_store(out + i, vf_load_f16(x + i));
	for (; i < n; i++)
		out[i] = f16_to_f32(x[i]);
}

void ISA_NAME(exp_run)(float *x, size_t n)
{
	size_t i = 0;

	for (; i + VLEN <= n; i += VLEN)
		vf_store(x + i, vf_exp(vf_load(x + i)));
	for (; i < n; i++)
		x[i] = expf(x[i]);
}

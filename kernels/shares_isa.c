#include "kernels/cpu.h"
#include "kernels/shares.h"
#include "kernels/simd.h"

#include <math.h>

ISA_DECLARE(bool, shares_rows, float *s, float *score, const float *size, int n, int rows, float scale);
ISA_DECLARE(float, largest, const float *x, int n);

/* The largest, or NaN when one is not finite: x - x is 0 for finite x alone. */
float ISA_NAME(largest)(const float *x, int n)
{
	vf most = vf_set(-INFINITY), odd = vf_set(0);
	float m = -INFINITY, o = 0;
	int i = 0;

	for (; i + VLEN <= n; i += VLEN) {
		vf v = vf_load(x + i);
		most = vf_max(most, v);
		odd += v - v;
	}
	for (; i < n; i++) {
		m = x[i] > m ? x[i] : m;
		o += x[i] - x[i];
	}
	float whole = vf_most(most);
	o += vf_sum(odd);
	return o == 0 ? (whole > m ? whole : m) : NAN;
}

bool ISA_NAME(shares_rows)(float *s, float *score, const float *size, int n, int rows, float scale)
{
	memset(s, 0, (size_t)n * sizeof(*s));
	for (int r = 0; r < rows; r++) {
		float *e = score + (size_t)r * (size_t)n, most = ISA_NAME(largest)(e, n), sum = 0;
		vf sums = vf_set(0);
		int i = 0;
		if (isnan(most))
			return false;
		for (; i + VLEN <= n; i += VLEN) {
			vf v = vf_exp((vf_load(e + i) - vf_set(most)) * vf_set(scale));
			vf_store(e + i, v);
			sums += v * vf_load(size + i);
		}
		for (; i < n; i++) {
			e[i] = expf((e[i] - most) * scale);
			sum += e[i] * size[i];
		}
		float f = 1.0f / ((vf_sum(sums) + sum) * (float)rows);
		for (i = 0; i < n; i++)
			s[i] += e[i] * f;
	}
	return true;
}

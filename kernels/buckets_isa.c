#include "kernels/buckets_impl.h"

#include "kernels/simd.h"

enum { SHARED = 4 }; /* rows that share a load of a value */

static void exponentials(float *s, size_t n, float most, float scale)
{
	size_t i = 0;

	for (; i + VLEN <= n; i += VLEN)
		vf_store(s + i, vf_exp((vf_load(s + i) - vf_set(most)) * vf_set(scale)));
	if (i < n) {
		float rest[VLEN] = { 0 };
		memcpy(rest, s + i, (n - i) * sizeof(*s));
		vf_store(rest, vf_exp((vf_load(rest) - vf_set(most)) * vf_set(scale)));
		memcpy(s + i, rest, (n - i) * sizeof(*s));
	}
}

/* Elements [d, d + VLEN) of up to SHARED rows of a run, from row g on. */
static inline __attribute__((always_inline)) void add_run(const bucket_args *a, float *acc, int g, int d, uint32_t from, uint32_t to,
                                                          const int rows)
{
	vf s[SHARED];

	for (int r = 0; r < rows; r++)
		s[r] = vf_set(0);
	for (uint32_t j = from; j < to; j++) {
		vf x = vf_load_f16(a->v + (size_t)j * (size_t)a->dim + d);
		for (int r = 0; r < rows; r++)
			s[r] += vf_set(a->score[(size_t)(g + r) * a->stride + j]) * x;
	}
	for (int r = 0; r < rows; r++)
		vf_store(acc + (size_t)(g + r) * (size_t)a->dim + d, s[r]);
}

static void one_run(const bucket_args *a, int b)
{
	uint32_t from = a->range[b], to = a->range[b + 1];
	float *acc = a->acc + (size_t)b * (size_t)a->group * (size_t)a->dim;
	int d = 0;

	for (int g = 0; g < a->group; g++) {
		float sum = 0;
		for (uint32_t j = from; j < to; j++)
			sum += a->score[(size_t)g * a->stride + j];
		a->sum[(size_t)b * (size_t)a->group + (size_t)g] = sum;
	}
	for (; d + VLEN <= a->dim; d += VLEN)
		for (int g = 0; g < a->group; g += SHARED)
			switch (a->group - g) {
			case 1: add_run(a, acc, g, d, from, to, 1); break;
			case 2: add_run(a, acc, g, d, from, to, 2); break;
			case 3: add_run(a, acc, g, d, from, to, 3); break;
			default: add_run(a, acc, g, d, from, to, SHARED); break;
			}
	for (; d < a->dim; d++)
		for (int g = 0; g < a->group; g++) {
			float x = 0;
			for (uint32_t j = from; j < to; j++)
				x += a->score[(size_t)g * a->stride + j] * f16_to_f32(a->v[(size_t)j * (size_t)a->dim + (size_t)d]);
			acc[(size_t)g * (size_t)a->dim + (size_t)d] = x;
		}
}

void ISA_NAME(buckets)(const bucket_args *a)
{
	for (int g = 0; g < a->group; g++)
		exponentials(a->score + (size_t)g * a->stride, a->range[a->buckets], a->most[g], a->scale);
	for (int b = 0; b < a->buckets; b++)
		one_run(a, b);
}

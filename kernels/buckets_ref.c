#include "kernels/buckets.h"

#include <math.h>

void ref_buckets(const bucket_args *a)
{
	for (int b = 0; b < a->buckets; b++)
		for (int g = 0; g < a->group; g++) {
			float *acc = a->acc + ((size_t)b * (size_t)a->group + (size_t)g) * (size_t)a->dim;
			double sum = 0;
			for (uint32_t j = a->range[b]; j < a->range[b + 1]; j++) {
				float *s = a->score + (size_t)g * a->stride + j;
				*s = (float)exp(((double)*s - a->most[g]) * a->scale);
				sum += *s;
			}
			a->sum[(size_t)b * (size_t)a->group + (size_t)g] = (float)sum;
			for (int d = 0; d < a->dim; d++) {
				double x = 0;
				for (uint32_t j = a->range[b]; j < a->range[b + 1]; j++)
					x += (double)a->score[(size_t)g * a->stride + j] * f16_to_f32(a->v[(size_t)j * (size_t)a->dim + (size_t)d]);
				acc[d] = (float)x;
			}
		}
}

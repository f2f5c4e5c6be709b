/* kernels/buckets.h - attention's sums, kept apart by runs of keys.
 *
 *   e[g, j] = exp((score[g, j] - most[g]) * scale)
 *   sum[b, g] = sum_j e[g, j],   acc[b, g] = sum_j e[g, j] v[j]   over range[b] <= j < range[b + 1]
 *
 * so that the attention over any choice of runs is had by adding theirs up.
 *
 * score: [group, n] f32, rows stride apart; the first range[buckets] of each become e.
 * v: [n, dim] f16; most: [group]. sum: [buckets, group], acc: [buckets, group, dim] f32.
 * Accumulation is f32; agreement 1e-5 * sum_j |e v|. NaN goes where it belongs. */

#ifndef KERNELS_BUCKETS_H
#define KERNELS_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/half.h"

typedef struct {
	float *sum, *acc;
	float *score;
	size_t stride;
	const float *most;
	const f16 *v;
	const uint32_t *range;
	int buckets, group, dim;
	float scale;
} bucket_args;

void ref_buckets(const bucket_args *a);
void cpu_buckets(const bucket_args *a);

#endif

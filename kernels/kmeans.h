/* kernels/kmeans.h - weighted k-means on the unit sphere, deterministic.
 *
 * Spherical k-means (Dhillon and Modha 2001): rows are unit vectors, a row belongs
 * to the centre with the largest inner product, a centre is the normalised
 * weighted sum of its rows. Seeding by a seeded k-means++ on a sample, or evenly
 * spaced rows when n is large. Assignment is a matrix product and an argmax.
 *
 * Promises: no cluster is empty (an empty one takes the worst-fitting row of the
 * largest); no cluster has more than most_rows rows (an overgrown one is split by
 * giving its worst-fitting half to a new centre that replaces the smallest
 * cluster's, whose rows go to their next-best; what still overflows after the last
 * round moves to the nearest cluster with room); the same input, options and
 * instruction set give the same result for any number of threads. */

#ifndef KERNELS_KMEANS_H
#define KERNELS_KMEANS_H

#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"

typedef struct {
	int k;          /* clusters, 1 <= k <= n */
	int rounds;     /* most rounds; stops early when fewer than 0.1 % of rows move */
	int most_rows;  /* cap of a cluster's size, >= ceil(n / k); 0: none */
	uint64_t seed;
} kmeans_options;

/* x: [n, dim] f32 unit rows (a zero row is allowed and goes anywhere); weight: [n]
 * positive or NULL for all 1. assign: [n], out, values 0 .. k-1. Runs on the
 * calling thread; several may run at once. ERR_NUMERIC if x holds a non-finite
 * value, ERR_CANCEL, ERR_NOMEM. */
int cpu_kmeans(int *assign, const float *x, const float *weight, int n, int dim,
               const kmeans_options *o, const cancel *stop, error *err);

/* One plain assignment step and its total fit, to hold results against:
 * sum_i weight_i * max_c x_i . centre_c with double accumulation. */
double ref_kmeans_fit(const int *assign, const float *x, const float *weight, int n, int dim, int k);

#endif

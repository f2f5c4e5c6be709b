/* kernels/kmeans.h - weighted k-means on the unit sphere, deterministic.
 *
 * Spherical k-means (Dhillon and Modha 2001): rows are unit vectors, a row belongs
 * to the centre with the largest inner product, a centre is the normalised
 * weighted sum of its rows. Seeded with distinct random rows. Assignment is a matrix
 * product and an argmax; ties go to the lower centre.
 *
 * Promises: no cluster is empty (an empty one takes the worst-fitting row of the
 * largest after each round); no cluster has more than most_rows rows (after the last
 * round the worst-fitting rows of an overgrown one move, one by one, to the nearest
 * cluster with room); the same input, options and instruction set give the same
 * result on any number of threads. */

#ifndef KERNELS_KMEANS_H
#define KERNELS_KMEANS_H

#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"

typedef struct {
	int k;          /* clusters, 1 <= k <= n */
	int rounds;     /* most rounds; stops early when fewer than 0.1 % of rows move */
	int most_rows;  /* cap of a cluster's size, at least ceil(n / k); 0: none */
	uint64_t seed;
	int sampled;    /* rounds over a random quarter of the rows before those over all; 0: none */
} kmeans_options;

/* x: [n, dim] f32 unit rows (a zero row is allowed and goes anywhere); weight: [n]
 * positive or NULL for all 1. assign: [n], out, values 0 .. k-1. Runs on the
 * calling thread; several may run at once. ERR_NUMERIC if x holds a non-finite
 * value, ERR_ARG for options that cannot be met, ERR_CANCEL, ERR_NOMEM. */
int cpu_kmeans(int *assign, const float *x, const float *weight, int n, int dim,
               const kmeans_options *o, const cancel *stop, error *err);

/* How well an assignment fits, in double: sum_i weight_i * x_i . centre(assign_i)
 * with centres formed from that assignment. For holding results against each other. */
double ref_kmeans_fit(const int *assign, const float *x, const float *weight, int n, int dim, int k);

#endif

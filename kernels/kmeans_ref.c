#include "kernels/kmeans.h"

#include <math.h>
#include <stdlib.h>

double ref_kmeans_fit(const int *assign, const float *x, const float *weight, int n, int dim, int k)
{
	double *centre = calloc((size_t)k * (size_t)dim, sizeof(*centre)), fit = 0;

	if (!centre)
		return NAN;
	for (int i = 0; i < n; i++)
		for (int d = 0; d < dim; d++)
			centre[(size_t)assign[i] * (size_t)dim + (size_t)d] += (weight ? weight[i] : 1.0) * x[(size_t)i * (size_t)dim + (size_t)d];
	/* sum of w x . c / |c| over a cluster is |c| itself */
	for (int c = 0; c < k; c++) {
		double squares = 0;
		for (int d = 0; d < dim; d++)
			squares += centre[(size_t)c * (size_t)dim + (size_t)d] * centre[(size_t)c * (size_t)dim + (size_t)d];
		fit += sqrt(squares);
	}
	free(centre);
	return fit;
}

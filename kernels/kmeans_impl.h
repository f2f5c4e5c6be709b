/* kernels/kmeans_impl.h - the inner loop of cpu_kmeans, once an instruction set. */

#ifndef KERNELS_KMEANS_IMPL_H
#define KERNELS_KMEANS_IMPL_H

#include "kernels/cpu.h"

/* For each row of score [rows, k]: the first largest element and its value. */
ISA_DECLARE(void, argmax_rows, int *index, float *value, const float *score, int rows, int k);

#endif

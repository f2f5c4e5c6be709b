/* kernels/kmeans_impl.h - the inner loop of cpu_kmeans, once an instruction set. */

#ifndef KERNELS_KMEANS_IMPL_H
#define KERNELS_KMEANS_IMPL_H

#include <stdbool.h>

#include "kernels/cpu.h"
#include "kernels/matmul_impl.h"

/* For each row of score [rows, k]: the first largest element and its value. */
ISA_DECLARE(void, argmax_rows, int *index, float *value, const float *score, int rows, int k);

#ifdef FOLIO_AMX

/* For each row of x [rows, dim], dim <= 256: the first centre with the largest inner
 * product, and that. centre: k rows, split. exact: as matmul.h; else both sides are
 * rounded to bf16, for rounds that only look for the centres' places. */
void amx_nearest(int *index, float *fit, const float *x, int rows, int dim, const matmul_split *centre, int k, bool exact);

#endif
#endif

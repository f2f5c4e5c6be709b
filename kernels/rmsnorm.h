/* kernels/rmsnorm.h - root-mean-square normalisation.
 *
 *   out[r, i] = x[r, i] * weight[i] / sqrt(mean_i(x[r, i]^2) + eps)
 *
 * x, out: [rows, dim] f32, contiguous; out may be x. weight: [dim] f32.
 * Any dim > 0. Agreement with the reference: 1e-5 relative. */

#ifndef KERNELS_RMSNORM_H
#define KERNELS_RMSNORM_H

#include "base/pool.h"

void ref_rmsnorm(float *out, const float *x, const float *weight, int rows, int dim, float eps);
void cpu_rmsnorm(float *out, const float *x, const float *weight, int rows, int dim, float eps,
                 pool *p);

#endif

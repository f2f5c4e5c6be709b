/* kernels/shares.h - what part of a query's attention one key of each cluster gets.
 *
 *   s[i] = mean over the rows r of exp(z_ri) / sum_j size[j] exp(z_rj),
 *   z_ri = scale * (score[r, i] - max_j score[r, j])
 *
 * score: [rows, n] f32, used up; size: [n] keys a cluster; s: [n]. n, rows >= 1.
 * Agreement with the reference 1e-5 relative or 1e-30. false, with s undefined, when a score is
 * not finite. Squeezed Attention (arXiv 2411.09688), section 3.2. */

#ifndef KERNELS_SHARES_H
#define KERNELS_SHARES_H

#include <stdbool.h>

bool ref_shares(float *s, float *score, const float *size, int n, int rows, float scale);
bool cpu_shares(float *s, float *score, const float *size, int n, int rows, float scale);

/* The largest of x [n], NaN when one is not finite; -INFINITY for n = 0. */
float cpu_largest(const float *x, int n);

#endif

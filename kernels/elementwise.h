/* kernels/elementwise.h - the small maps between the products of a layer.
 * All f32, contiguous. Agreement with the references: 1e-5 relative. */

#ifndef KERNELS_ELEMENTWISE_H
#define KERNELS_ELEMENTWISE_H

#include <stddef.h>

#include "base/pool.h"
#include "kernels/half.h"

/* gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i]   (SwiGLU; Shazeer 2020) */
void ref_swiglu(float *gate, const float *up, size_t n);
void cpu_swiglu(float *gate, const float *up, size_t n, pool *p);

/* x[i] += y[i] */
void ref_add(float *x, const float *y, size_t n);
void cpu_add(float *x, const float *y, size_t n, pool *p);

/* out[i] = (f16) x[i], round to nearest even. */
void ref_to_f16(f16 *out, const float *x, size_t n);
void cpu_to_f16(f16 *out, const float *x, size_t n);
/* out[i] = (float) x[i] */
void ref_from_f16(float *out, const f16 *x, size_t n);
void cpu_from_f16(float *out, const f16 *x, size_t n);

#endif

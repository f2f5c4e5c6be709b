/* kernels/elementwise_impl.h - row operations that exist once an instruction set. */

#ifndef KERNELS_ELEMENTWISE_IMPL_H
#define KERNELS_ELEMENTWISE_IMPL_H

#include <stddef.h>

#include "kernels/cpu.h"
#include "kernels/half.h"

ISA_DECLARE(void, rmsnorm_row, float *out, const float *x, const float *weight, int dim, float eps);
ISA_DECLARE(void, swiglu_run, float *gate, const float *up, size_t n);
ISA_DECLARE(void, add_run, float *x, const float *y, size_t n);
ISA_DECLARE(void, to_f16_run, f16 *out, const float *x, size_t n);
ISA_DECLARE(void, from_f16_run, float *out, const f16 *x, size_t n);
ISA_DECLARE(void, exp_run, float *x, size_t n); /* x[i] = exp(x[i]); for the test of vf_exp */

#endif

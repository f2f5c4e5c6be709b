/* tests/kernels/kernel_test.h - random inputs with outliers, and every instruction set. */

#ifndef TESTS_KERNEL_TEST_H
#define TESTS_KERNEL_TEST_H

#include "tests/support.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kernels/cpu.h"
#include "kernels/half.h"
#include "tests/compare.h"

/* Roughly normal, one in 64 ten times larger. */
static inline float any_float(rng *r)
{
	float f = (float)(rng_unit(r) + rng_unit(r) + rng_unit(r) + rng_unit(r) - 2.0) * 1.7f;

	return rng_below(r, 64) ? f : 10 * f;
}

static inline float *any_floats(rng *r, size_t n)
{
	float *x = mem_aligned(n, sizeof(*x));

	assert_non_null(x);
	for (size_t i = 0; i < n; i++)
		x[i] = any_float(r);
	return x;
}

static inline f16 *any_halves(rng *r, size_t n)
{
	f16 *x = mem_aligned(n, sizeof(*x));

	assert_non_null(x);
	for (size_t i = 0; i < n; i++)
		x[i] = f16_from_f32(any_float(r));
	return x;
}

/* Run the body once with each instruction set that this machine has. */
#define EACH_ISA(i)                                              \
	for (int i = 0; i <= (int)cpu_isa_best(); i++)           \
		if (cpu_isa_force((cpu_isa)i, NULL) == 0)

#endif

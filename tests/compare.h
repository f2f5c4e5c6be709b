/* tests/compare.h - hold numbers against a reference so that NaN never passes. */

#ifndef TESTS_COMPARE_H
#define TESTS_COMPARE_H

#include <math.h>
#include <stddef.h>

typedef struct {
	size_t bad;     /* how many differ too much */
	size_t first;   /* index of the first that does */
	double worst;   /* largest absolute difference; NaN counts as infinity */
} comparison;

/* got[i] is fine when |got - want| <= absolute + relative * |want|; the test is
 * "not fine" negated, so NaN on either side is counted as bad. */
static inline comparison compare_f32(const float *got, const float *want, size_t n,
                                     double absolute, double relative)
{
	comparison c = { 0 };

	for (size_t i = 0; i < n; i++) {
		double diff = fabs((double)got[i] - (double)want[i]);
		if (!(diff <= absolute + relative * fabs((double)want[i]))) {
			if (!c.bad)
				c.first = i;
			c.bad++;
		}
		if (!(diff <= c.worst))
			c.worst = isnan(diff) ? INFINITY : diff;
	}
	return c;
}

#endif

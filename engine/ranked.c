#include "engine/ranked.h"

#include <stdint.h>
#include <string.h>

/* Bits of a share so that a larger one sorts first: shares are not negative, and
 * such floats are ordered as their bits are. */
static uint32_t falling_bits(float s)
{
	uint32_t u;

	memcpy(&u, &s, sizeof(u));
	return ~u;
}

void ranked_sort(ranked *a, size_t n, ranked *tmp)
{
	enum { BITS = 11, BUCKETS = 1 << BITS, PASSES = 3 };

	if (n <= 32) {
		for (size_t i = 1; i < n; i++) {
			ranked one = a[i];
			size_t at = i;
			for (; at > 0 && a[at - 1].s < one.s; at--)
				a[at] = a[at - 1];
			a[at] = one;
		}
		return;
	}
	uint32_t count[PASSES][BUCKETS] = { 0 };
	for (size_t i = 0; i < n; i++)
		for (int p = 0; p < PASSES; p++)
			count[p][falling_bits(a[i].s) >> p * BITS & (BUCKETS - 1)]++;
	for (int p = 0; p < PASSES; p++) {
		ranked *from = p % 2 ? tmp : a, *to = p % 2 ? a : tmp;
		uint32_t at = 0;
		for (int k = 0; k < BUCKETS; k++) {
			uint32_t here = count[p][k];
			count[p][k] = at;
			at += here;
		}
		for (size_t i = 0; i < n; i++)
			to[count[p][falling_bits(from[i].s) >> p * BITS & (BUCKETS - 1)]++] = from[i];
	}
	memcpy(a, tmp, n * sizeof(*a));
}

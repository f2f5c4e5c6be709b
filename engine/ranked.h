/* engine/ranked.h - clusters in the order of their attention. */

#ifndef ENGINE_RANKED_H
#define ENGINE_RANKED_H

#include <stddef.h>

typedef struct {
	float s; /* not negative, not NaN */
	int i;
} ranked;

/* In falling order of s; equal ones keep theirs. Radix sort in three passes, for
 * hundreds and for millions. tmp: room for n. */
void ranked_sort(ranked *a, size_t n, ranked *tmp);

#endif

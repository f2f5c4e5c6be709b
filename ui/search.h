/* ui/search.h - a word looked for in a text: any script, without regard to case as long
 * as it is written without capitals. */

#ifndef UI_SEARCH_H
#define UI_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NEEDLE_MOST = 256 };

typedef struct {
	uint32_t cp[NEEDLE_MOST]; /* small letters when fold; what is longer is cut */
	int n;
	bool fold;
	bool first[256];          /* bytes that a match can begin with */
} needle;

void needle_make(needle *out, const char *word);

#define NEEDLE_NONE SIZE_MAX

/* Where it stands in text, beginning in [from, to): the first place or, back, the last.
 * *bytes: how long it is there. */
size_t needle_find(size_t *bytes, const needle *k, const char *text, size_t len, size_t from, size_t to);
size_t needle_find_back(size_t *bytes, const needle *k, const char *text, size_t len, size_t from, size_t to);

#endif

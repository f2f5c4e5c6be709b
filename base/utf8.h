/* base/utf8.h - reading UTF-8 that may be hostile. */

#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Decode the code point at p (n > 0 bytes left) into *cp and return its length
 * 1..4. An ill-formed sequence (overlong, surrogate, cut off) gives U+FFFD and
 * the number of bytes to skip, at least 1; *ok, if not NULL, tells which. */
int utf8_decode(uint32_t *cp, bool *ok, const char *p, size_t n);

/* Encode cp into out[4]; returns the length. cp must be a Unicode scalar. */
int utf8_encode(char out[4], uint32_t cp);

/* Offset of the first ill-formed byte, n when all is well. */
size_t utf8_check(const char *p, size_t n);

/* How many bytes at the end of p begin a sequence that is not complete yet. */
size_t utf8_tail(const char *p, size_t n);

/* Append text so that it can be shown on a terminal: control characters (C0 but
 * newline and tab, DEL, C1, bidi overrides) and ill-formed bytes become visible. */
void utf8_put_shown(str *out, const char *p, size_t n);

#endif

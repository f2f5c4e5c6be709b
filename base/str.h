/* base/str.h - a growing byte string, always NUL-terminated when data is set.
 *
 * A str starts as STR_INIT (all zero). When memory runs out, oom is set and
 * every later append does nothing: build freely, ask str_ok once at the end. */

#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct {
	char *data; /* NULL until something was appended */
	size_t len, cap;
	bool oom;
} str;

#define STR_INIT ((str){ 0 })

void str_free(str *s);
void str_clear(str *s); /* length 0, memory kept */
void str_put(str *s, const void *bytes, size_t n);
void str_puts(str *s, const char *text);
void str_putc(str *s, char c);
void str_putf(str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_vputf(str *s, const char *fmt, va_list ap);
void str_truncate(str *s, size_t len);

/* The text, "" when empty; borrowed until the next change. */
const char *str_text(const str *s);

/* Hand the bytes over to the caller (never NULL unless memory ran out) and
 * leave *s empty. */
char *str_take(str *s);

/* 0, or ERR_NOMEM if an append failed. */
int str_ok(const str *s, error *err);

#endif

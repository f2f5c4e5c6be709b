#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(str *s, size_t more)
{
	if (s->oom || more > SIZE_MAX / 4 - s->len) {
		s->oom = true;
		return false;
	}

	size_t need = s->len + more + 1;
	if (need <= s->cap)
		return true;
	size_t cap = s->cap ? s->cap + s->cap / 2 : 32;
	if (cap < need)
		cap = need;
	char *p = realloc(s->data, cap);
	if (!p) {
		s->oom = true;
		return false;
	}
	s->data = p;
	s->cap = cap;
	return true;
}

void str_free(str *s)
{
	free(s->data);
	*s = STR_INIT;
}

void str_clear(str *s)
{
	str_truncate(s, 0);
}

void str_truncate(str *s, size_t len)
{
	if (len < s->len)
		s->len = len;
	if (s->data)
		s->data[s->len] = '\0';
}

void str_put(str *s, const void *bytes, size_t n)
{
	if (!reserve(s, n))
		return;
	if (n)
		memcpy(s->data + s->len, bytes, n);
	s->len += n;
	s->data[s->len] = '\0';
}

void str_puts(str *s, const char *text)
{
	str_put(s, text, strlen(text));
}

void str_putc(str *s, char c)
{
	str_put(s, &c, 1);
}

void str_vputf(str *s, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0)
		s->oom = true;
	else if (reserve(s, (size_t)n)) {
		vsnprintf(s->data + s->len, (size_t)n + 1, fmt, again);
		s->len += (size_t)n;
	}
	va_end(again);
}

void str_putf(str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vputf(s, fmt, ap);
	va_end(ap);
}

const char *str_text(const str *s)
{
	return s->data ? s->data : "";
}

char *str_take(str *s)
{
	if (!s->data)
		reserve(s, 0);
	if (s->data)
		s->data[s->len] = '\0';

	char *p = s->data;
	*s = STR_INIT;
	return p;
}

int str_ok(const str *s, error *err)
{
	return s->oom ? error_nomem(err, "text") : 0;
}

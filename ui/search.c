#include "ui/search.h"

#include <string.h>
#include <wctype.h>

#include "base/utf8.h"

static uint32_t small(uint32_t cp)
{
	return cp < 0x80 ? (cp >= 'A' && cp <= 'Z' ? cp + 32 : cp) : (uint32_t)towlower((wint_t)cp);
}

static uint32_t decode(int *bytes, const char *p, size_t n)
{
	uint32_t cp;
	bool ok;

	*bytes = utf8_decode(&cp, &ok, p, n);
	return cp;
}

/* Bytes that a character can begin with, in either case. */
static void allow(needle *k, uint32_t cp)
{
	char utf8[4];

	utf8_encode(utf8, cp);
	k->first[(unsigned char)utf8[0]] = true;
}

void needle_make(needle *out, const char *word)
{
	size_t n = strlen(word);
	int bytes;

	*out = (needle){ .fold = true };
	for (size_t i = 0; i < n && out->n < NEEDLE_MOST; i += (size_t)bytes) {
		out->cp[out->n] = decode(&bytes, word + i, n - i);
		out->fold &= small(out->cp[out->n]) == out->cp[out->n];
		out->n++;
	}
	if (!out->n)
		return;
	allow(out, out->cp[0]);
	if (out->fold)
		allow(out, (uint32_t)towupper((wint_t)out->cp[0]));
}

/* Bytes that match at i; 0: none do. */
static size_t match(const needle *k, const char *text, size_t len, size_t i)
{
	size_t at = i;
	int bytes;

	for (int c = 0; c < k->n; c++, at += (size_t)bytes) {
		if (at >= len)
			return 0;
		uint32_t cp = decode(&bytes, text + at, len - at);
		if (cp != k->cp[c] && !(k->fold && small(cp) == k->cp[c]))
			return 0;
	}
	return at - i;
}

size_t needle_find(size_t *bytes, const needle *k, const char *text, size_t len, size_t from, size_t to)
{
	for (size_t i = from; i < to && i < len; i++)
		if (k->first[(unsigned char)text[i]] && (*bytes = match(k, text, len, i)))
			return i;
	return NEEDLE_NONE;
}

size_t needle_find_back(size_t *bytes, const needle *k, const char *text, size_t len, size_t from, size_t to)
{
	for (size_t i = to < len ? to : len; i-- > from;)
		if (k->first[(unsigned char)text[i]] && (*bytes = match(k, text, len, i)))
			return i;
	return NEEDLE_NONE;
}

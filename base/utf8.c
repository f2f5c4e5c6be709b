#include "base/utf8.h"

#include <string.h>

int utf8_decode(uint32_t *cp, bool *ok, const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	int len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	int have = 1;

	if (len == 1) {
		*cp = s[0];
		if (ok)
			*ok = true;
		return 1;
	}
	if (len) {
		uint32_t v = s[0] & (0x7f >> len);
		while (have < len && (size_t)have < n && (s[have] & 0xc0) == 0x80)
			v = v << 6 | (s[have++] & 0x3f);
		if (have == len && v >= least[len] && v <= 0x10ffff && !(v >= 0xd800 && v <= 0xdfff)) {
			*cp = v;
			if (ok)
				*ok = true;
			return len;
		}
		/* An overlong or surrogate lead is one bad byte; its tail bytes are bad on their own. */
		if (have == len)
			have = 1;
	}
	*cp = 0xfffd;
	if (ok)
		*ok = false;
	return have;
}

int utf8_encode(char out[4], uint32_t cp)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

size_t utf8_check(const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		bool ok;
		int len = utf8_decode(&cp, &ok, p + i, n - i);
		if (!ok)
			return i;
		i += (size_t)len;
	}
	return n;
}

size_t utf8_tail(const char *p, size_t n)
{
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		unsigned char c = (unsigned char)p[n - back];
		if ((c & 0xc0) == 0x80)
			continue;
		size_t len = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
		return c < 0xf5 && len > back ? back : 0;
	}
	return 0;
}

static bool is_hidden(uint32_t cp)
{
	return (cp < 0x20 && cp != '\n' && cp != '\t') || (cp >= 0x7f && cp < 0xa0) ||
	       (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) ||
	       cp == 0x200e || cp == 0x200f || cp == 0xfeff;
}

void utf8_put_shown(str *out, const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		bool ok;
		int len = utf8_decode(&cp, &ok, p + i, n - i);

		if (!ok)
			str_puts(out, "\xef\xbf\xbd");
		else if (cp < 0x20 && is_hidden(cp))
			str_putf(out, "^%c", (char)(cp + '@'));
		else if (cp == 0x7f)
			str_puts(out, "^?");
		else if (is_hidden(cp))
			str_putf(out, "<U+%04X>", (unsigned)cp);
		else
			str_put(out, p + i, (size_t)len);
		i += (size_t)len;
	}
}

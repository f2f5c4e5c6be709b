#include "store/document_text.h"

#include <errno.h>
#include <iconv.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* More pages than any book has: the form feeds mean something else. */
#define PAGES_MOST (1 << 20)

int refuse(refusal *why, int code, const char *reason, const char *fmt, ...)
{
	va_list ap;

	why->code = code;
	snprintf(why->reason, sizeof(why->reason), "%s", reason);
	va_start(ap, fmt);
	vsnprintf(why->sentence, sizeof(why->sentence), fmt, ap);
	va_end(ap);
	return code;
}

static int refuse_memory(refusal *why)
{
	return refuse(why, ERR_NOMEM, "out of memory", "does not fit into memory");
}

void name_put_shown(str *out, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, "\n\t");
		utf8_put_shown(out, name, n);
		name += n;
		if (*name)
			str_puts(out, *name++ == '\n' ? "^J" : "^I");
	}
}

/* ---- what is not text ---- */

static const struct {
	const char *magic;
	size_t n;
	const char *reason, *sentence;
} known[] = {
	{ "%PDF-", 5, "a PDF",
	  "is a PDF: reading these comes in a later release; convert it to text first, for instance with pdftotext" },
	{ "PK\3\4", 4, "a zip archive (EPUB, DOCX, ...)",
	  "is a zip archive, as EPUB and DOCX are: reading these comes in a later release; convert it to text first" },
	{ "\xd0\xcf\x11\xe0", 4, "an old Office document",
	  "is an old Office document: save it as text first" },
	{ "{\\rtf", 5, "RTF", "is RTF: save it as plain text first" },
};

static int refuse_known(const char *p, size_t n, refusal *why)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (n >= known[i].n && memcmp(p, known[i].magic, known[i].n) == 0)
			return refuse(why, ERR_FORMAT, known[i].reason, "%s", known[i].sentence);
	return 0;
}

/* The controls that file(1) finds in text: bell to carriage return, and escape. */
static bool odd_control(unsigned char c)
{
	return (c < 0x20 && !(c >= 7 && c <= 13) && c != 0x1b) || c == 0x7f;
}

static int refuse_binary(const char *p, size_t n, refusal *why)
{
	size_t odd = 0;

	for (size_t i = 0; i < n; i++)
		odd += odd_control((unsigned char)p[i]);
	if (odd > n / 64 + 4 || memchr(p, 0, n))
		return refuse(why, ERR_FORMAT, "binary", "is a binary file, not text: convert it to text first");
	return 0;
}

static bool is_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(" \t\n\v\f\r", p[i]))
			return false;
	return true;
}

/* ---- encodings ---- */

static const struct {
	const char *bom;
	size_t n;
	const char *name;
} encodings[] = {
	/* UTF-32 before UTF-16: its little-endian mark begins like the other's. */
	{ "\xff\xfe\0\0", 4, "UTF-32LE" },
	{ "\0\0\xfe\xff", 4, "UTF-32BE" },
	{ "\xff\xfe", 2, "UTF-16LE" },
	{ "\xfe\xff", 2, "UTF-16BE" },
};

static int convert(str *out, const char *encoding, char *from, size_t left, refusal *why)
{
	char buf[1 << 14];
	iconv_t cd = iconv_open("UTF-8", encoding);
	int status = 0;

	if (cd == (iconv_t)-1)
		return refuse(why, ERR_UNSUPPORTED, encoding, "is %s, which iconv cannot convert here: convert it to UTF-8 first",
			      encoding);
	while (left && !status) {
		char *to = buf;
		size_t room = sizeof(buf);
		size_t r = iconv(cd, &from, &left, &to, &room);
		if (r == (size_t)-1 && errno != E2BIG)
			status = refuse(why, ERR_FORMAT, "damaged UTF-16", "begins like %s but is damaged: convert it to UTF-8 with iconv",
					encoding);
		str_put(out, buf, sizeof(buf) - room);
	}
	iconv_close(cd);
	return status;
}

/* Make *bytes UTF-8 without BOM, from whatever mark stands at its beginning. */
static int unmark(str *bytes, size_t *skip, refusal *why)
{
	*skip = bytes->len >= 3 && memcmp(bytes->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		size_t n = encodings[i].n;
		if (bytes->len < n || memcmp(bytes->data, encodings[i].bom, n) != 0)
			continue;
		str utf8 = STR_INIT;
		int status = convert(&utf8, encodings[i].name, bytes->data + n, bytes->len - n, why);
		str_free(bytes);
		*bytes = utf8;
		return status;
	}
	return 0;
}

/* ---- line ends and page breaks ---- */

typedef struct {
	size_t *at;
	size_t n, cap;
} marks;

static bool mark_page(marks *m, size_t at)
{
	if (!m->n) {
		if (!MEM_GROW(m->at, m->cap, 2))
			return false;
		m->at[m->n++] = 0;
	}
	if (m->n > PAGES_MOST)
		return true;
	if (!MEM_GROW(m->at, m->cap, m->n + 1))
		return false;
	m->at[m->n++] = at;
	return true;
}

/* A form feed between two words keeps them apart; elsewhere it is only a mark. */
static bool needs_space(const str *out, size_t base, const char *p, size_t left)
{
	return out->len > base && out->data[out->len - 1] != '\n' && out->data[out->len - 1] != ' ' && left > 1 &&
	       (unsigned char)p[1] > ' ';
}

static bool put_lines(str *out, marks *m, const char *p, size_t n)
{
	size_t base = out->len;

	while (n) {
		size_t plain = 0;
		while (plain < n && p[plain] != '\r' && p[plain] != '\f')
			plain++;
		str_put(out, p, plain);
		p += plain;
		n -= plain;
		if (!n)
			break;
		if (*p == '\r') {
			size_t step = n > 1 && p[1] == '\n' ? 2 : 1;
			str_putc(out, '\n');
			p += step;
			n -= step;
			continue;
		}
		if (needs_space(out, base, p, n))
			str_putc(out, ' ');
		if (!mark_page(m, out->len - base))
			return false;
		p++;
		n--;
	}
	return true;
}

/* The mark after the last page begins no page. */
static void give_pages(size_t **page, int *pages, marks *m, const char *text, size_t n)
{
	while (m->n > 1 && is_blank(text + m->at[m->n - 1], n - m->at[m->n - 1]))
		m->n--;
	if (!page || !m->n || m->n > PAGES_MOST) {
		free(m->at);
		return;
	}
	*page = m->at;
	*pages = (int)m->n;
}

int text_extract(str *out, size_t **page, int *pages, str *bytes, refusal *why)
{
	size_t skip, base = out->len;
	marks m = { 0 };
	int status = unmark(bytes, &skip, why);

	if (status)
		return status;
	const char *p = str_text(bytes) + skip;
	size_t n = bytes->len - skip;
	if (bytes->oom)
		return refuse_memory(why);
	if (is_blank(p, n))
		return refuse(why, ERR_FORMAT, "empty", "%s", n ? "has only blanks in it, no text to read" : "is empty");
	if ((status = refuse_known(p, n, why)) || (status = refuse_binary(p, n, why)))
		return status;
	if (utf8_check(p, n) < n)
		return refuse(why, ERR_FORMAT, "not UTF-8",
			      "is not UTF-8: convert it with iconv, for instance iconv -f ISO-8859-1 -t UTF-8");
	if (!put_lines(out, &m, p, n) || out->oom) {
		free(m.at);
		return refuse_memory(why);
	}
	str_free(bytes);
	give_pages(page, pages, &m, out->data + base, out->len - base);
	return 0;
}

#include "ui/rich.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "base/mem.h"
#include "base/utf8.h"

void rich_begin(rich *r, int width)
{
	r->width = width > 4 ? width : 4;
	str_clear(&r->text);
	str_clear(&r->word_text);
	r->runs = r->lines = r->pieces = 0;
	r->first = r->rest = r->tag = 0;
	r->oom = false;
}

void rich_free(rich *r)
{
	str_free(&r->text);
	str_free(&r->word_text);
	free(r->run);
	free(r->line);
	free(r->piece);
	*r = (rich){ 0 };
}

void rich_indent(rich *r, int first, int rest)
{
	r->first = first;
	r->rest = rest;
}

void rich_tag(rich *r, int tag)
{
	r->tag = tag;
}

void rich_put(rich *r, ui_role role, const char *text, size_t n)
{
	size_t at = r->word_text.len;

	utf8_put_shown(&r->word_text, text, n);
	if (r->word_text.len == at)
		return;
	if (r->oom || !MEM_GROW(r->piece, r->piece_cap, r->pieces + 1)) {
		r->oom = true;
		return;
	}
	for (size_t i = at; i < r->word_text.len; i++)
		if (r->word_text.data[i] == '\t')
			r->word_text.data[i] = ' ';
	r->piece[r->pieces++] = (rich_run){ (uint32_t)at, (uint32_t)(r->word_text.len - at), role };
}

void rich_puts(rich *r, ui_role role, const char *text)
{
	rich_put(r, role, text, strlen(text));
}

void rich_putf(rich *r, ui_role role, const char *fmt, ...)
{
	str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vputf(&s, fmt, ap);
	va_end(ap);
	rich_put(r, role, str_text(&s), s.len);
	str_free(&s);
}

/* Bytes [from, to) of the paragraph become one line, in the roles of its pieces. */
static void add_line(rich *r, size_t from, size_t to, int indent)
{
	if (r->oom || !MEM_GROW(r->line, r->line_cap, r->lines + 1)) {
		r->oom = true;
		return;
	}
	rich_line *l = &r->line[r->lines++];
	*l = (rich_line){ .run = r->runs, .indent = indent, .tag = r->tag };
	for (size_t i = 0; i < r->pieces; i++) {
		size_t a = r->piece[i].at > from ? r->piece[i].at : from;
		size_t b = r->piece[i].at + r->piece[i].n < to ? r->piece[i].at + r->piece[i].n : to;
		if (a >= b)
			continue;
		if (!MEM_GROW(r->run, r->run_cap, r->runs + 1)) {
			r->oom = true;
			return;
		}
		r->run[r->runs++] = (rich_run){ (uint32_t)r->text.len, (uint32_t)(b - a), r->piece[i].role };
		str_put(&r->text, r->word_text.data + a, b - a);
		l->runs++;
	}
}

static bool is_cjk(const char *p, size_t n)
{
	uint32_t cp;

	utf8_decode(&cp, NULL, p, n);
	return cp >= 0x2e80 && cp < 0x1f000;
}

/* One line that fits from `from` on; *next is where the following one begins. */
static size_t fit_line(size_t *next, const rich *r, size_t from, size_t end, int columns, bool verbatim)
{
	const char *text = r->word_text.data;
	size_t i = from, cut = 0, after = 0;
	int used = 0;

	while (i < end) {
		int one;
		size_t len = columns_cell(&one, text + i, end - i);
		if (used + one > columns && i > from)
			break;
		/* A break is possible before this cell. */
		if (!verbatim && i > from && (is_cjk(text + i, end - i) || text[i - 1] == '-') && text[i] != ' ') {
			cut = i;
			after = i;
		}
		used += one;
		i += len;
		if (!verbatim && text[i - 1] == ' ') {
			cut = i - 1;
			after = i;
		}
	}
	if (i >= end) {
		*next = end;
		return end;
	}
	if (!verbatim && text[i] == ' ') {
		*next = i + 1;
		return i;
	}
	if (!verbatim && (is_cjk(text + i, end - i) || text[i - 1] == '-')) {
		*next = i;
		return i;
	}
	if (after > from) {
		*next = after;
		return cut;
	}
	*next = i;
	return i;
}

static void wrap(rich *r, bool verbatim)
{
	const char *text = str_text(&r->word_text);
	size_t len = r->word_text.len;
	int indent = r->first;

	for (size_t from = 0; r->pieces && from <= len;) {
		const char *nl = memchr(text + from, '\n', len - from);
		size_t end = nl ? (size_t)(nl - text) : len;
		size_t at = from;
		if (nl == NULL && from == len && from > 0)
			break; /* the last line break ends the paragraph */
		do {
			size_t next, columns = (size_t)(r->width - indent > 4 ? r->width - indent : 4);
			size_t to = fit_line(&next, r, at, end, (int)columns, verbatim);
			while (!verbatim && to > at && text[to - 1] == ' ')
				to--;
			add_line(r, at, to, indent);
			at = next;
			while (!verbatim && at < end && text[at] == ' ')
				at++;
			indent = r->rest;
		} while (at < end);
		from = end + 1;
	}
	str_clear(&r->word_text);
	r->pieces = 0;
}

void rich_end(rich *r)
{
	wrap(r, false);
}

void rich_end_verbatim(rich *r)
{
	wrap(r, true);
}

void rich_blank(rich *r)
{
	if (r->lines && r->line[r->lines - 1].runs == 0)
		return;
	add_line(r, 0, 0, 0);
}

void rich_draw(const rich *r, size_t i, const canvas *c, int y, ui_role over)
{
	const rich_line *l = &r->line[i];
	int x = l->indent;

	for (int k = 0; k < l->runs; k++) {
		const rich_run *run = &r->run[l->run + (size_t)k];
		x = canvas_put(c, y, x, over == ROLE_PLAIN ? run->role : over, r->text.data + run->at, run->n);
	}
}

void rich_line_text(str *out, const rich *r, size_t i)
{
	const rich_line *l = &r->line[i];

	for (int k = 0; k < l->runs; k++)
		str_put(out, r->text.data + r->run[l->run + (size_t)k].at, r->run[l->run + (size_t)k].n);
}

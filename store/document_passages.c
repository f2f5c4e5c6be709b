#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/document_text.h"

#define CODE_LINES      12
#define CODE_BYTES      2400 /* of a code passage: lines may be very long in made files */
#define PARAGRAPH_BYTES 1200 /* what the parts of a long paragraph come near to */
#define PARAGRAPH_MOST  1600 /* up to here it stays whole */

typedef struct {
	document_passage *at;
	size_t n, cap;
	bool oom;
	const char *text;
	size_t pending; /* a heading or header line that waits for what follows it; NONE: none */
} cutter;

#define NONE SIZE_MAX

/* ---- lines ---- */

typedef struct {
	size_t from, to; /* without the newline */
	size_t next;     /* first byte of the next line */
	bool blank;
} line;

static bool blank_byte(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static line line_at(const char *text, size_t at, size_t end)
{
	const char *nl = memchr(text + at, '\n', end - at);
	line l = { .from = at, .to = nl ? (size_t)(nl - text) : end, .blank = true };

	l.next = nl ? l.to + 1 : end;
	for (size_t i = l.from; i < l.to && l.blank; i++)
		l.blank = blank_byte(text[i]);
	return l;
}

/* Columns on a screen, near enough to tell wrapped lines: East Asian letters are two wide. */
static size_t columns(const char *p, size_t n)
{
	size_t c = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char b = (unsigned char)p[i];
		c += (b & 0xc0) != 0x80;
		c += b >= 0xe3 && b <= 0xed;
	}
	return c;
}

/* ---- sentences ---- */

/* Bytes of the sentence-ending mark that begins at p, 0 if there is none. */
static size_t stop_mark(const char *p, size_t n)
{
	if (*p == '.' || *p == '!' || *p == '?')
		return 1;
	if (n >= 3 && (!memcmp(p, "。", 3) || !memcmp(p, "！", 3) || !memcmp(p, "？", 3) || !memcmp(p, "…", 3)))
		return 3;
	return 0;
}

/* Quotation marks and brackets that close after the mark belong to the sentence. */
static size_t closing_mark(const char *p, size_t n)
{
	if (*p == '"' || *p == '\'' || *p == ')' || *p == ']' || *p == '_' || *p == '*')
		return 1;
	if (n >= 3 && (!memcmp(p, "”", 3) || !memcmp(p, "’", 3) || !memcmp(p, "」", 3) || !memcmp(p, "』", 3)))
		return 3;
	return n >= 2 && !memcmp(p, "»", 2) ? 2 : 0;
}

/* "Mr.", "St." and initials: the full stop at at ends a short word with a capital. */
static bool abbreviated(const char *text, size_t at)
{
	size_t n = 0;

	while (n < at && n < 4 && ((text[at - n - 1] | 32) >= 'a' && (text[at - n - 1] | 32) <= 'z'))
		n++;
	return n >= 1 && n <= 3 && text[at - n] >= 'A' && text[at - n] <= 'Z';
}

/* The byte after the sentence whose mark begins at at; 0 if none begins there. */
static size_t sentence_end(const char *text, size_t at, size_t end)
{
	size_t n = stop_mark(text + at, end - at), mark = at;
	bool wide = n == 3;

	if (!n)
		return 0;
	for (at += n; at < end && (n = closing_mark(text + at, end - at)); at += n)
		;
	if (at < end && text[mark] == '.' && abbreviated(text, mark))
		return 0;
	return at == end || blank_byte(text[at]) || wide ? at : 0;
}

static bool ends_sentence(const char *text, const line *l)
{
	size_t to = l->to;

	while (to > l->from && blank_byte(text[to - 1]))
		to--;
	for (size_t at = to > l->from + 12 ? to - 12 : l->from; at < to; at++)
		if (sentence_end(text, at, to) == to)
			return true;
	return false;
}

/* ---- giving out ---- */

static void give(cutter *c, size_t from, size_t to)
{
	while (to > from && blank_byte(c->text[to - 1]))
		to--;
	if (from == to)
		return;
	if (c->pending != NONE)
		from = c->pending;
	c->pending = NONE;
	if (!MEM_GROW(c->at, c->cap, c->n + 1)) {
		c->oom = true;
		return;
	}
	c->at[c->n++] = (document_passage){ from, to };
}

static void give_pending(cutter *c, size_t to)
{
	size_t from = c->pending;

	c->pending = NONE;
	if (from != NONE)
		give(c, from, to);
}

static size_t distance(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

static void nearer(size_t *best, size_t at, size_t mid)
{
	if (!*best || distance(at, mid) < distance(*best, mid))
		*best = at;
}

/* Where a part of about want bytes from from on best ends: at a sentence's end, else
 * at a line's, else at a blank, else between two characters. end is further than want. */
static size_t part_end(const char *text, size_t from, size_t end, size_t want)
{
	size_t mid = from + want, least = from + want / 2, most = from + want + want / 2;
	size_t sentence = 0, newline = 0, space = 0;

	if (most > end)
		most = end;
	for (size_t i = least; i < most; i++) {
		size_t s = sentence_end(text, i, end);
		if (s && s <= most)
			nearer(&sentence, s, mid);
		if (text[i] == '\n')
			nearer(&newline, i, mid);
		else if (blank_byte(text[i]))
			nearer(&space, i, mid);
	}
	if (sentence || newline || space)
		return sentence ? sentence : newline ? newline : space;
	while (mid > least && ((unsigned char)text[mid] & 0xc0) == 0x80)
		mid--;
	return mid;
}

static void give_paragraph(cutter *c, size_t from, size_t to)
{
	while (to > from && blank_byte(c->text[to - 1]))
		to--;
	while (to - from > PARAGRAPH_MOST) {
		size_t parts = (to - from + PARAGRAPH_BYTES - 1) / PARAGRAPH_BYTES;
		size_t cut = part_end(c->text, from, to, (to - from) / parts);
		give(c, from, cut);
		for (from = cut; from < to && blank_byte(c->text[from]); from++)
			;
	}
	give(c, from, to);
}

/* ---- code ---- */

/* How good it is to end a passage before line i of n: 0 not, 1 a blank line stands
 * there, 2 and something begins at the left margin after it. */
static int code_break(const char *text, const line *l, int i)
{
	if (!l[i - 1].blank || l[i].blank)
		return 0;
	char c = text[l[i].from];
	return c == ' ' || c == '\t' || c == '}' || c == ')' ? 1 : 2;
}

/* Of n lines, the first not blank, how many the next passage takes. more: there are
 * others after them. */
static int code_take(const char *text, const line *l, int n, bool more)
{
	int best = 0, rank = 0, most = n < CODE_LINES ? n : CODE_LINES;

	while (most > 1 && l[most - 1].to - l[0].from > CODE_BYTES)
		most--;
	if (most == n && !more)
		return n;
	for (int i = 1; i <= most && i < n; i++) {
		/* A first block of a line or two is not worth a passage if more fits. */
		int good = code_break(text, l, i), r = good + (i < 4 ? 0 : 2);
		if (good && r >= rank) {
			best = i;
			rank = r;
		}
	}
	return best ? best : most;
}

static void code_passages(cutter *c, size_t from, size_t to)
{
	line l[CODE_LINES + 1];

	while (from < to) {
		int n = 0;
		size_t at = from;
		for (; n <= CODE_LINES && at < to; at = l[n++].next) {
			l[n] = line_at(c->text, at, to);
			if (n == 0 && l[0].blank)
				break;
		}
		if (n == 0) {
			from = l[0].next;
			continue;
		}
		int take = code_take(c->text, l, n, at < to);
		if (take == 1)
			give_paragraph(c, l[0].from, l[0].to);
		else
			give(c, l[0].from, l[take - 1].to);
		from = l[take - 1].next;
	}
}

/* ---- prose ---- */

/* Does every line of the block [from, to) hold a paragraph of its own? Wrapped lines
 * are about equally long and end anywhere; paragraphs in one line each are long, or
 * nearly all end with a sentence. */
static bool line_paragraphs(const char *text, size_t from, size_t to)
{
	size_t lines = 0, total = 0, longest = 0, ended = 0;

	for (size_t at = from; at < to;) {
		line l = line_at(text, at, to);
		size_t n = columns(text + l.from, l.to - l.from);
		lines++;
		total += n;
		longest = n > longest ? n : longest;
		ended += ends_sentence(text, &l);
		at = l.next;
	}
	if (lines < 2)
		return false;
	return total > 200 * lines || (4 * ended >= 3 * lines && (total > 130 * lines || longest > 400));
}

/* Is the line before at broken off there, as by "O\n2" for a subscript? */
static bool runs_on(const char *text, const line *before, size_t at)
{
	char c = text[at], last = text[before->to > before->from ? before->to - 1 : before->from];

	return ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) && last != ':' && !ends_sentence(text, before);
}

static void give_block(cutter *c, size_t from, size_t to)
{
	if (!line_paragraphs(c->text, from, to)) {
		give_paragraph(c, from, to);
		return;
	}
	while (from < to) {
		line l = line_at(c->text, from, to);
		while (l.next < to && runs_on(c->text, &l, l.next))
			l = line_at(c->text, l.next, to);
		give_paragraph(c, from, l.to);
		from = l.next;
	}
}

/* The first byte after the up to three blanks that Markdown lets stand before a mark. */
static size_t mark_of(const char *text, const line *l)
{
	size_t at = l->from;

	while (at < l->to && at < l->from + 3 && text[at] == ' ')
		at++;
	return at;
}

static bool is_heading(const char *text, const line *l)
{
	size_t at = mark_of(text, l), n = 0;

	if (l->to - l->from > PARAGRAPH_BYTES)
		return false;
	while (at + n < l->to && text[at + n] == '#')
		n++;
	return n >= 1 && n <= 6 && (at + n == l->to || text[at + n] == ' ' || text[at + n] == '\t');
}

/* A line of === or --- under a line of text makes that a heading; alone it is a rule. */
static bool is_underline(const char *text, const line *l)
{
	size_t at = mark_of(text, l), to = l->to;
	char c = at < to ? text[at] : 0;

	if (c != '=' && c != '-')
		return false;
	while (at < to && text[at] == c)
		at++;
	while (at < to && blank_byte(text[at]))
		at++;
	return at == to;
}

/* How many ` or ~ open a block of code here, 0 if none does. */
static size_t fence(const char *text, const line *l)
{
	size_t at = mark_of(text, l), n = 0;

	if (at < l->to && (text[at] == '`' || text[at] == '~'))
		while (at + n < l->to && text[at + n] == text[at])
			n++;
	return n >= 3 ? n : 0;
}

/* The byte after the fenced block that begins with line l. */
static size_t fence_end(const char *text, const line *l, size_t to)
{
	size_t n = fence(text, l);
	char mark = text[mark_of(text, l)];
	size_t at = l->next;

	while (at < to) {
		line x = line_at(text, at, to);
		at = x.next;
		if (fence(text, &x) >= n && text[mark_of(text, &x)] == mark)
			break;
	}
	return at;
}

/* A heading waits for what follows; one that waits already is waited with, as long as
 * they are not a text of their own. */
static void hold(cutter *c, size_t from)
{
	if (c->pending != NONE && from - c->pending > PARAGRAPH_BYTES)
		give_pending(c, from);
	if (c->pending == NONE)
		c->pending = from;
}

/* The block of lines up to a blank one that begins with *l; gives it, or holds it when
 * it is an underlined heading. Returns where it ends. */
static size_t take_block(cutter *c, line l, size_t to, bool markdown)
{
	size_t from = l.from, end = l.next;
	int lines = 1;

	while (end < to) {
		line x = line_at(c->text, end, to);
		if (x.blank || (markdown && (is_heading(c->text, &x) || fence(c->text, &x))))
			break;
		end = x.next;
		if (markdown && ++lines == 2 && is_underline(c->text, &x)) {
			hold(c, from);
			return end;
		}
	}
	give_block(c, from, end);
	return end;
}

static void prose_passages(cutter *c, size_t from, size_t to, bool markdown)
{
	while (from < to && !c->oom) {
		line l = line_at(c->text, from, to);
		if (l.blank) {
			from = l.next;
		} else if (markdown && (is_heading(c->text, &l) || is_underline(c->text, &l))) {
			hold(c, l.from);
			from = l.next;
		} else if (markdown && fence(c->text, &l)) {
			from = fence_end(c->text, &l, to);
			code_passages(c, l.from, from);
		} else {
			from = take_block(c, l, to, markdown);
		}
	}
}

/* ---- a document's files ---- */

/* One file's stretch with its header line and the blank line after it, as far as it
 * lies in [from, to). */
static void file_passages(cutter *c, const document *d, const document_file *f, size_t from, size_t to)
{
	bool markdown = d->kind == DOC_MARKDOWN || text_kind(f->path, "", 0) == DOC_MARKDOWN;

	if (from < f->from && from < to) {
		size_t own = f->from < to ? f->from : to;
		while (from < own && blank_byte(c->text[from]))
			from++;
		if (from < own)
			hold(c, from);
		from = own;
	}
	if (f->code)
		code_passages(c, from, to);
	else
		prose_passages(c, from, to, markdown);
	give_pending(c, to);
}

int document_passages(document_passage **out, int *n, const document *d, size_t from, size_t to, error *err)
{
	cutter c = { .text = d->text, .pending = NONE };

	*out = NULL;
	*n = 0;
	if (to > d->len)
		to = d->len;
	for (int i = 0; i < d->files; i++) {
		size_t first = i ? d->file[i].head : 0, end = i + 1 < d->files ? d->file[i + 1].head : d->len;
		if (first < from)
			first = from;
		if (end > to)
			end = to;
		if (first < end)
			file_passages(&c, d, &d->file[i], first, end);
	}
	if (c.oom || c.n > INT32_MAX) {
		free(c.at);
		return error_nomem(err, "passages");
	}
	*out = c.at;
	*n = (int)c.n;
	return 0;
}

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/document.h"

/* How good a place is to cut at. */
typedef enum { AT_NONE, AT_CHARACTER, AT_SPACE, AT_LINE, AT_PARAGRAPH, AT_FILE } place_rank;

/* How far from the ideal place a better one is looked for: this part of a section,
 * and a few tokens, so that small sections have a choice too. */
static size_t reach(place_rank r, size_t each)
{
	static const size_t part[] = { [AT_CHARACTER] = 64, [AT_SPACE] = 32, [AT_LINE] = 16, [AT_PARAGRAPH] = 8, [AT_FILE] = 4 };

	return each / part[r] + 3;
}

#define LONG_LINE 160 /* bytes; text with such lines has its paragraphs in one line each */

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The file whose stretch holds byte at. */
static const document_file *file_of(const document *d, size_t at)
{
	int lo = 0, hi = d->files;

	while (hi - lo > 1) {
		int mid = lo + (hi - lo) / 2;
		if (d->file[mid].head <= at)
			lo = mid;
		else
			hi = mid;
	}
	return &d->file[lo];
}

static bool ends_long_line(const char *text, size_t end)
{
	size_t n = end < LONG_LINE ? end : LONG_LINE;

	return n == LONG_LINE && !memchr(text + end - n, '\n', n);
}

/* What the blank stretch [from, to) that a cut lies in means. */
static place_rank rank_of_gap(const document *d, const document_file *f, size_t from, size_t to)
{
	const char *nl = memchr(d->text + from, '\n', to - from);
	int lines = 0;

	if (f > d->file && f->head > from && f->head <= to)
		return AT_FILE;
	for (size_t i = from; i < to && lines < 2; i++)
		lines += d->text[i] == '\n';
	if (!lines)
		return AT_SPACE;
	/* In code a blank line parts what begins at the margin better than what is inside. */
	if (f->code)
		return lines == 2 && to > 0 && d->text[to - 1] == '\n' ? AT_PARAGRAPH : AT_LINE;
	return lines == 2 || ends_long_line(d->text, (size_t)(nl - d->text)) ? AT_PARAGRAPH : AT_LINE;
}

/* How good it is to cut before token i. A cut must be between characters, and between
 * two tokens that begin at different bytes, so that each has its side. */
static place_rank rank_at(const document *d, const uint32_t *token_at, size_t i)
{
	size_t at = token_at[i], from = at, to = at;

	if (at == 0 || at >= d->len || token_at[i - 1] == at || ((unsigned char)d->text[at] & 0xc0) == 0x80)
		return AT_NONE;
	/* A stretch of blanks longer than this is cut anywhere. */
	while (from > 0 && at - from < 256 && blank(d->text[from - 1]))
		from--;
	while (to < d->len && to - at < 256 && blank(d->text[to]))
		to++;
	/* Inside a header line, or between it and its file, is no place at all. */
	const document_file *f = file_of(d, at);
	if (f->head < from && to <= f->from)
		return AT_CHARACTER;
	if (from == to)
		return f > d->file && f->head == at ? AT_FILE : AT_CHARACTER;
	return rank_of_gap(d, file_of(d, to), from, to);
}

typedef struct {
	size_t from, to; /* tokens before which the cut may be, inclusive */
	size_t ideal;
	size_t each;     /* tokens of an ideal section */
} window;

static size_t apart(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

/* The token before which to cut; 0 when there is no place in the window. */
static size_t best_place(const document *d, const uint32_t *token_at, const window *w)
{
	place_rank best = AT_NONE;
	size_t place = 0, off = 0;

	for (size_t i = w->from; i <= w->to; i++) {
		size_t far = apart(i, w->ideal);
		if (best != AT_NONE && far > reach(AT_FILE, w->each) && far >= off)
			continue;
		place_rank r = rank_at(d, token_at, i);
		if (r == AT_NONE)
			continue;
		/* Too far off for what it is: only better than nothing. */
		if (far > reach(r, w->each))
			r = AT_CHARACTER;
		/* In one stretch of blanks the last token that begins a line is best: it keeps
		 * the blanks on the left and the indentation on the right. */
		bool neighbour = place && i == place + 1 && d->text[token_at[i] - 1] == '\n';
		if (r > best || (r == best && (far < off || (neighbour && far == off + 1)))) {
			best = r;
			place = i;
			off = far;
		}
	}
	return place;
}

/* Cut n tokens into k sections; false when a cut has no place. */
static bool cut_into(document_section *s, size_t k, const document *d, const uint32_t *token_at, size_t n, size_t most)
{
	size_t begin = 0, byte = 0;

	for (size_t i = 0; i + 1 < k; i++) {
		size_t left = k - i, each = (n - begin + left - 1) / left, rest = (left - 1) * most;
		window w = { .from = begin + 1, .to = begin + most, .each = each };
		if (n > rest && w.from < n - rest)
			w.from = n - rest; /* or the others could not hold what is left */
		if (w.to > n - 1)
			w.to = n - 1;
		w.ideal = begin + each < w.to ? begin + each : w.to;
		size_t at = best_place(d, token_at, &w);
		if (!at)
			return false;
		s[i] = (document_section){ byte, token_at[at], at - begin };
		begin = at;
		byte = token_at[at];
	}
	s[k - 1] = (document_section){ byte, d->len, n - begin };
	return n - begin <= most;
}

static int check_tokens(const document *d, const uint32_t *token_at, size_t n, size_t most, error *err)
{
	if (!most || d->len > UINT32_MAX || n > SIZE_MAX / 2)
		return error_set(err, ERR_ARG, "a section must hold at least one token");
	for (size_t i = 0; i < n; i++)
		if (token_at[i] > d->len || (i && token_at[i] < token_at[i - 1]))
			return error_set(err, ERR_FORMAT, "%s: its tokens do not lie in its text", d->title);
	return 0;
}

int document_cut(document_section **out, int *sections, const document *d, const uint32_t *token_at, size_t n,
		 size_t most_tokens, error *err)
{
	int status = check_tokens(d, token_at, n, most_tokens, err);

	*out = NULL;
	*sections = 0;
	if (status)
		return status;
	size_t k = n / most_tokens + (n % most_tokens != 0);
	/* When the sections are so full that the only place for a cut is inside a
	 * character, one more makes room; no character has more than a few tokens. The steps
	 * grow, for hostile text must not have every number tried. */
	if (!k)
		k = 1;
	for (size_t tries = k; tries <= 2 * k + 1 && tries <= INT32_MAX; tries += 1 + (tries - k) / 4) {
		document_section *s = mem_array(tries, sizeof(*s));
		if (!s)
			return error_nomem(err, "sections");
		if (cut_into(s, tries, d, token_at, n, most_tokens)) {
			*out = s;
			*sections = (int)tries;
			return 0;
		}
		free(s);
	}
	return error_set(err, ERR_ARG, "%s: cannot be cut into sections of at most %zu tokens", d->title, most_tokens);
}

#include "app/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"

/* ---- colours ---- */

bool show_colours(FILE *to)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(to)) && !(no && *no) && term && *term && strcmp(term, "dumb");
}

const char *show_on(FILE *to, show_role role)
{
	static const char *const code[SHOW_ROLES] = { "\033[0m", "\033[1m", "\033[2m", "\033[32m", "\033[31m" };

	return show_colours(to) ? code[role] : "";
}

int show_width(FILE *to)
{
	struct winsize w;

	return ioctl(fileno(to), TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}

/* ---- text ---- */

void show_text(FILE *to, const char *text, size_t n)
{
	str s = STR_INIT;

	utf8_put_shown(&s, text, n);
	if (s.len)
		fwrite(s.data, 1, s.len, to);
	str_free(&s);
}

void show_line(FILE *to, const char *fmt, ...)
{
	str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vputf(&s, fmt, ap);
	va_end(ap);
	str_putc(&s, '\n');
	show_text(to, str_text(&s), s.len);
	str_free(&s);
}

void show_put_valid(str *out, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n;) {
		uint32_t cp;
		bool ok;
		int len = utf8_decode(&cp, &ok, text + i, n - i);
		if (ok)
			str_put(out, text + i, (size_t)len);
		else
			str_puts(out, "\xef\xbf\xbd");
		i += (size_t)len;
	}
}

typedef struct {
	uint32_t from, to;
} span;

static bool within(const span *s, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= s[i].from && cp <= s[i].to)
			return true;
	return false;
}

static int columns_of(uint32_t cp)
{
	static const span none[] = {
		{ 0x300, 0x36f }, { 0x483, 0x489 }, { 0x591, 0x5bd }, { 0x610, 0x61a }, { 0x64b, 0x65f }, { 0x200b, 0x200f },
		{ 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
	};
	static const span wide[] = {
		{ 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf }, { 0xa960, 0xa97f }, { 0xac00, 0xd7a3 },
		{ 0xf900, 0xfaff }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f },
		{ 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
	};

	if (cp < 0x300)
		return 1;
	if (within(none, sizeof(none) / sizeof(*none), cp))
		return 0;
	return within(wide, sizeof(wide) / sizeof(*wide), cp) ? 2 : 1;
}

int show_columns(const char *text, size_t n)
{
	int columns = 0;

	for (size_t i = 0; i < n;) {
		uint32_t cp;
		i += (size_t)utf8_decode(&cp, NULL, text + i, n - i);
		columns += columns_of(cp);
	}
	return columns;
}

/* Bytes of text that fit into so many columns. */
static size_t fitting(const char *text, size_t n, int columns)
{
	size_t i = 0;

	while (i < n) {
		uint32_t cp;
		size_t len = (size_t)utf8_decode(&cp, NULL, text + i, n - i);
		if ((columns -= columns_of(cp)) < 0)
			break;
		i += len;
	}
	return i;
}

void show_put_cut(str *out, const char *text, int columns)
{
	size_t n = strlen(text);

	if (show_columns(text, n) <= columns) {
		str_put(out, text, n);
		return;
	}
	str_put(out, text, fitting(text, n, columns > 3 ? columns - 3 : columns));
	if (columns > 3)
		str_puts(out, "...");
}

static void put_spaces(str *out, int n)
{
	for (int i = 0; i < n; i++)
		str_putc(out, ' ');
}

void show_put_wrapped(str *out, const char *text, int indent, int width, int lines)
{
	static const char space[] = " \t\n";
	int used = 0, line = 0;

	for (const char *p = text + strspn(text, space); *p; p += strspn(p, space)) {
		size_t n = strcspn(p, space);
		int columns = show_columns(p, n);
		if (used && used + 1 + columns > width - indent) {
			if (lines && line >= lines) {
				str_puts(out, " ...");
				break;
			}
			str_putc(out, '\n');
			used = 0;
		}
		if (!used) {
			put_spaces(out, indent);
			line++;
		} else {
			str_putc(out, ' ');
			used++;
		}
		str_put(out, p, n);
		used += columns;
		p += n;
	}
	if (line)
		str_putc(out, '\n');
}

void show_put_lines(str *out, const char *text, int indent, int width, int lines)
{
	str row = STR_INIT;

	for (int line = 0; *text; line++) {
		size_t n = strcspn(text, "\n");
		if (lines && line == lines) {
			put_spaces(out, indent);
			str_puts(out, "...\n");
			break;
		}
		str_clear(&row);
		for (size_t i = 0; i < n; i++)
			str_puts(&row, text[i] == '\t' ? "    " : (char[2]){ text[i], '\0' });
		if (row.len)
			put_spaces(out, indent);
		show_put_cut(out, str_text(&row), width - indent);
		str_putc(out, '\n');
		text += n + (text[n] == '\n');
	}
	str_free(&row);
}

/* ---- numbers ---- */

void show_put_bytes(str *out, int64_t bytes)
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	int u = 0;

	while (v >= 1023.95 && u < 4) {
		v /= 1024;
		u++;
	}
	if (u == 0)
		str_putf(out, "%lld bytes", (long long)bytes);
	else
		str_putf(out, v < 100 ? "%.1f %s" : "%.0f %s", v, unit[u]);
}

void show_put_count(str *out, int64_t n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
	int first = digits[0] == '-';

	for (int i = 0; i < len; i++) {
		if (i > first && (len - i) % 3 == 0)
			str_putc(out, ',');
		str_putc(out, digits[i]);
	}
}

void show_put_seconds(str *out, double s)
{
	if (!(s >= 0))
		s = 0;
	long long whole = s < 1e15 ? llround(s) : (long long)1e15;

	if (s < 9.95)
		str_putf(out, "%.1f s", s);
	else if (whole < 60)
		str_putf(out, "%lld s", whole);
	else if (whole < 3600)
		str_putf(out, "%lld min %lld s", whole / 60, whole % 60);
	else
		str_putf(out, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
}

void show_put_time(str *out, int64_t unix_s)
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	char text[40];

	if (!localtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm))
		snprintf(text, sizeof(text), "?");
	str_puts(out, text);
}

/* ---- tables ---- */

void table_put(table *t, const char *fmt, ...)
{
	str text = STR_INIT, one = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vputf(&text, fmt, ap);
	va_end(ap);
	utf8_put_shown(&one, str_text(&text), text.len);
	for (size_t i = 0; i < one.len; i++)
		if (one.data[i] == '\n' || one.data[i] == '\t')
			one.data[i] = ' ';
	if (t->oom || text.oom || one.oom || !MEM_GROW(t->cell, t->cap, t->cells + 1)) {
		t->oom = true;
		str_free(&one);
	} else {
		t->cell[t->cells++] = one;
	}
	str_free(&text);
}

static void measure(int width[TABLE_COLUMNS], const table *t)
{
	for (int c = 0; c < t->columns; c++)
		width[c] = t->head[c] ? show_columns(t->head[c], strlen(t->head[c])) : 0;
	for (size_t i = 0; i < t->cells; i++) {
		int w = show_columns(str_text(&t->cell[i]), t->cell[i].len);
		if (w > width[i % (size_t)t->columns])
			width[i % (size_t)t->columns] = w;
	}
}

/* What is too much comes off the widest of the columns that hold text. */
static void squeeze(int width[TABLE_COLUMNS], const table *t, int most)
{
	enum { LEAST = 12 };
	int total = 2 * (t->columns - 1), widest = -1;

	for (int c = 0; c < t->columns; c++) {
		total += width[c];
		if (!t->right[c] && (widest < 0 || width[c] > width[widest]))
			widest = c;
	}
	if (total > most && widest >= 0 && width[widest] > LEAST)
		width[widest] = width[widest] - (total - most) > LEAST ? width[widest] - (total - most) : LEAST;
}

static void put_cell(str *line, const char *text, int width, bool right, bool last)
{
	str cut = STR_INIT;

	show_put_cut(&cut, text, width);
	int pad = width - show_columns(str_text(&cut), cut.len);
	if (right)
		put_spaces(line, pad);
	str_puts(line, str_text(&cut));
	if (!right && !last)
		put_spaces(line, pad);
	if (!last)
		str_puts(line, "  ");
	str_free(&cut);
}

void table_show(const table *t, FILE *to)
{
	int width[TABLE_COLUMNS] = { 0 };
	str line = STR_INIT;

	measure(width, t);
	if (isatty(fileno(to)))
		squeeze(width, t, show_width(to));
	for (int c = 0; c < t->columns && t->head[0]; c++)
		put_cell(&line, t->head[c], width[c], t->right[c], c + 1 == t->columns);
	if (line.len)
		fprintf(to, "%s%s%s\n", show_on(to, SHOW_FAINT), line.data, show_on(to, SHOW_PLAIN));
	for (size_t i = 0; i < t->cells; i++) {
		int c = (int)(i % (size_t)t->columns);
		if (c == 0)
			str_clear(&line);
		put_cell(&line, str_text(&t->cell[i]), width[c], t->right[c], c + 1 == t->columns);
		if (c + 1 == t->columns)
			fprintf(to, "%s\n", str_text(&line));
	}
	if (t->oom)
		fprintf(to, "(memory ran out: the table is not whole)\n");
	str_free(&line);
}

void table_free(table *t)
{
	for (size_t i = 0; i < t->cells; i++)
		str_free(&t->cell[i]);
	free(t->cell);
	t->cell = NULL;
	t->cells = t->cap = 0;
}

#include "app/show.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/columns.h"
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

void show_put_cut(str *out, const char *text, int columns)
{
	size_t n = strlen(text);

	if (columns_text(text, n) <= columns) {
		str_put(out, text, n);
		return;
	}
	str_put(out, text, columns_fit(text, n, columns > 3 ? columns - 3 : columns));
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
		int columns = columns_text(p, n);
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
		width[c] = t->head[c] ? columns_text(t->head[c], strlen(t->head[c])) : 0;
	for (size_t i = 0; i < t->cells; i++) {
		int w = columns_text(str_text(&t->cell[i]), t->cell[i].len);
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
	int pad = width - columns_text(str_text(&cut), cut.len);
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

#include "ui/canvas.h"

#include <ncurses.h>
#include <stdarg.h>
#include <string.h>
#include <wchar.h>

#include "base/columns.h"
#include "base/str.h"
#include "base/utf8.h"

canvas canvas_part(const canvas *c, int y, int x, int rows, int columns)
{
	if (rows > c->rows - y)
		rows = c->rows - y;
	if (columns > c->columns - x)
		columns = c->columns - x;
	return (canvas){ c->y + y, c->x + x, rows > 0 ? rows : 0, columns > 0 ? columns : 0 };
}

/* One cell's code points as curses wants them; what it cannot show becomes one sign. */
static void put_cell(int y, int x, attr_t attr, const char *p, size_t n)
{
	wchar_t text[CCHARW_MAX + 1];
	cchar_t cell;
	int len = 0;

	for (size_t i = 0; i < n && len < CCHARW_MAX;) {
		uint32_t cp;
		i += (size_t)utf8_decode(&cp, NULL, p + i, n - i);
		if (len == 0) {
			bool shown = cp >= 32 && cp != 127 && !(cp >= 0x80 && cp < 0xa0) && wcwidth((wchar_t)cp) > 0;
			/* Control characters have pictures of their own. */
			text[len++] = shown ? (wchar_t)cp : cp < 32 ? (wchar_t)(0x2400 + cp) : cp == 127 ? 0x2421 : 0xfffd;
			if (!shown)
				break;
		} else if (wcwidth((wchar_t)cp) == 0 && !(cp >= 0x200b && cp <= 0x200f) && !(cp >= 0x2028 && cp <= 0x202e) &&
		           !(cp >= 0x2060 && cp <= 0x206f) && !(cp >= 0xfe00 && cp <= 0xfe0f) && cp >= 0x300 && cp != 0xfeff) {
			/* Marks only: joiners and selectors make terminals disagree about width. */
			text[len++] = (wchar_t)cp;
		}
	}
	text[len] = 0;
	if (setcchar(&cell, text, attr, PAIR_NUMBER(attr), NULL) == OK)
		mvadd_wch(y, x, &cell);
}

int canvas_put(const canvas *c, int y, int x, ui_role r, const char *text, size_t n)
{
	attr_t attr = theme_attributes(r);

	if (y < 0 || y >= c->rows)
		return x;
	for (size_t i = 0; i < n;) {
		int columns;
		size_t len = columns_cell(&columns, text + i, n - i);
		if (columns == 0 && (unsigned char)text[i] < 0x80)
			columns = 1;
		if (x + columns > c->columns)
			break;
		if (columns && x >= 0)
			put_cell(c->y + y, c->x + x, attr, text + i, len);
		x += columns;
		i += len;
	}
	return x;
}

int canvas_puts(const canvas *c, int y, int x, ui_role r, const char *text)
{
	return canvas_put(c, y, x, r, text, strlen(text));
}

int canvas_putf(const canvas *c, int y, int x, ui_role r, const char *fmt, ...)
{
	str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vputf(&s, fmt, ap);
	va_end(ap);
	x = canvas_put(c, y, x, r, str_text(&s), s.len);
	str_free(&s);
	return x;
}

int canvas_cell(const canvas *c, int y, int x, int columns, bool right, ui_role r, const char *text)
{
	size_t n = strlen(text);
	int width = columns_text(text, n), end = x + columns;

	if (width > columns) {
		x = canvas_put(c, y, x, r, text, columns_fit(text, n, columns - 1));
		x = canvas_puts(c, y, x, r, columns > 0 ? "…" : "");
	} else {
		for (int i = width; right && i < columns; i++)
			x = canvas_put(c, y, x, r, " ", 1);
		x = canvas_put(c, y, x, r, text, n);
	}
	while (x < end && x < c->columns)
		x = canvas_put(c, y, x, r, " ", 1);
	return end;
}

void canvas_fill(const canvas *c, int y, int x, ui_role r)
{
	while (x < c->columns && y < c->rows)
		x = canvas_put(c, y, x, r, " ", 1);
}

void canvas_rule(const canvas *c, int y)
{
	for (int x = 0; x < c->columns;)
		x = canvas_puts(c, y, x, ROLE_RULE, "─");
}

void canvas_clear(const canvas *c)
{
	for (int y = 0; y < c->rows; y++)
		canvas_fill(c, y, 0, ROLE_PLAIN);
}

/* Where the cursor goes once nothing is drawn any more; -1: nowhere. */
static int cursor_y = -1, cursor_x;

void canvas_cursor(const canvas *c, int y, int x)
{
	if (y >= 0 && y < c->rows && x >= 0 && x < c->columns) {
		cursor_y = c->y + y;
		cursor_x = c->x + x;
	}
}

void canvas_show_cursor(void)
{
	curs_set(cursor_y >= 0);
	if (cursor_y >= 0)
		move(cursor_y, cursor_x);
	cursor_y = -1;
}

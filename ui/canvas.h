/* ui/canvas.h - a clipped piece of the screen. The one place that gives text to
 * curses: whatever is drawn, no control character reaches the terminal, and no text
 * leaves its columns. */

#ifndef UI_CANVAS_H
#define UI_CANVAS_H

#include <stddef.h>

#include "ui/theme.h"

typedef struct {
	int y, x, rows, columns; /* on the screen */
} canvas;

/* A part of c, cut to it. */
canvas canvas_part(const canvas *c, int y, int x, int rows, int columns);

/* Draw n bytes of UTF-8 from column x on, cut at the canvas's edge; x may be negative.
 * Control characters show as one column each. Returns the column after it. */
int canvas_put(const canvas *c, int y, int x, ui_role r, const char *text, size_t n);
int canvas_puts(const canvas *c, int y, int x, ui_role r, const char *text);
int canvas_putf(const canvas *c, int y, int x, ui_role r, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Text in exactly so many columns: cut with "…" or filled with blanks. right: flush right. */
int canvas_cell(const canvas *c, int y, int x, int columns, bool right, ui_role r, const char *text);

/* Blanks to the right edge. */
void canvas_fill(const canvas *c, int y, int x, ui_role r);
void canvas_rule(const canvas *c, int y);
void canvas_clear(const canvas *c);

/* Where the terminal's cursor goes once all is drawn. */
void canvas_cursor(const canvas *c, int y, int x);
/* All is drawn: show it there, or hide it when nobody asked for it. */
void canvas_show_cursor(void);

#endif

/* app/show.h - what a person reads on the terminal: tables, numbers, text that
 * comes from elsewhere. Nothing that a document, a model or a file name says reaches
 * the terminal as a control sequence: it goes through show_text. */

#ifndef APP_SHOW_H
#define APP_SHOW_H

#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

/* ---- colours: only on a terminal, and not with NO_COLOR or TERM=dumb ---- */

typedef enum { SHOW_PLAIN, SHOW_STRONG, SHOW_FAINT, SHOW_GOOD, SHOW_BAD, SHOW_ROLES } show_role;

bool show_colours(FILE *to);
/* The escape sequence that turns the role on; "" without colours. SHOW_PLAIN ends it. */
const char *show_on(FILE *to, show_role role);

/* Columns of the terminal behind to; 80 when there is none. */
int show_width(FILE *to);

/* ---- text ---- */

/* Write text made harmless (utf8_put_shown). */
void show_text(FILE *to, const char *text, size_t n);
void show_line(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* + newline; all made harmless */

/* Append text with ill-formed UTF-8 as U+FFFD and all else as it is, for JSON. */
void show_put_valid(str *out, const char *text);

/* Append at most columns columns of text, "..." at the end when it was longer. */
void show_put_cut(str *out, const char *text, int columns);
/* Append the text as one paragraph, wrapped to width columns, each line behind
 * indent spaces; runs of white space become one space. At most lines lines (0: all). */
void show_put_wrapped(str *out, const char *text, int indent, int width, int lines);
/* The same with its own line breaks kept, long lines cut: for source code. */
void show_put_lines(str *out, const char *text, int indent, int width, int lines);

/* ---- tables ---- */

enum { TABLE_COLUMNS = 8 };

typedef struct {
	const char *head[TABLE_COLUMNS];
	bool right[TABLE_COLUMNS]; /* numbers */
	int columns;
	str *cell;                 /* [rows * columns] */
	size_t cells, cap;
	bool oom;
} table;

/* Append one cell; rows fill from left to right. text is made harmless. */
void table_put(table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Rows under their heads; the first column is cut when they do not fit. */
void table_show(const table *t, FILE *to);
void table_free(table *t);

#endif

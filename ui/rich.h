/* ui/rich.h - text with roles, wrapped to a width: what conversations, help and
 * details are drawn from. Built once a width; drawing picks lines out of it. */

#ifndef UI_RICH_H
#define UI_RICH_H

#include <stdint.h>

#include "base/str.h"
#include "ui/canvas.h"

typedef struct {
	uint32_t at, n; /* bytes of text */
	ui_role role;
} rich_run;

typedef struct {
	size_t run;     /* first */
	int runs;
	int indent;     /* columns before it */
	int tag;        /* what it belongs to, as the builder said */
} rich_line;

typedef struct {
	int width;      /* columns to wrap to */
	str text;       /* clean: no control characters but none */
	rich_run *run;
	size_t runs, run_cap;
	rich_line *line;
	size_t lines, line_cap;
	/* Of the paragraph being built. */
	str word_text;
	rich_run *piece;
	size_t pieces, piece_cap;
	int first, rest; /* indents */
	int tag;
	bool oom;
} rich;

void rich_begin(rich *r, int width); /* empties it; memory is kept */
void rich_free(rich *r);

/* Indents of the paragraphs to come: of the first line and of the others. */
void rich_indent(rich *r, int first, int rest);
void rich_tag(rich *r, int tag);

/* Append to the paragraph. Line breaks in it end lines; other controls show. */
void rich_put(rich *r, ui_role role, const char *text, size_t n);
void rich_puts(rich *r, ui_role role, const char *text);
void rich_putf(rich *r, ui_role role, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* End the paragraph: wrap it at blanks, or, verbatim, at the edge alone. Nothing put:
 * nothing happens. */
void rich_end(rich *r);
void rich_end_verbatim(rich *r);
void rich_blank(rich *r); /* an empty line, unless the last one is */

/* Draw line i on row y; every role of it becomes over unless that is ROLE_PLAIN. */
void rich_draw(const rich *r, size_t i, const canvas *c, int y, ui_role over);

/* The line's text, without indent, into out. */
void rich_line_text(str *out, const rich *r, size_t i);

#endif

/* ui/edit.h - an editable text of one or more lines, with readline's habits. */

#ifndef UI_EDIT_H
#define UI_EDIT_H

#include <stdint.h>

#include "ui/action.h"
#include "ui/canvas.h"

enum { EDIT_UNDO = 64, EDIT_HISTORY = 500 };

typedef struct {
	str text;
	size_t at;              /* cursor, a byte at a cell's begin */
	str cut;                /* what was cut last */
	char *undo[EDIT_UNDO];
	size_t undo_at[EDIT_UNDO];
	int undos;
	bool typing;            /* the last change was a typed character: one undo takes all */
	char **history;
	size_t histories, history_cap;
	size_t shown;           /* history entry in the line; == histories: none */
	char *draft;            /* what stood there before looking into the history */
} edit;

void edit_free(edit *e);
void edit_clear(edit *e);
void edit_set(edit *e, const char *text);
void edit_insert(edit *e, const char *text, size_t n); /* newlines and tabs are kept, other controls dropped */
void edit_type(edit *e, uint32_t cp);

/* Do an editing action; false if it is none of them, or has nothing to move to. width:
 * columns that the text is wrapped to, so that up and down know rows. */
bool edit_do(edit *e, action a, int width);

/* Keep the text in the history, unless it is the latest there. */
void edit_remember(edit *e, const char *text);

/* Rows that the text takes at a width, at least 1. */
int edit_rows(const edit *e, int width);
/* Draw rows from row `top` on; the cursor too. */
void edit_draw(const edit *e, const canvas *c, int top, bool cursor);
int edit_cursor_row(const edit *e, int width);

#endif

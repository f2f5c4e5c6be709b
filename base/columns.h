/* base/columns.h - how wide text is on a terminal.
 *
 * A cell is a character with the marks that stand on it: combining marks, joiners and
 * variation selectors take no column of their own (widths: utf8proc, Unicode's East
 * Asian Width). Emoji that a joiner ties together are counted one by one, as
 * terminals place them when in doubt. */

#ifndef BASE_COLUMNS_H
#define BASE_COLUMNS_H

#include <stddef.h>

/* Bytes of the cell at p (n > 0 bytes left), and its columns, 0..2, in *columns. A
 * mark at the very beginning is a cell of 0 columns. */
size_t columns_cell(int *columns, const char *p, size_t n);

int columns_text(const char *p, size_t n);

/* Bytes of text that fit into so many columns. */
size_t columns_fit(const char *p, size_t n, int columns);

#endif

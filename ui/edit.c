#include "ui/edit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "base/mem.h"
#include "base/utf8.h"

static void drop_undo(edit *e)
{
	for (int i = 0; i < e->undos; i++)
		free(e->undo[i]);
	e->undos = 0;
	e->typing = false;
}

void edit_free(edit *e)
{
	drop_undo(e);
	for (size_t i = 0; i < e->histories; i++)
		free(e->history[i]);
	free(e->history);
	free(e->draft);
	str_free(&e->text);
	str_free(&e->cut);
	*e = (edit){ 0 };
}

void edit_clear(edit *e)
{
	str_clear(&e->text);
	e->at = 0;
	e->shown = e->histories;
	drop_undo(e);
}

/* Insert what may stand in a text, in place of bytes [from, to). */
static void replace(edit *e, size_t from, size_t to, const char *text, size_t n)
{
	str rest = STR_INIT;

	if (to < e->text.len)
		str_put(&rest, e->text.data + to, e->text.len - to);
	str_truncate(&e->text, from);
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		bool ok;
		size_t len = (size_t)utf8_decode(&cp, &ok, text + i, n - i);
		if (cp == '\r')
			str_putc(&e->text, '\n');
		else if (ok && (cp >= 32 || cp == '\n' || cp == '\t') && cp != 127 && !(cp >= 0x80 && cp < 0xa0))
			str_put(&e->text, text + i, len);
		i += len;
		if (cp == '\r' && i < n && text[i] == '\n')
			i++;
	}
	e->at = e->text.len;
	str_puts(&e->text, str_text(&rest));
	str_free(&rest);
}

void edit_set(edit *e, const char *text)
{
	drop_undo(e);
	replace(e, 0, e->text.len, text, strlen(text));
}

static void save(edit *e)
{
	char *copy = strdup(str_text(&e->text));

	if (!copy)
		return;
	if (e->undos == EDIT_UNDO) {
		free(e->undo[0]);
		memmove(e->undo, e->undo + 1, (EDIT_UNDO - 1) * sizeof(*e->undo));
		memmove(e->undo_at, e->undo_at + 1, (EDIT_UNDO - 1) * sizeof(*e->undo_at));
		e->undos--;
	}
	e->undo[e->undos] = copy;
	e->undo_at[e->undos++] = e->at;
}

void edit_insert(edit *e, const char *text, size_t n)
{
	save(e);
	e->typing = false;
	replace(e, e->at, e->at, text, n);
}

void edit_type(edit *e, uint32_t cp)
{
	char utf8[4];
	size_t n = (size_t)utf8_encode(utf8, cp);

	if (!e->typing || cp == ' ')
		save(e);
	replace(e, e->at, e->at, utf8, n);
	e->typing = true;
}

/* ---- moving ---- */

static size_t next_cell(const edit *e, size_t at)
{
	int columns;

	return at < e->text.len ? at + columns_cell(&columns, e->text.data + at, e->text.len - at) : at;
}

static size_t line_start(const edit *e, size_t at)
{
	while (at > 0 && e->text.data[at - 1] != '\n')
		at--;
	return at;
}

static size_t line_end(const edit *e, size_t at)
{
	while (at < e->text.len && e->text.data[at] != '\n')
		at++;
	return at;
}

static size_t previous_cell(const edit *e, size_t at)
{
	size_t i = line_start(e, at), before = i;

	if (at == i)
		return at ? at - 1 : 0;
	while (i < at) {
		before = i;
		i = next_cell(e, i);
	}
	return before;
}

static bool word_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '_';
}

static size_t word_left(const edit *e, size_t at)
{
	while (at > 0 && !word_byte(e->text.data[at - 1]))
		at--;
	while (at > 0 && word_byte(e->text.data[at - 1]))
		at--;
	return at;
}

static size_t word_right(const edit *e, size_t at)
{
	while (at < e->text.len && !word_byte(e->text.data[at]))
		at++;
	while (at < e->text.len && word_byte(e->text.data[at]))
		at++;
	return at;
}

/* ---- rows ---- */

/* End of the row that begins at `from`, and where the next one begins. */
static size_t row_end(size_t *next, const edit *e, size_t from, int width)
{
	size_t end = line_end(e, from);
	size_t fit = from < end ? columns_fit(e->text.data + from, end - from, width > 1 ? width - 1 : 1) : 0;

	if (from + fit >= end) {
		*next = end < e->text.len ? end + 1 : SIZE_MAX;
		return end;
	}
	if (!fit)
		fit = next_cell(e, from) - from;
	/* A word goes down whole when it is not the row's only one. */
	for (size_t i = fit; i > fit / 2; i--)
		if (e->text.data[from + i - 1] == ' ') {
			fit = i;
			break;
		}
	*next = from + fit;
	return from + fit;
}

int edit_rows(const edit *e, int width)
{
	int rows = 0;

	for (size_t at = 0; at != SIZE_MAX; rows++)
		row_end(&at, e, at, width);
	return rows;
}

/* The row that holds byte `at`, and where that row begins and ends. */
static int find_row(size_t *begin, size_t *end, const edit *e, size_t at, int width)
{
	size_t from = 0, next;

	for (int row = 0;; row++) {
		*begin = from;
		*end = row_end(&next, e, from, width);
		if (next == SIZE_MAX || at < next)
			return row;
		from = next;
	}
}

int edit_cursor_row(const edit *e, int width)
{
	size_t begin, end;

	return find_row(&begin, &end, e, e->at, width);
}

static bool move_row(edit *e, int by, int width)
{
	size_t begin, end, from = 0, next = 0;
	int row = find_row(&begin, &end, e, e->at, width) + by;

	if (row < 0 || row >= edit_rows(e, width))
		return false;
	int column = columns_text(str_text(&e->text) + begin, e->at - begin);
	for (int i = 0; i <= row; i++, from = next) {
		begin = from;
		end = row_end(&next, e, from, width);
	}
	e->at = begin + (end > begin ? columns_fit(e->text.data + begin, end - begin, column) : 0);
	return true;
}

/* ---- history ---- */

void edit_remember(edit *e, const char *text)
{
	if (*text && (!e->histories || strcmp(e->history[e->histories - 1], text))) {
		if (e->histories == EDIT_HISTORY) {
			free(e->history[0]);
			memmove(e->history, e->history + 1, --e->histories * sizeof(*e->history));
		}
		char *copy = strdup(text);
		if (copy && MEM_GROW(e->history, e->history_cap, e->histories + 1))
			e->history[e->histories++] = copy;
		else
			free(copy);
	}
	e->shown = e->histories;
}

static bool look_back(edit *e, int by)
{
	size_t to = e->shown + (size_t)by;

	if (e->shown > e->histories)
		e->shown = e->histories;
	if ((by < 0 && e->shown == 0) || (by > 0 && e->shown >= e->histories))
		return false;
	if (e->shown == e->histories) {
		free(e->draft);
		e->draft = strdup(str_text(&e->text));
	}
	e->shown = to;
	edit_set(e, to < e->histories ? e->history[to] : e->draft ? e->draft : "");
	return true;
}

/* ---- actions ---- */

/* Cut bytes [from, to), remembered for insert-cut unless it is a single character. */
static bool cut(edit *e, size_t from, size_t to, bool keep)
{
	if (from >= to)
		return false;
	save(e);
	e->typing = false;
	if (keep) {
		str_clear(&e->cut);
		str_put(&e->cut, e->text.data + from, to - from);
	}
	replace(e, from, to, "", 0);
	e->at = from;
	return true;
}

static bool undo(edit *e)
{
	if (!e->undos)
		return false;
	char *before = e->undo[--e->undos];
	size_t at = e->undo_at[e->undos];
	str_clear(&e->text);
	str_puts(&e->text, before);
	e->at = at <= e->text.len ? at : e->text.len;
	free(before);
	e->typing = false;
	return true;
}

static bool go(edit *e, size_t to)
{
	bool moved = to != e->at;

	e->at = to;
	e->typing = false;
	return moved;
}

bool edit_do(edit *e, action a, int width)
{
	switch (a) {
	case ACTION_CHAR_LEFT: return go(e, previous_cell(e, e->at));
	case ACTION_CHAR_RIGHT: return go(e, next_cell(e, e->at));
	case ACTION_WORD_LEFT: return go(e, word_left(e, e->at));
	case ACTION_WORD_RIGHT: return go(e, word_right(e, e->at));
	case ACTION_LINE_START: return go(e, line_start(e, e->at));
	case ACTION_LINE_END: return go(e, line_end(e, e->at));
	case ACTION_ERASE: return cut(e, previous_cell(e, e->at), e->at, false);
	case ACTION_DELETE: return cut(e, e->at, next_cell(e, e->at), false);
	case ACTION_ERASE_WORD: return cut(e, word_left(e, e->at), e->at, true);
	case ACTION_DELETE_WORD: return cut(e, e->at, word_right(e, e->at), true);
	case ACTION_CUT_START: return cut(e, line_start(e, e->at), e->at, true);
	case ACTION_CUT_END: return cut(e, e->at, line_end(e, e->at), true);
	case ACTION_INSERT_CUT: edit_insert(e, str_text(&e->cut), e->cut.len); return true;
	case ACTION_NEWLINE: edit_insert(e, "\n", 1); return true;
	case ACTION_UNDO: return undo(e);
	case ACTION_HISTORY_PREVIOUS: return move_row(e, -1, width) || look_back(e, -1);
	case ACTION_HISTORY_NEXT: return move_row(e, 1, width) || look_back(e, 1);
	default: return false;
	}
}

/* ---- drawing ---- */

void edit_draw(const edit *e, const canvas *c, int top, bool cursor)
{
	size_t from = 0, next;

	for (int row = 0; from != SIZE_MAX && row - top < c->rows; row++, from = next) {
		size_t end = row_end(&next, e, from, c->columns);
		if (row < top)
			continue;
		int x = canvas_put(c, row - top, 0, ROLE_PLAIN, str_text(&e->text) + from, end - from);
		canvas_fill(c, row - top, x, ROLE_PLAIN);
		if (cursor && e->at >= from && (e->at < next || next == SIZE_MAX))
			canvas_cursor(c, row - top, columns_text(str_text(&e->text) + from, e->at - from));
	}
}

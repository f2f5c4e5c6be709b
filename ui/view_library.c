#include "ui/ui_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/number.h"

static const char *const sort_names[SORTS] = { "last used", "name", "size", "disk" };

/* ---- which rows, in which order ---- */

static int sort_by;
static const ui_document *sort_of;

static int by_choice(const void *pa, const void *pb)
{
	const ui_document *a = &sort_of[*(const int *)pa], *b = &sort_of[*(const int *)pb];
	int64_t x = 0, y = 0;

	switch (sort_by) {
	case SORT_USED: x = a->used, y = b->used; break;
	case SORT_SIZE: x = a->text_bytes, y = b->text_bytes; break;
	case SORT_DISK: x = a->bytes, y = b->bytes; break;
	default: break;
	}
	if (x != y)
		return x < y ? 1 : -1;
	int names = strcasecmp(a->name, b->name);
	return names ? names : *(const int *)pa - *(const int *)pb;
}

static bool matches(const ui_document *d, const char *filter)
{
	return !filter || !*filter || strcasestr(d->name, filter) || strcasestr(d->title, filter) || strcasestr(d->path, filter);
}

static void choose_rows(ui *u)
{
	library_view *l = &u->library;
	int *row = mem_array((size_t)u->m->documents, sizeof(*row));

	free(l->row);
	l->row = row;
	l->rows = 0;
	for (int i = 0; row && i < u->m->documents; i++)
		if (matches(&u->m->document[i], l->filter))
			row[l->rows++] = i;
	sort_by = l->sort;
	sort_of = u->m->document;
	if (row)
		qsort(row, (size_t)l->rows, sizeof(*row), by_choice);
}

static const ui_document *selected(const ui *u)
{
	const library_view *l = &u->library;

	return l->list.selected < l->rows ? &u->m->document[l->row[l->list.selected]] : NULL;
}

static void layout(ui *u, int rows, int columns)
{
	library_view *l = &u->library;

	(void)columns;
	choose_rows(u);
	/* Rows come and go and change places; the selection is a document's. */
	for (int i = 0; l->at && i < l->rows; i++)
		if (u->m->document[l->row[i]].id == l->at)
			l->list.selected = i;
	list_fit(&l->list, l->rows, rows - 2);
	l->at = selected(u) ? selected(u)->id : 0;
}

/* ---- drawing ---- */

static ui_role put_state(str *s, const ui_document *d)
{
	switch (d->state) {
	case DOC_READ: str_puts(s, "read"); return ROLE_GOOD;
	case DOC_READING: str_putf(s, "reading %d %%", (int)(100 * d->done)); return ROLE_STRONG;
	case DOC_WAITING: str_puts(s, "waiting"); return ROLE_FAINT;
	case DOC_INTERRUPTED:
		str_puts(s, "interrupted");
		if (d->done >= 0.01)
			str_putf(s, " %d %%", (int)(100 * d->done));
		return ROLE_WARN;
	case DOC_CHANGED: str_puts(s, "changed on disk"); return ROLE_WARN;
	case DOC_FILE_GONE: str_puts(s, "file is gone"); return ROLE_FAINT;
	case DOC_OTHER_MODEL: str_puts(s, "other model"); return ROLE_FAINT;
	case DOC_MODEL_MISSING: str_puts(s, "model missing"); return ROLE_WARN;
	default: str_puts(s, "not read"); return ROLE_FAINT;
	}
}

typedef enum { COLUMN_NAME, COLUMN_STATE, COLUMN_TOKENS, COLUMN_DISK, COLUMN_USED, COLUMN_MODEL, COLUMN_TITLE, LIST_COLUMNS } list_column;

static const struct {
	const char *head;
	bool right;
	int narrow, wide; /* columns below and from WIDE on; 0: not shown, -1: what is left */
} list_columns[LIST_COLUMNS] = {
	[COLUMN_NAME] = { "Document", false, 19, 26 }, [COLUMN_STATE] = { "State", false, 16, 16 },
	[COLUMN_TOKENS] = { "Tokens", true, 7, 9 },    [COLUMN_DISK] = { "Disk", true, 8, 10 },
	[COLUMN_USED] = { "Last used", false, 10, 16 }, [COLUMN_MODEL] = { "Model", false, -1, 16 },
	[COLUMN_TITLE] = { "Title", false, 0, -1 },
};

enum { WIDE = 118 };

/* One row of cells; NULL texts: the heads. */
static void draw_cells(const canvas *c, int y, const str *text, const ui_role *role)
{
	int x = 2;

	for (int i = 0; i < LIST_COLUMNS; i++) {
		int width = c->columns >= WIDE ? list_columns[i].wide : list_columns[i].narrow;
		if (width < 0)
			width = c->columns - x;
		if (width <= 0 || x >= c->columns)
			continue;
		x = canvas_cell(c, y, x, width, list_columns[i].right, text ? role[i] : ROLE_HEAD, text ? str_text(&text[i]) : list_columns[i].head);
		x += list_columns[i].right && !list_columns[i + 1].right ? 2 : 1;
	}
}

static void draw_row(const ui *u, const canvas *c, int y, const ui_document *d, bool on)
{
	str s[LIST_COLUMNS] = { 0 };
	ui_role plain = on ? ROLE_SELECTED : ROLE_PLAIN;
	ui_role role[LIST_COLUMNS] = { plain, plain, plain, plain, plain, plain, on ? plain : ROLE_FAINT };

	str_puts(&s[COLUMN_NAME], d->name);
	ui_role state = put_state(&s[COLUMN_STATE], d);
	if (!on) {
		role[COLUMN_NAME] = ROLE_STRONG;
		role[COLUMN_STATE] = state;
	}
	if (d->tokens > 0)
		number_put_count(&s[COLUMN_TOKENS], d->tokens);
	if (d->bytes > 0)
		number_put_bytes(&s[COLUMN_DISK], d->bytes);
	number_put_time(&s[COLUMN_USED], d->used);
	if (c->columns < WIDE)
		str_truncate(&s[COLUMN_USED], 10); /* the day */
	str_puts(&s[COLUMN_MODEL], d->model ? d->model : "");
	str_puts(&s[COLUMN_TITLE], d->title);
	canvas_fill(c, y, 0, plain);
	canvas_puts(c, y, 0, plain, d->id == u->m->open ? "▸ " : "  ");
	draw_cells(c, y, s, role);
	for (int i = 0; i < LIST_COLUMNS; i++)
		str_free(&s[i]);
}

/* What a person with nothing in the library needs to know. */
static void draw_welcome(const ui *u, const canvas *c)
{
	const ui_model *m = u->m;
	str s = STR_INIT;
	int y = ui_paragraph(c, 1, 2, ROLE_STRONG, "folio answers questions about long documents, on this machine alone.") + 1;

	if (m->fetch_offer) {
		y = ui_paragraph(c, y, 2, ROLE_WARN, "It needs a language model first:");
		str_putf(&s, "f   fetch %s", m->fetch_offer);
		y = ui_paragraph(c, y, 4, ROLE_PLAIN, str_text(&s));
		y = ui_paragraph(c, y, 4, ROLE_PLAIN, "4   add one of your own (GGUF or safetensors) under Models") + 1;
	}
	y = ui_paragraph(c, y, 4, ROLE_PLAIN, "S   read the sample, a page about a lighthouse, and try it out");
	y = ui_paragraph(c, y, 4, ROLE_PLAIN, "a   add a document: a text, Markdown, source code, a whole folder");
	y = ui_paragraph(c, y, 4, ROLE_PLAIN, "?   all keys") + 1;
	y = ui_paragraph(c, y, 2, ROLE_PLAIN, "A document is read once and then kept, about 25 KiB a token with the default model; asking again "
	                 "tomorrow reads nothing anew. It is stored in");
	y = ui_paragraph(c, y, 4, ROLE_STRONG, m->home ? m->home : "");
	str_clear(&s);
	number_put_bytes(&s, m->disk_used);
	str_puts(&s, " used, ");
	number_put_bytes(&s, m->disk_free);
	str_puts(&s, " free");
	ui_paragraph(c, y, 4, ROLE_FAINT, str_text(&s));
	str_free(&s);
}

static void draw(const ui *u, const canvas *c)
{
	const library_view *l = &u->library;
	str s = STR_INIT;

	if (u->m->loaded && !u->m->documents) {
		draw_welcome(u, c);
		return;
	}
	if (!u->m->loaded) {
		canvas_puts(c, 0, 2, ROLE_FAINT, "opening the library");
		return;
	}
	draw_cells(c, 0, NULL, NULL);
	if (!l->rows)
		canvas_puts(c, 2, 2, ROLE_PLAIN, "No document has that in its name, title or path: / and Esc show all again.");
	for (int i = 0; i < l->list.shown && l->list.top + i < l->rows; i++)
		draw_row(u, c, 1 + i, &u->m->document[l->row[l->list.top + i]], l->list.top + i == l->list.selected);
	if (l->filter && *l->filter)
		str_putf(&s, "%d of %d with \"%s\", ", l->rows, u->m->documents, l->filter);
	else
		str_putf(&s, "%d document%s, ", u->m->documents, u->m->documents == 1 ? "" : "s");
	str_putf(&s, "by %s", sort_names[l->sort]);
	int x = canvas_puts(c, c->rows - 1, 2, ROLE_FAINT, str_text(&s));
	ui_hints(u, c, c->rows - 1, x + 2, "library", (action[]){ ACTION_OPEN, ACTION_ADD, ACTION_REREAD, ACTION_REMOVE, ACTION_RENAME, ACTION_FILTER,
	                                                          ACTION_SORT, ACTION_NONE });
	str_free(&s);
}

/* ---- actions ---- */

static bool handle_selected(ui *u, action a, const char *argument)
{
	const ui_document *d = selected(u);

	if (!d) {
		ui_say(u, SAY_PLAIN, "the library is empty: a adds a document, S the sample");
		return true;
	}
	switch (a) {
	case ACTION_OPEN:
		ui_open_row(u, d->id);
		u->chat.typing = true; /* at once: what is typed next is a question already */
		break;
	case ACTION_REREAD: ui_request_id(u, ASK_REREAD, d->id); break;
	case ACTION_RENAME:
		if (argument && *argument)
			ui_request_text(u, ASK_RENAME, d->id, argument);
		else if (!argument)
			prompt_line(u, ACTION_RENAME, "new name: ", d->name, false);
		break;
	case ACTION_REMOVE:
		prompt_confirm(u, ASK_REMOVE, d->id, "Remove %s from the library with its conversations? The file itself stays.", d->name);
		break;
	default: return false;
	}
	return true;
}

static void filter(ui *u, const char *text)
{
	free(u->library.filter);
	u->library.filter = strdup(text);
	u->library.list.selected = 0;
	u->library.at = 0;
}

static bool handle(ui *u, action a, const char *argument)
{
	library_view *l = &u->library;

	if (list_move(&l->list, a, l->rows)) {
		l->at = selected(u) ? selected(u)->id : 0;
		return true;
	}
	switch (a) {
	case ACTION_OPEN:
	case ACTION_REREAD:
	case ACTION_RENAME:
	case ACTION_REMOVE:
		return handle_selected(u, a, argument);
	case ACTION_SORT:
		l->sort = (l->sort + 1) % SORTS;
		ui_say(u, SAY_PLAIN, "sorted by %s", sort_names[l->sort]);
		return true;
	case ACTION_FILTER:
	case ACTION_SEARCH:
		if (argument)
			filter(u, argument);
		else
			prompt_line(u, ACTION_FILTER, "/", l->filter ? l->filter : "", true);
		return true;
	default:
		return false;
	}
}

static void click(ui *u, int y, int x, bool twice)
{
	library_view *l = &u->library;
	int i = l->list.top + y - 1;

	(void)x;
	if (y < 1 || i >= l->rows)
		return;
	l->list.selected = i;
	l->at = selected(u)->id;
	if (twice)
		handle(u, ACTION_OPEN, NULL);
}

const view_ops view_library = { "library", "Library", layout, draw, handle, click };

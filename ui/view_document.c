#include "ui/ui_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "ui/search.h"

enum {
	TAB = 4,
	LONG_LINE = 1 << 14, /* bytes after which a line is wrapped anew, so that a book on one line scrolls too */
};

/* Index of the last of n ascending offsets that is <= at; 0 when there is none. */
static size_t last_upto(const uint32_t *offset, size_t n, size_t at)
{
	size_t low = 0, high = n;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;
		if (offset[mid] <= at)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static size_t line_of(const ui_model *m, size_t at)
{
	return last_upto(m->line, m->lines, at);
}

static size_t line_begin(const ui_model *m, size_t line)
{
	return line < m->lines ? m->line[line] : m->text_len;
}

/* End of a line's text, before its newline. */
static size_t line_stop(const ui_model *m, size_t line)
{
	size_t end = line_begin(m, line + 1);

	return end > line_begin(m, line) && m->text[end - 1] == '\n' ? end - 1 : end;
}

/* ---- rows ---- */

static size_t cell_at(int *columns, const char *p, size_t n, int column)
{
	size_t len = columns_cell(columns, p, n);

	if (*p == '\t')
		*columns = TAB - column % TAB;
	else if (*columns == 0 && (unsigned char)*p < 0x80)
		*columns = 1;
	return len;
}

/* End of the row that begins at `at`; the next one begins there, or behind the newline. */
static size_t row_stop(const ui_model *m, size_t at, int width)
{
	size_t stop = line_stop(m, line_of(m, at)), i = at, space = 0;
	int used = 0, one;

	while (i < stop) {
		size_t len = cell_at(&one, m->text + i, stop - i, used);
		if (used + one > width && i > at)
			return space > at + (i - at) / 2 ? space : i;
		used += one;
		i += len;
		if (m->text[i - 1] == ' ')
			space = i;
	}
	return stop;
}

static size_t next_row(const ui_model *m, size_t at, int width)
{
	size_t stop = row_stop(m, at, width);

	return stop < m->text_len && m->text[stop] == '\n' ? stop + 1 : stop;
}

/* The row before the one that begins at `at`. */
static size_t previous_row(const ui_model *m, size_t at, int width)
{
	if (at == 0)
		return 0;
	size_t from = line_begin(m, line_of(m, at - 1));
	if (at - from > LONG_LINE) {
		from += (at - 1 - from) / LONG_LINE * LONG_LINE;
		while (from < at - 1 && ((unsigned char)m->text[from] & 0xc0) == 0x80)
			from++;
	}
	for (;;) {
		size_t next = next_row(m, from, width);
		if (next >= at || next == from)
			return from;
		from = next;
	}
}

/* The begin of the row that holds byte `at`. */
static size_t row_of(const ui_model *m, size_t at, int width)
{
	size_t next = at < m->text_len ? at + 1 : at;

	return previous_row(m, next, width);
}

static void scroll_by(ui *u, long rows)
{
	document_view *v = &u->document;

	for (; rows < 0 && v->top > 0; rows++)
		v->top = previous_row(u->m, v->top, v->width);
	for (; rows > 0; rows--) {
		size_t next = next_row(u->m, v->top, v->width);
		if (next >= u->m->text_len)
			break;
		v->top = next;
	}
}

/* ---- layout and drawing ---- */

static int gutter(const ui_model *m)
{
	int digits = 1;

	for (size_t n = m->lines; n >= 10; n /= 10)
		digits++;
	return digits + 2;
}

static void layout(ui *u, int rows, int columns)
{
	document_view *v = &u->document;
	int width = columns - gutter(u->m) - 1;

	v->shown = rows - 1;
	if (!u->m->text)
		return;
	if (v->width != width) {
		v->width = width > 1 ? width : 1;
		v->top = row_of(u->m, v->top < u->m->text_len ? v->top : 0, v->width);
	}
	v->bottom = v->top;
	for (int y = 0; y < v->shown && v->bottom < u->m->text_len; y++)
		v->bottom = next_row(u->m, v->bottom, v->width);
}

static void draw_row_text(const ui *u, const canvas *c, int y, int x, size_t from, size_t stop)
{
	const document_view *v = &u->document;
	int start = x, one;

	for (size_t i = from; i < stop;) {
		size_t len = cell_at(&one, u->m->text + i, stop - i, x - start);
		ui_role r = i >= v->found_from && i < v->found_to ? ROLE_MATCH : i >= v->mark_from && i < v->mark_to ? ROLE_PASSAGE : ROLE_PLAIN;
		if (u->m->text[i] == '\t')
			for (int k = 0; k < one; k++)
				canvas_puts(c, y, x + k, r, " ");
		else
			canvas_put(c, y, x, r, u->m->text + i, len);
		x += one;
		i += len;
	}
}

/* The number of a line within its file. */
static size_t line_number(const ui_model *m, size_t line, size_t *file)
{
	size_t low = 0, high = m->files;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;
		if (m->file[mid].from <= line_begin(m, line))
			low = mid;
		else
			high = mid;
	}
	*file = low;
	size_t first = m->files && m->file[low].from <= line_begin(m, line) ? line_of(m, m->file[low].from) : 0;
	return line - first + 1;
}

static void draw_head(const ui *u, const canvas *c)
{
	const ui_model *m = u->m;
	size_t file, line = line_of(m, u->document.top), number = line_number(m, line, &file);
	const char *path = m->files && *m->file[file].path ? m->file[file].path : m->open_title;
	int x = canvas_putf(c, 0, 1, ROLE_HEAD, "%s", path ? path : "");

	x = canvas_putf(c, 0, x, ROLE_FAINT, "  line %zu", number);
	if (m->pages)
		x = canvas_putf(c, 0, x, ROLE_FAINT, ", page %zu of %zu", last_upto(m->page, m->pages, u->document.top) + 1, m->pages);
	x = canvas_putf(c, 0, x, ROLE_FAINT, "  %d %%", m->text_len ? (int)(100.0 * (double)u->document.bottom / (double)m->text_len) : 0);
	if (u->document.search && *u->document.search)
		x = canvas_putf(c, 0, x, ROLE_FAINT, "  /%s", u->document.search);
	if (u->document.found_to > u->document.found_from)
		ui_hints(u, c, 0, x + 2, "document", (action[]){ ACTION_SEARCH_NEXT, ACTION_SEARCH_PREVIOUS, ACTION_BACK, ACTION_NONE });
	else if (u->document.source >= 0)
		ui_hints(u, c, 0, x + 2, "document", (action[]){ ACTION_NEXT_SOURCE, ACTION_BACK, ACTION_NONE });
	else
		ui_hints(u, c, 0, x + 2, "document", (action[]){ ACTION_SEARCH, ACTION_GOTO, ACTION_NONE });
}

static void draw(const ui *u, const canvas *c)
{
	const ui_model *m = u->m;
	size_t at = u->document.top, file;
	int left = gutter(m);

	if (!m->open) {
		canvas_puts(c, 1, 2, ROLE_PLAIN, "No document is open. 1 shows the library, Enter opens one there.");
		return;
	}
	if (!m->text) {
		canvas_puts(c, 1, 2, ROLE_FAINT, "fetching the text");
		return;
	}
	draw_head(u, c);
	for (int y = 1; y < c->rows && at < m->text_len; y++) {
		size_t line = line_of(m, at), stop = row_stop(m, at, u->document.width), next = next_row(m, at, u->document.width);
		if (at == line_begin(m, line)) {
			char number[24];
			snprintf(number, sizeof(number), "%zu", line_number(m, line, &file));
			canvas_cell(c, y, 0, left - 1, true, ROLE_FAINT, number);
		}
		draw_row_text(u, c, y, left, at, stop);
		if (next == at)
			break;
		at = next;
	}
}

/* ---- places ---- */

static void remember(document_view *v)
{
	enum { MOST = sizeof(v->back) / sizeof(*v->back) };

	if (v->backs == MOST) {
		memmove(v->back, v->back + 1, (MOST - 1) * sizeof(*v->back));
		v->backs--;
		v->entry -= v->entry > 0;
	}
	v->back[v->backs++] = v->top;
}

/* Bring a byte into view, a third from the top, unless it is there. */
static void reveal(ui *u, size_t at)
{
	document_view *v = &u->document;

	if (!u->m->text || at > u->m->text_len)
		return;
	if (v->width < 1)
		layout(u, u->rows - 3, u->columns);
	v->top = row_of(u->m, at, v->width);
	scroll_by(u, -(v->shown / 3));
}

void document_show(ui *u, size_t from, size_t to)
{
	document_view *v = &u->document;

	remember(v);
	v->mark_from = from;
	v->mark_to = to;
	v->found_from = v->found_to = 0;
	ui_go(u, VIEW_DOCUMENT);
	reveal(u, from);
}

/* Round the text once, from here on or from the place found last. */
static void search(ui *u, bool forward, bool from_here)
{
	document_view *v = &u->document;
	const char *word = v->search, *text = u->m->text;
	size_t len = u->m->text_len, bytes = 0, found;
	needle k;

	if (!word || !*word) {
		ui_say(u, SAY_PLAIN, "/ looks for text");
		return;
	}
	needle_make(&k, word);
	size_t at = v->found_to > v->found_from ? v->found_from : v->top;
	found = forward ? needle_find(&bytes, &k, text, len, at + !from_here, len) : needle_find_back(&bytes, &k, text, len, 0, at);
	if (found == NEEDLE_NONE) {
		found = forward ? needle_find(&bytes, &k, text, len, 0, at + 1) : needle_find_back(&bytes, &k, text, len, at, len);
		if (found != NEEDLE_NONE)
			ui_say(u, SAY_PLAIN, "went on from the other end");
	}
	if (found == NEEDLE_NONE) {
		v->found_from = v->found_to = 0;
		ui_say(u, SAY_WARN, "not found: %s", word);
		return;
	}
	v->found_from = found;
	v->found_to = found + bytes;
	reveal(u, found);
}

static void go_to(ui *u, const char *argument)
{
	bool page = argument[0] == 'p' || argument[0] == 'P';
	char *end;
	long n = strtol(argument + page, &end, 10);

	if (n < 1 || *end || (page && (size_t)n > u->m->pages)) {
		ui_say(u, SAY_WARN, page ? "the document has %zu pages" : "goto wants a line, such as 120", u->m->pages);
		return;
	}
	remember(&u->document);
	/* In a folder lines are counted within the file that is shown. */
	size_t file, base = line_of(u->m, u->document.top), first = base + 1 - line_number(u->m, base, &file);
	size_t line = first + (size_t)n - 1;
	u->document.top = page ? u->m->page[n - 1] : line_begin(u->m, line < u->m->lines ? line : u->m->lines - 1);
	if (page && u->document.width > 0)
		u->document.top = row_of(u->m, u->document.top, u->document.width);
}

/* ---- actions ---- */

static void show_source(ui *u, int by)
{
	document_view *v = &u->document;
	int next = v->source + by;
	const ui_source *s;

	if (!u->chat.sources && u->m->turns)
		for (int i = 0; i < u->m->turns; i++)
			u->chat.sources += u->m->turn[i].sources;
	if (!u->chat.sources) {
		ui_say(u, SAY_PLAIN, "no sources yet");
		return;
	}
	v->source = v->source < 0 ? u->chat.sources - u->m->turn[u->m->turns - 1].sources : (next + u->chat.sources) % u->chat.sources;
	u->chat.source = v->source;
	if ((s = chat_source(u, v->source))) {
		document_show(u, s->from, s->to);
		ui_say(u, SAY_PLAIN, "%s", s->place);
	}
}

static bool move(ui *u, action a)
{
	document_view *v = &u->document;
	int page = v->shown > 2 ? v->shown - 1 : 1;

	switch (a) {
	case ACTION_UP: scroll_by(u, -1); break;
	case ACTION_DOWN: scroll_by(u, 1); break;
	case ACTION_PAGE_UP: scroll_by(u, -page); break;
	case ACTION_PAGE_DOWN: scroll_by(u, page); break;
	case ACTION_FIRST: remember(v); v->top = 0; break;
	case ACTION_LAST:
		remember(v);
		v->top = row_of(u->m, u->m->text_len ? u->m->text_len - 1 : 0, v->width);
		scroll_by(u, 1 - v->shown);
		break;
	default: return false;
	}
	return true;
}

static bool handle(ui *u, action a, const char *argument)
{
	document_view *v = &u->document;

	if (!u->m->text || !u->m->text_len)
		return false;
	if (v->width < 1) /* acted on before it was ever shown */
		layout(u, u->rows - 3, u->columns);
	if (move(u, a))
		return true;
	switch (a) {
	case ACTION_SEARCH:
		if (argument && *argument) {
			free(v->search);
			v->search = strdup(argument);
			remember(v);
			v->found_from = v->found_to = 0;
			search(u, true, true);
		} else if (!argument) {
			prompt_line(u, ACTION_SEARCH, "/", "", false);
		}
		return true;
	case ACTION_SEARCH_NEXT: search(u, true, false); return true;
	case ACTION_SEARCH_PREVIOUS: search(u, false, false); return true;
	case ACTION_GOTO:
		if (argument && *argument)
			go_to(u, argument);
		else if (!argument)
			prompt_line(u, ACTION_GOTO, "line (or p and a page): ", "", false);
		return true;
	case ACTION_NEXT_SOURCE: show_source(u, 1); return true;
	case ACTION_PREVIOUS_SOURCE: show_source(u, -1); return true;
	case ACTION_COPY:
		if (v->mark_to > v->mark_from && v->mark_to <= u->m->text_len) {
			str s = STR_INIT;
			str_put(&s, u->m->text + v->mark_from, v->mark_to - v->mark_from);
			ui_copy_text(u, str_text(&s), "the passage");
			str_free(&s);
		} else {
			ui_say(u, SAY_PLAIN, "no passage is shown: Tab shows the sources");
		}
		return true;
	case ACTION_BACK:
		/* First the places since it was come to, then the view before. */
		if (v->backs > v->entry) {
			v->top = v->back[--v->backs];
			return true;
		}
		return false;
	default: return false;
	}
}

const view_ops view_document = { "document", "Document", layout, draw, handle, NULL };

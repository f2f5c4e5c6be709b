#include "ui/ui_impl.h"

#include <stdlib.h>
#include <string.h>

#include "ui/markdown.h"
#include "ui/terminal.h"

enum { INPUT_ROWS = 6, TAG_SOURCES = 64 };

/* A line's tag: the turn, and which of its sources, + 1; 0: none. */
static int tag_of(int turn, int source)
{
	return turn * TAG_SOURCES + (source < TAG_SOURCES - 1 ? source + 1 : 0);
}

const ui_source *chat_source(const ui *u, int number)
{
	for (int i = 0; i < u->m->turns && number >= 0; i++) {
		if (number < u->m->turn[i].sources)
			return &u->m->turn[i].source[number];
		number -= u->m->turn[i].sources;
	}
	return NULL;
}

/* ---- the transcript ---- */

static void put_sources(rich *r, const ui_turn *t, int turn, int *number, int on)
{
	rich_indent(r, 2, 2);
	rich_tag(r, tag_of(turn, -1));
	rich_puts(r, ROLE_FAINT, "Sources");
	rich_end(r);
	for (int i = 0; i < t->sources; i++, ++*number) {
		const ui_source *s = &t->source[i];
		bool here = *number == on;
		rich_tag(r, tag_of(turn, i));
		rich_indent(r, 2, 6);
		rich_putf(r, here ? ROLE_SELECTED : ROLE_SOURCE, "%s%d  %s", here ? "▸ " : "  ", i + 1, s->place);
		rich_putf(r, ROLE_FAINT, "  %.0f %% of the evidence", 100 * s->score);
		rich_end(r);
		/* Its first words; the selected one is shown at length. */
		size_t n = strlen(s->text), most = here ? 600 : (size_t)(r->width > 20 ? r->width - 12 : 8);
		str line = STR_INIT;
		for (size_t k = 0; k < n && k < most; k++)
			str_putc(&line, s->text[k] == '\n' || s->text[k] == '\t' ? ' ' : s->text[k]);
		rich_indent(r, 6, 6);
		rich_put(r, ROLE_FAINT, str_text(&line), line.len);
		rich_puts(r, ROLE_FAINT, n > most ? "…" : "");
		rich_end(r);
		str_free(&line);
	}
	rich_tag(r, tag_of(turn, -1));
}

static void put_turn(rich *r, const ui_turn *t, int turn, int *number, int on)
{
	rich_tag(r, tag_of(turn, -1));
	rich_indent(r, 0, 2);
	rich_puts(r, ROLE_PROMPT, "? ");
	rich_puts(r, ROLE_QUESTION, t->question);
	rich_end(r);
	if (t->answer && *t->answer)
		markdown_put(r, t->answer, strlen(t->answer), 2);
	if (t->note && *t->note) {
		rich_indent(r, 2, 2);
		rich_puts(r, t->state == TURN_FAILED ? ROLE_BAD : t->state == TURN_STOPPED ? ROLE_WARN : ROLE_FAINT, t->note);
		rich_end(r);
	}
	if (t->sources)
		put_sources(r, t, turn, number, on);
	rich_blank(r);
}

static void build(ui *u, int width)
{
	chat_view *v = &u->chat;
	rich *r = &v->page.r;
	int number = 0;

	v->sources = 0;
	for (int i = 0; i < u->m->turns; i++)
		v->sources += u->m->turn[i].sources;
	if (v->source >= v->sources)
		v->source = -1;
	rich_begin(r, width);
	for (int i = 0; i < u->m->turns; i++)
		put_turn(r, &u->m->turn[i], i, &number, v->source);
	v->built = u->revision;
	v->width = width;
}

static int input_rows(const ui *u, int rows, int columns)
{
	int n = edit_rows(&u->chat.line, columns - 2), most = rows / 3 < INPUT_ROWS ? rows / 3 : INPUT_ROWS;

	return n < most ? n : most > 0 ? most : 1;
}

static void layout(ui *u, int rows, int columns)
{
	chat_view *v = &u->chat;
	bool wider = v->width != columns;

	/* What stood at the top stays there when the width changes, however often. */
	if (wider && v->page.top != v->anchored && v->page.r.lines)
		v->anchor = (double)v->page.top / (double)v->page.r.lines;
	if (v->built != u->revision || wider)
		build(u, columns);
	if (wider && !v->page.follow)
		v->page.top = (long)(v->anchor * (double)v->page.r.lines + 0.5);
	pager_fit(&v->page, rows - 1 - input_rows(u, rows, columns));
	if (wider)
		v->anchored = v->page.top;
}

/* ---- drawing ---- */

static void draw_empty(const ui *u, const canvas *c)
{
	if (!u->m->open) {
		canvas_puts(c, 1, 2, ROLE_PLAIN, "No document is open. 1 shows the library, Enter opens one there.");
		return;
	}
	canvas_putf(c, 1, 2, ROLE_STRONG, "%s", u->m->open_title ? u->m->open_title : "");
	int y = ui_paragraph(c, 3, 2, ROLE_PLAIN, "Ask something about it. The answer comes with the passages that it is taken from; "
	                     "Tab selects one, Enter shows it in the document.");
	if (u->m->conversation_count)
		canvas_putf(c, y + 1, 2, ROLE_FAINT, "%d earlier conversation%s about it: C lists them.", u->m->conversation_count,
		            u->m->conversation_count == 1 ? "" : "s");
}

static void draw_input(const ui *u, const canvas *c)
{
	const chat_view *v = &u->chat;
	int columns = c->columns - 2, row = edit_cursor_row(&v->line, columns);
	int top = row >= c->rows ? row - c->rows + 1 : 0;
	canvas text = canvas_part(c, 0, 2, c->rows, columns);

	canvas_puts(c, 0, 0, ROLE_PROMPT, v->rewind >= 0 ? "! " : "? ");
	if (!v->line.text.len && !v->typing)
		ui_hints(u, &text, 0, 0, "chat", (action[]){ ACTION_ASK, ACTION_NEXT_SOURCE, ACTION_EDIT, ACTION_REGENERATE, ACTION_NEW,
		                                             ACTION_CONVERSATIONS, ACTION_COPY, ACTION_EXPORT, ACTION_NONE });
	else
		edit_draw(&v->line, &text, top, v->typing && !u->ask.kind);
}

static void draw(const ui *u, const canvas *c)
{
	const chat_view *v = &u->chat;
	int input = input_rows(u, c->rows, c->columns);
	canvas text = canvas_part(c, 0, 0, c->rows - 1 - input, c->columns);
	canvas line = canvas_part(c, c->rows - input, 0, input, c->columns);
	long below = (long)v->page.r.lines - v->page.top - v->page.shown;

	if (u->m->turns)
		pager_draw(&v->page, &text);
	else
		draw_empty(u, &text);
	canvas_rule(c, text.rows);
	if (below > 0)
		canvas_putf(c, text.rows, 2, ROLE_FAINT, " %ld more line%s below ", below, below == 1 ? "" : "s");
	draw_input(u, &line);
}

/* ---- typing ---- */

void chat_start_typing(ui *u)
{
	ui_go(u, VIEW_CHAT);
	u->chat.typing = true;
}

static void send(ui *u)
{
	chat_view *v = &u->chat;
	const char *text = str_text(&v->line.text);

	if (!text[strspn(text, " \t\n")])
		return;
	if (!u->m->open) {
		ui_say(u, SAY_WARN, "open a document first: F2 shows the library");
		return;
	}
	char *question = strdup(text);
	if (!question)
		return;
	edit_remember(&v->line, question);
	edit_clear(&v->line);
	v->page.follow = true;
	v->source = -1;
	if (v->rewind >= 0)
		ui_request_text(u, ASK_REWIND, v->rewind, question);
	else
		ui_request_text(u, ASK_QUESTION, 0, question);
	v->rewind = -1;
	free(question);
}

static void leave(ui *u)
{
	chat_view *v = &u->chat;

	if (ui_esc_stops(u)) {
		ui_request_id(u, ASK_STOP, 0);
	} else {
		v->typing = false;
		if (v->rewind >= 0) {
			v->rewind = -1;
			edit_clear(&v->line);
			ui_say(u, SAY_PLAIN, "the question stays as it was");
		}
	}
}

static void write_in_editor(ui *u)
{
	str text = STR_INIT;
	error err;

	str_puts(&text, str_text(&u->chat.line.text));
	if (terminal_edit(&text, &err))
		ui_say(u, SAY_WARN, "%s", err.msg);
	else
		edit_set(&u->chat.line, str_text(&text));
	u->chat.typing = true;
	str_free(&text);
}

bool chat_key(ui *u, int key)
{
	chat_view *v = &u->chat;
	action a = keymap_find(&u->keys, "line", key, false);

	switch (a) {
	case ACTION_NONE:
		if (key < 32 || key >= KEY_CODE)
			return false;
		edit_type(&v->line, (uint32_t)key);
		return true;
	case ACTION_SEND: send(u); return true;
	case ACTION_LEAVE: leave(u); return true;
	case ACTION_EDITOR: write_in_editor(u); return true;
	case ACTION_COMPLETE: /* to the sources: the line is no place for words to complete */
		v->typing = false;
		ui_act(u, ACTION_NEXT_SOURCE, NULL);
		return true;
	case ACTION_PAGE_UP:
	case ACTION_PAGE_DOWN: pager_move(&v->page, a); return true;
	default:
		if (edit_do(&v->line, a, u->columns - 2))
			return true;
		/* An editing key that has nothing to do is still no other key. */
		return a >= ACTION_SEND;
	}
}

void chat_paste(ui *u, const char *text, size_t n)
{
	u->chat.typing = true;
	edit_insert(&u->chat.line, text, n);
}

/* ---- actions ---- */

static void select_source(ui *u, int by)
{
	chat_view *v = &u->chat;
	int width = v->width;

	if (!v->sources) {
		ui_say(u, SAY_PLAIN, "no sources yet");
		return;
	}
	if (v->source >= 0) {
		v->source = (v->source + by + v->sources) % v->sources;
	} else {
		/* From none, the first one of the latest answer that has any. */
		v->source = v->sources - 1;
		for (int i = u->m->turns - 1; i >= 0 && by > 0; i--)
			if (u->m->turn[i].sources) {
				v->source = v->sources - u->m->turn[i].sources;
				break;
			}
	}
	build(u, width);
	/* In sight, its text too. */
	int number = v->source, turn = 0;
	while (turn < u->m->turns && number >= u->m->turn[turn].sources)
		number -= u->m->turn[turn++].sources;
	long first = -1, last = -1;
	for (size_t i = 0; i < v->page.r.lines; i++)
		if (v->page.r.line[i].tag == tag_of(turn, number)) {
			first = first < 0 ? (long)i : first;
			last = (long)i;
		}
	v->page.follow = false;
	if (last >= v->page.top + v->page.shown)
		v->page.top = last - v->page.shown + 1;
	if (first >= 0 && first < v->page.top)
		v->page.top = first;
}

static void open_source(ui *u)
{
	const ui_source *s = chat_source(u, u->chat.source);

	if (!s) {
		chat_start_typing(u);
		return;
	}
	u->document.source = u->chat.source;
	document_show(u, s->from, s->to);
}

static void copy(ui *u)
{
	const ui_source *s = chat_source(u, u->chat.source);

	if (s)
		ui_copy_text(u, s->text, "the source");
	else if (u->m->turns && u->m->turn[u->m->turns - 1].answer)
		ui_copy_text(u, u->m->turn[u->m->turns - 1].answer, "the answer");
	else
		ui_say(u, SAY_PLAIN, "there is no answer yet to copy");
}

/* The question whose source is selected, else the last one. */
static void edit_question(ui *u)
{
	int turn = u->m->turns - 1, number = u->chat.source;

	if (turn < 0) {
		ui_say(u, SAY_PLAIN, "there is no question yet");
		return;
	}
	for (int i = 0; number >= 0 && i < u->m->turns; number -= u->m->turn[i++].sources)
		if (number < u->m->turn[i].sources)
			turn = i;
	u->chat.rewind = turn;
	edit_remember(&u->chat.line, str_text(&u->chat.line.text)); /* what was begun comes back with Up */
	edit_set(&u->chat.line, u->m->turn[turn].question);
	u->chat.typing = true;
	if (turn == u->m->turns - 1)
		ui_say(u, SAY_PLAIN, "Enter asks this instead; Esc leaves it as it was");
	else
		ui_say(u, SAY_PLAIN, "Enter asks this instead, without the %d after it; Esc leaves all as it was", u->m->turns - 1 - turn);
}

static bool handle(ui *u, action a, const char *argument)
{
	chat_view *v = &u->chat;

	(void)argument;
	if (pager_move(&v->page, a))
		return true;
	switch (a) {
	case ACTION_OPEN: open_source(u); return true;
	case ACTION_NEXT_SOURCE: select_source(u, 1); return true;
	case ACTION_PREVIOUS_SOURCE: select_source(u, -1); return true;
	case ACTION_COPY: copy(u); return true;
	case ACTION_EDIT: edit_question(u); return true;
	case ACTION_EDITOR: write_in_editor(u); return true;
	case ACTION_REGENERATE:
		if (u->m->turns)
			ui_request_id(u, ASK_REGENERATE, 0);
		else
			ui_say(u, SAY_PLAIN, "there is no question yet");
		return true;
	case ACTION_REMOVE:
		if (u->m->conversation)
			prompt_confirm(u, ASK_REMOVE_CONVERSATION, u->m->conversation, "Delete this conversation?");
		else
			ui_say(u, SAY_PLAIN, "nothing of this conversation is stored yet");
		return true;
	case ACTION_STOP:
		if (!ui_esc_stops(u) && v->source >= 0) {
			v->source = -1;
			build(u, v->width);
			return true;
		}
		return false;
	default: return false;
	}
}

static void click(ui *u, int y, int x, bool twice)
{
	chat_view *v = &u->chat;
	size_t i = (size_t)(v->page.top + y);

	(void)x;
	(void)twice;
	v->typing = y > v->page.shown;
	if (y >= v->page.shown || i >= v->page.r.lines)
		return;
	int tag = v->page.r.line[i].tag, turn = tag / TAG_SOURCES, source = tag % TAG_SOURCES - 1, number = source;
	if (source < 0)
		return;
	for (int k = 0; k < turn; k++)
		number += u->m->turn[k].sources;
	/* The first click selects, the next one opens. */
	if (v->source == number) {
		open_source(u);
	} else {
		v->source = number;
		build(u, v->width);
	}
}

const view_ops view_chat = { "chat", "Chat", layout, draw, handle, click };

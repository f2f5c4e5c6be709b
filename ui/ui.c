#include "ui/ui_impl.h"

#include <math.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/columns.h"
#include "base/mem.h"
#include "base/number.h"
#include "ui/terminal.h"

enum { LEAST_ROWS = 12, LEAST_COLUMNS = 44 };

static const view_ops *const views[VIEWS] = {
	[VIEW_LIBRARY] = &view_library, [VIEW_CHAT] = &view_chat, [VIEW_DOCUMENT] = &view_document, [VIEW_MODELS] = &view_models,
	[VIEW_SETTINGS] = &view_settings, [VIEW_LOG] = &view_log, [VIEW_HELP] = &view_help, [VIEW_CONVERSATIONS] = &view_conversations,
};

const view_ops *view_of(ui_view v)
{
	return views[v];
}

int ui_open(ui **out, const ui_model *m, ui_host host, error *err)
{
	ui *u = mem_zeroed(1, sizeof(*u));
	int status = u ? keymap_open(&u->keys, err) : error_nomem(err, "the interface");

	*out = NULL;
	if (!status)
		status = terminal_open(err);
	if (status) {
		if (u)
			keymap_free(&u->keys);
		free(u);
		return status;
	}
	u->m = m;
	u->host = host;
	u->chat.source = u->document.source = u->chat.rewind = -1;
	u->chat.page.follow = u->log.follow = true;
	u->dirty = true;
	theme_use("default");
	*out = u;
	return 0;
}

void ui_close(ui *u)
{
	if (!u)
		return;
	terminal_close();
	keymap_free(&u->keys);
	free(u->library.filter);
	free(u->library.row);
	free(u->document.search);
	edit_free(&u->chat.line);
	rich_free(&u->chat.page.r);
	rich_free(&u->help.r);
	rich_free(&u->log.r);
	prompt_free(&u->ask);
	str_free(&u->message);
	str_free(&u->paste);
	free(u);
}

void ui_changed(ui *u)
{
	u->revision++;
	u->dirty = true;
}

/* ---- requests and messages ---- */

void ui_request_id(ui *u, ui_ask kind, int64_t id)
{
	u->host.request(u->host.ud, &(ui_request){ .kind = kind, .id = id });
}

void ui_request_text(ui *u, ui_ask kind, int64_t id, const char *text)
{
	u->host.request(u->host.ud, &(ui_request){ .kind = kind, .id = id, .text = text });
}

void ui_say(ui *u, ui_tone tone, const char *fmt, ...)
{
	va_list ap;

	str_clear(&u->message);
	va_start(ap, fmt);
	str_vputf(&u->message, fmt, ap);
	va_end(ap);
	u->tone = tone;
	u->said = clock_s();
	u->news = !u->taking;
	u->said_at = u->handled;
	u->dirty = true;
}

int ui_timeout(const ui *u)
{
	if (u->more)
		return 0;
	double left = u->message.len && u->m->work.what ? u->said + MESSAGE_S - clock_s() : -1;

	return left < 0 ? -1 : (int)ceil(left * 1000);
}

void ui_copy_text(ui *u, const char *text, const char *what)
{
	if (terminal_copy(text, strlen(text)))
		ui_say(u, SAY_GOOD, "%s is on the clipboard, if the terminal allows it (OSC 52)", what);
	else
		ui_request_text(u, ASK_SAVE_COPY, 0, text);
}

/* ---- views ---- */

void ui_go(ui *u, ui_view v)
{
	enum { MOST = sizeof(u->back) / sizeof(*u->back) };

	if (v == u->view)
		return;
	if (u->backs == MOST) {
		memmove(u->back, u->back + 1, (MOST - 1) * sizeof(*u->back));
		u->backs--;
	}
	u->back[u->backs++] = u->view;
	if (u->backs > 1 && u->back[u->backs - 2] == v) /* to and fro is no way */
		u->backs -= 2;
	u->view = v;
	if (v == VIEW_DOCUMENT)
		u->document.entry = u->document.backs;
	u->revision++; /* a view that was not shown is behind */
	u->dirty = true;
}

void ui_go_back(ui *u)
{
	u->view = u->backs ? u->back[--u->backs] : VIEW_LIBRARY;
	u->revision++;
	u->dirty = true;
}

unsigned ui_keys(const ui *u)
{
	return u->handled;
}

void ui_show_chat(ui *u)
{
	if (u->view == VIEW_LIBRARY && !u->ask.kind)
		chat_start_typing(u);
}

void ui_open_row(ui *u, int64_t id)
{
	ui_request_id(u, ASK_OPEN, id);
	if (u->view != VIEW_DOCUMENT)
		ui_go(u, VIEW_CHAT);
}

void ui_document_opened(ui *u)
{
	u->document.top = u->document.mark_from = u->document.mark_to = 0;
	u->document.found_from = u->document.found_to = 0;
	u->document.backs = u->document.entry = 0;
	u->document.source = u->chat.source = u->chat.rewind = -1;
	u->chat.page.follow = true;
	ui_changed(u);
}

void ui_history(ui *u, const char *question)
{
	edit_remember(&u->chat.line, question);
}

void ui_set_theme(ui *u, const char *name)
{
	theme_use(name);
	u->dirty = true;
}

int ui_bind(ui *u, const char *name, const char *keys, error *err)
{
	return keymap_bind(&u->keys, name, keys, err);
}

/* ---- actions ---- */

static void step_document(ui *u, int by)
{
	const library_view *l = &u->library;
	int at = -1;

	for (int i = 0; i < l->rows; i++)
		if (u->m->document[l->row[i]].id == u->m->open)
			at = i;
	if (l->rows && at + by >= 0 && at + by < l->rows)
		ui_open_row(u, u->m->document[l->row[at + by]].id);
	else
		ui_say(u, SAY_PLAIN, "no document that way");
}

/* An answer is stopped from everywhere. Reading goes on while one looks around: it is
 * paused from the library, and where a question waits for it. */
bool ui_esc_stops(const ui *u)
{
	const ui_model *m = u->m;
	bool waits = m->turns && m->turn[m->turns - 1].state == TURN_WAITING;

	return m->work.what && (!m->work.pauses || u->view == VIEW_LIBRARY || (u->view == VIEW_CHAT && waits));
}

/* Esc and Ctrl-C: what runs is stopped; when nothing does, the way back. */
static void stop_or_back(ui *u)
{
	if (ui_esc_stops(u))
		ui_request_id(u, ASK_STOP, 0);
	else if (u->view != VIEW_LIBRARY)
		ui_go_back(u);
	else
		ui_say(u, SAY_PLAIN, "q leaves folio");
}

static void open_document_named(ui *u, const char *name)
{
	for (int i = 0; i < u->m->documents; i++)
		if (!strcmp(u->m->document[i].name, name)) {
			ui_open_row(u, u->m->document[i].id);
			u->chat.typing = true;
			return;
		}
	ui_say(u, SAY_WARN, "no document is called '%s': 1 shows the library", name);
}

static void set_setting(ui *u, const char *argument)
{
	char key[64];
	size_t n = argument ? strcspn(argument, " =") : 0;

	if (!n || n >= sizeof(key) || !argument[n]) {
		ui_say(u, SAY_WARN, ":set wants a setting and its value, as in :set budget 1/8; 5 lists them");
		return;
	}
	memcpy(key, argument, n);
	key[n] = '\0';
	u->host.request(u->host.ud, &(ui_request){ .kind = ASK_SET, .text = key, .second = argument + n + strspn(argument + n, " =") });
}

static void ask_question(ui *u, const char *argument)
{
	if (!u->m->open)
		ui_say(u, SAY_WARN, "open a document first: 1 shows the library");
	else if (argument && *argument) {
		ui_go(u, VIEW_CHAT);
		ui_request_text(u, ASK_QUESTION, 0, argument);
	} else {
		chat_start_typing(u);
	}
}

/* What every view understands. */
static bool handle_shared(ui *u, action a, const char *argument)
{
	switch (a) {
	case ACTION_QUIT: ui_request_id(u, ASK_QUIT, 0); break;
	case ACTION_HELP: ui_go(u, VIEW_HELP); break;
	case ACTION_COMMAND: prompt_command(u); break;
	case ACTION_LIBRARY: ui_go(u, VIEW_LIBRARY); break;
	case ACTION_CHAT: ui_go(u, VIEW_CHAT); break;
	case ACTION_DOCUMENT:
		if (argument && *argument)
			open_document_named(u, argument);
		else
			ui_go(u, VIEW_DOCUMENT);
		break;
	case ACTION_MODELS: ui_go(u, VIEW_MODELS); break;
	case ACTION_SETTINGS: ui_go(u, VIEW_SETTINGS); break;
	case ACTION_LOG: ui_go(u, VIEW_LOG); break;
	case ACTION_CONVERSATIONS: ui_go(u, VIEW_CONVERSATIONS); break;
	case ACTION_NEXT_DOCUMENT: step_document(u, 1); break;
	case ACTION_PREVIOUS_DOCUMENT: step_document(u, -1); break;
	case ACTION_STOP: stop_or_back(u); break;
	case ACTION_BACK: ui_go_back(u); break;
	case ACTION_REDRAW: clearok(curscr, TRUE); break;
	case ACTION_SUSPEND: terminal_suspend(); break;
	case ACTION_ASK: ask_question(u, argument); break;
	case ACTION_SET: set_setting(u, argument); break;
	case ACTION_NEW:
		if (u->m->open)
			chat_start_typing(u);
		ui_request_id(u, ASK_NEW_CONVERSATION, 0);
		break;
	case ACTION_FETCH: ui_request_id(u, ASK_FETCH_MODEL, 0); break;
	case ACTION_SAMPLE: ui_request_id(u, ASK_SAMPLE, 0); break;
	case ACTION_EXPORT:
	case ACTION_EXPORT_JSON:
		u->host.request(u->host.ud, &(ui_request){ .kind = ASK_EXPORT, .number = a == ACTION_EXPORT_JSON, .text = argument ? argument : "" });
		break;
	case ACTION_ADD:
		if (argument)
			ui_request_text(u, ASK_ADD, 0, argument);
		else
			prompt_line(u, ACTION_ADD, "file or folder to read: ", "", false);
		break;
	default: return false;
	}
	return true;
}

void ui_act(ui *u, action a, const char *argument)
{
	u->dirty = true;
	if (a && !views[u->view]->handle(u, a, argument) && !handle_shared(u, a, argument))
		ui_say(u, SAY_PLAIN, "%s does nothing here; ? tells what does", action_name(a));
}

/* ---- input ---- */

static bool typing(const ui *u)
{
	return u->view == VIEW_CHAT && u->chat.typing;
}

/* What was said to a key goes with the next one. News of the work may come while one
 * types: they stay for a few. */
static void forget_message(ui *u)
{
	if (!u->news || u->handled - u->said_at > MESSAGE_KEYS)
		str_clear(&u->message);
}

static void key(ui *u, int k)
{
	str name = STR_INIT;

	u->dirty = true;
	u->handled++;
	forget_message(u);
	if (u->ask.kind) {
		prompt_key(u, k);
		return;
	}
	if (typing(u) && chat_key(u, k))
		return;
	action a = keymap_find(&u->keys, typing(u) ? "line" : views[u->view]->name, k, !typing(u));
	if (a) {
		ui_act(u, a, NULL);
		return;
	}
	key_put(&name, k);
	ui_say(u, SAY_PLAIN, "%s does nothing here; ? tells what does", str_text(&name));
	str_free(&name);
}

/* A view's title in the bar, with the key that leads there as things are. */
static void put_title(str *s, const ui *u, int v)
{
	str_clear(s);
	str_puts(s, " ");
	keymap_put_key(s, &u->keys, typing(u) ? "line" : views[u->view]->name, (action)(ACTION_LIBRARY + v));
	if (s->len > 1)
		str_puts(s, " ");
	str_putf(s, "%s ", views[v]->title);
}

/* Which view's title in the bar stands at column x; -1: none. */
static int bar_view(const ui *u, int x)
{
	int at = 7, found = -1;
	str s = STR_INIT;

	for (int v = 0; v <= VIEW_LOG && found < 0; v++) {
		put_title(&s, u, v);
		int width = columns_text(str_text(&s), s.len);
		if (x >= at && x < at + width && at + width <= u->columns)
			found = v;
		at += width;
	}
	str_free(&s);
	return found;
}

static void mouse(ui *u, const input_event *e)
{
	u->dirty = true;
	u->handled++;
	if (e->wheel) {
		for (int i = 0; i < 3; i++)
			views[u->view]->handle(u, e->wheel < 0 ? ACTION_UP : ACTION_DOWN, NULL);
		return;
	}
	if (e->y == 0 && bar_view(u, e->x) >= 0)
		ui_go(u, (ui_view)bar_view(u, e->x));
	else if (e->y >= 1 && e->y < u->rows - 2 && !u->ask.kind && views[u->view]->click)
		views[u->view]->click(u, e->y - 1, e->x, e->twice);
}

static void paste(ui *u)
{
	u->dirty = true;
	u->handled++;
	if (u->ask.kind)
		prompt_paste(u, str_text(&u->paste), u->paste.len);
	else if (u->view == VIEW_CHAT)
		chat_paste(u, str_text(&u->paste), u->paste.len);
	else
		ui_say(u, SAY_PLAIN, "nothing takes a paste here; i writes a question");
}

bool ui_input(ui *u)
{
	/* So many at once, then what they did is drawn: a held key must be seen to work. */
	u->more = false;
	u->taking = true;
	for (int n = 0; n < 256; n++) {
		input_event e = terminal_input(&u->paste);
		switch (e.kind) {
		case INPUT_NONE:
		case INPUT_CLOSED: u->taking = false; return e.kind == INPUT_NONE;
		case INPUT_KEY: key(u, e.key); break;
		case INPUT_PASTE: paste(u); break;
		case INPUT_MOUSE: mouse(u, &e); break;
		case INPUT_RESIZE: ui_changed(u); break;
		}
	}
	u->taking = false;
	u->more = true;
	return true;
}

/* ---- drawing ---- */

void ui_hints(const ui *u, const canvas *c, int y, int x, const char *map, const action *a)
{
	str s = STR_INIT;

	for (; *a; a++) {
		str_clear(&s);
		keymap_put_key(&s, &u->keys, map, *a);
		if (!s.len)
			continue;
		str_putf(&s, " %s", action_name(*a));
		int width = columns_text(str_text(&s), s.len);
		if (x + width > c->columns)
			break;
		canvas_put(c, y, x, ROLE_FAINT, str_text(&s), s.len);
		x += width + 2;
	}
	str_free(&s);
}

int ui_paragraph(const canvas *c, int y, int x, ui_role role, const char *text)
{
	rich r = { 0 };

	rich_begin(&r, c->columns - x - 1);
	rich_puts(&r, role, text);
	rich_end(&r);
	canvas part = canvas_part(c, 0, x, c->rows, c->columns - x);
	for (size_t i = 0; i < r.lines && y < c->rows; i++, y++)
		rich_draw(&r, i, &part, y, ROLE_PLAIN);
	rich_free(&r);
	return y;
}

static void draw_bar(const ui *u, const canvas *c)
{
	int x = canvas_puts(c, 0, 0, ROLE_BAR, " folio ");
	str s = STR_INIT;

	for (int v = 0; v <= VIEW_LOG; v++) {
		put_title(&s, u, v);
		if (x + columns_text(str_text(&s), s.len) > c->columns)
			break;
		x = canvas_put(c, 0, x, (int)u->view == v ? ROLE_BAR_ON : ROLE_BAR, str_text(&s), s.len);
	}
	if (u->view > VIEW_LOG && x + (int)strlen(views[u->view]->title) + 2 < c->columns)
		x = canvas_putf(c, 0, x, ROLE_BAR_ON, " %s ", views[u->view]->title);
	canvas_fill(c, 0, x, ROLE_BAR);
	str_clear(&s);
	keymap_put_key(&s, &u->keys, typing(u) ? "line" : views[u->view]->name, ACTION_HELP);
	str_puts(&s, " help");
	int width = columns_text(str_text(&s), s.len);
	if (x + width <= c->columns)
		canvas_put(c, 0, c->columns - width, ROLE_BAR, str_text(&s), s.len);
	str_free(&s);
}

static void draw_small(const canvas *c)
{
	canvas_puts(c, 0, 0, ROLE_WARN, "folio needs more room:");
	canvas_putf(c, 1, 0, ROLE_PLAIN, "%d columns, %d rows.", LEAST_COLUMNS, LEAST_ROWS);
	canvas_putf(c, 2, 0, ROLE_PLAIN, "Here are %d and %d.", c->columns, c->rows);
}

void ui_draw(ui *u)
{
	if (!u->dirty && !(u->message.len && u->m->work.what && clock_s() - u->said >= MESSAGE_S))
		return;
	u->dirty = false;
	getmaxyx(stdscr, u->rows, u->columns);
	canvas all = { 0, 0, u->rows, u->columns };
	erase();
	if (u->rows < LEAST_ROWS || u->columns < LEAST_COLUMNS) {
		draw_small(&all);
	} else {
		int says = status_message_rows(u);
		canvas bar = canvas_part(&all, 0, 0, 1, u->columns), view = canvas_part(&all, 1, 0, u->rows - 2 - says, u->columns);
		canvas message = canvas_part(&all, u->rows - 1 - says, 0, says, u->columns);
		canvas status = canvas_part(&all, u->rows - 1, 0, 1, u->columns);
		/* The library's order is what next-document goes by in every view. */
		if (u->view != VIEW_LIBRARY)
			view_library.layout(u, view.rows, view.columns);
		views[u->view]->layout(u, view.rows, view.columns);
		draw_bar(u, &bar);
		views[u->view]->draw(u, &view);
		status_draw(u, &status);
		status_draw_message(u, &message);
	}
	canvas_show_cursor();
	refresh();
	if (u->message.len && u->m->work.what && clock_s() - u->said >= MESSAGE_S)
		str_clear(&u->message);
}

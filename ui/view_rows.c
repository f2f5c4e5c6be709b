#include "ui/ui_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"

/* ---- models ---- */

enum { DETAIL_ROWS = 8 };

static void models_layout(ui *u, int rows, int columns)
{
	(void)columns;
	list_fit(&u->models.list, u->m->models, rows - 2 - DETAIL_ROWS > 2 ? rows - 2 - DETAIL_ROWS : 2);
}

static const ui_model_row *model_selected(const ui *u)
{
	return u->models.list.selected < u->m->models ? &u->m->model[u->models.list.selected] : NULL;
}

static void models_draw(const ui *u, const canvas *c)
{
	const list_state *l = &u->models.list;
	str s = STR_INIT;

	if (!u->m->models) {
		canvas_puts(c, 1, 2, ROLE_PLAIN, "No model yet.");
		int y = 3;
		if (u->m->fetch_offer) {
			str_putf(&s, "f   fetch %s", u->m->fetch_offer);
			y = ui_paragraph(c, y, 4, ROLE_PLAIN, str_text(&s));
			str_free(&s);
		}
		ui_paragraph(c, y, 4, ROLE_PLAIN, "a   add one of your own: a GGUF file or a folder with safetensors");
		return;
	}
	canvas_cell(c, 0, 2, 36, false, ROLE_HEAD, "Model");
	canvas_cell(c, 0, 39, 10, true, ROLE_HEAD, "Size");
	for (int i = 0; i < l->shown && l->top + i < u->m->models; i++) {
		const ui_model_row *m = &u->m->model[l->top + i];
		bool on = l->top + i == l->selected;
		ui_role r = on ? ROLE_SELECTED : m->missing || m->found ? ROLE_FAINT : ROLE_PLAIN;
		str_clear(&s);
		number_put_bytes(&s, m->bytes);
		canvas_fill(c, 1 + i, 0, on ? ROLE_SELECTED : ROLE_PLAIN);
		canvas_puts(c, 1 + i, 0, r, m->is_default ? "▸ " : "  ");
		canvas_cell(c, 1 + i, 2, 36, false, r, m->name);
		canvas_cell(c, 1 + i, 39, 10, true, r, str_text(&s));
		canvas_cell(c, 1 + i, 51, c->columns - 51, false, r, m->missing ? "file is gone" : m->is_default ? "in use" : m->found ? "found on this machine" : "");
	}
	int y = 2 + (l->shown < u->m->models ? l->shown : u->m->models);
	canvas_rule(c, y);
	if (model_selected(u))
		ui_paragraph(c, y + 1, 2, ROLE_PLAIN, model_selected(u)->details);
	ui_hints(u, c, c->rows - 1, 2, "models", (action[]){ ACTION_USE, ACTION_ADD, ACTION_FETCH, ACTION_REMOVE, ACTION_NONE });
	str_free(&s);
}

static bool models_handle(ui *u, action a, const char *argument)
{
	const ui_model_row *m = model_selected(u);

	if (list_move(&u->models.list, a, u->m->models))
		return true;
	switch (a) {
	case ACTION_ADD:
		if (argument && *argument)
			ui_request_text(u, ASK_ADD_MODEL, 0, argument);
		else if (!argument)
			prompt_line(u, ACTION_ADD, "model file or folder: ", "", false);
		return true;
	case ACTION_USE:
	case ACTION_OPEN:
		if (m && m->found)
			u->host.request(u->host.ud, &(ui_request){ .kind = ASK_ADD_MODEL, .number = 1, .text = m->path });
		else if (m)
			ui_request_id(u, ASK_USE_MODEL, m->id);
		return true;
	case ACTION_REMOVE:
		if (m && m->found)
			ui_say(u, SAY_PLAIN, "%s is not in the library: Enter adds and uses it", m->name);
		else if (m)
			prompt_confirm(u, ASK_REMOVE_MODEL, m->id, "Forget the model %s?", m->name);
		return true;
	default: return false;
	}
}

static void models_click(ui *u, int y, int x, bool twice)
{
	list_state *l = &u->models.list;

	(void)x;
	if (y < 1 || y > l->shown || l->top + y - 1 >= u->m->models)
		return;
	l->selected = l->top + y - 1;
	if (twice)
		models_handle(u, ACTION_USE, NULL);
}

const view_ops view_models = { "models", "Models", models_layout, models_draw, models_handle, models_click };

/* ---- settings ---- */

static void settings_layout(ui *u, int rows, int columns)
{
	(void)columns;
	list_fit(&u->settings.list, u->m->settings, rows - 5);
}

static void settings_draw(const ui *u, const canvas *c)
{
	const list_state *l = &u->settings.list;

	for (int i = 0; i < l->shown && l->top + i < u->m->settings; i++) {
		const ui_setting *one = &u->m->setting[l->top + i];
		bool on = l->top + i == l->selected;
		canvas_fill(c, i, 0, on ? ROLE_SELECTED : ROLE_PLAIN);
		canvas_cell(c, i, 2, 16, false, on ? ROLE_SELECTED : ROLE_PLAIN, one->key);
		canvas_cell(c, i, 19, 20, false, on ? ROLE_SELECTED : ROLE_STRONG, *one->value ? one->value : "(auto)");
		canvas_cell(c, i, 40, c->columns - 41, false, on ? ROLE_SELECTED : ROLE_FAINT, one->effect);
	}
	int y = l->shown < u->m->settings ? l->shown : u->m->settings, below = u->m->settings - l->top - l->shown;
	canvas_rule(c, y);
	if (below > 0)
		canvas_putf(c, y, 2, ROLE_FAINT, " %d more below ", below);
	if (l->selected < u->m->settings)
		y = ui_paragraph(c, y + 1, 2, ROLE_PLAIN, u->m->setting[l->selected].help);
	if (l->selected < u->m->settings)
		ui_paragraph(c, y, 2, ROLE_FAINT, u->m->setting[l->selected].effect);
	ui_hints(u, c, c->rows - 1, 2, "settings", (action[]){ ACTION_MORE, ACTION_LESS, ACTION_OPEN, ACTION_RESET, ACTION_NONE });
}

static void settings_set(ui *u, const ui_setting *s, const char *value)
{
	u->host.request(u->host.ud, &(ui_request){ .kind = ASK_SET, .text = s->key, .second = value });
}

static void settings_type(ui *u, const ui_setting *s)
{
	str label = STR_INIT;

	str_putf(&label, "%s: ", s->key);
	prompt_line(u, ACTION_OPEN, str_text(&label), s->value, false);
	str_free(&label);
}

/* The next of the setting's usual values; from one that is not among them, the first. */
static void settings_step(ui *u, const ui_setting *s, int by)
{
	int n = 0, at = -1;

	if (!s->choice) {
		settings_type(u, s);
		return;
	}
	for (; s->choice[n]; n++)
		if (!strcmp(s->choice[n], s->value))
			at = n;
	int to = at < 0 ? (by > 0 ? 0 : n - 1) : at + by;
	if (to < 0 || to >= n)
		ui_say(u, SAY_PLAIN, "%s goes no further; Enter types a value", s->key);
	else
		settings_set(u, s, s->choice[to]);
}

static bool settings_handle(ui *u, action a, const char *argument)
{
	const ui_setting *s = u->settings.list.selected < u->m->settings ? &u->m->setting[u->settings.list.selected] : NULL;

	if (list_move(&u->settings.list, a, u->m->settings))
		return true;
	if (!s)
		return false;
	switch (a) {
	case ACTION_OPEN:
		if (argument)
			settings_set(u, s, argument);
		else
			settings_type(u, s);
		return true;
	case ACTION_MORE: settings_step(u, s, 1); return true;
	case ACTION_LESS: settings_step(u, s, -1); return true;
	case ACTION_RESET: settings_set(u, s, NULL); return true;
	default: return false;
	}
}

static void settings_click(ui *u, int y, int x, bool twice)
{
	list_state *l = &u->settings.list;

	(void)x;
	if (y >= l->shown || l->top + y >= u->m->settings)
		return;
	l->selected = l->top + y;
	if (twice)
		settings_handle(u, ACTION_OPEN, NULL);
}

const view_ops view_settings = { "settings", "Settings", settings_layout, settings_draw, settings_handle, settings_click };

/* ---- conversations ---- */

static void conversations_layout(ui *u, int rows, int columns)
{
	(void)columns;
	list_fit(&u->conversations.list, u->m->conversation_count, rows - 2);
}

static void conversations_draw(const ui *u, const canvas *c)
{
	const list_state *l = &u->conversations.list;
	str s = STR_INIT;

	if (!u->m->conversation_count) {
		canvas_puts(c, 1, 2, ROLE_PLAIN, u->m->open ? "No conversation about this document yet: i writes a question."
		                                            : "No document is open. 1 shows the library.");
		return;
	}
	canvas_cell(c, 0, 2, 17, false, ROLE_HEAD, "Last asked");
	canvas_cell(c, 0, 20, 6, true, ROLE_HEAD, "Turns");
	canvas_cell(c, 0, 28, 20, false, ROLE_HEAD, "First question");
	for (int i = 0; i < l->shown && l->top + i < u->m->conversation_count; i++) {
		const ui_conversation *one = &u->m->conversations[l->top + i];
		ui_role r = l->top + i == l->selected ? ROLE_SELECTED : ROLE_PLAIN;
		char turns[16];
		str_clear(&s);
		number_put_time(&s, one->used);
		snprintf(turns, sizeof(turns), "%d", one->turns);
		canvas_fill(c, 1 + i, 0, r);
		canvas_puts(c, 1 + i, 0, r, one->id == u->m->conversation ? "▸ " : "  ");
		canvas_cell(c, 1 + i, 2, 17, false, r, str_text(&s));
		canvas_cell(c, 1 + i, 20, 6, true, r, turns);
		canvas_cell(c, 1 + i, 28, c->columns - 29, false, r, one->title);
	}
	ui_hints(u, c, c->rows - 1, 2, "conversations", (action[]){ ACTION_OPEN, ACTION_NEW, ACTION_REMOVE, ACTION_BACK, ACTION_NONE });
	str_free(&s);
}

static bool conversations_handle(ui *u, action a, const char *argument)
{
	int i = u->conversations.list.selected;
	const ui_conversation *one = i < u->m->conversation_count ? &u->m->conversations[i] : NULL;

	(void)argument;
	if (list_move(&u->conversations.list, a, u->m->conversation_count))
		return true;
	switch (a) {
	case ACTION_OPEN:
		if (one) {
			ui_request_id(u, ASK_OPEN_CONVERSATION, one->id);
			chat_start_typing(u);
		}
		return true;
	case ACTION_NEW:
		ui_request_id(u, ASK_NEW_CONVERSATION, 0);
		chat_start_typing(u);
		return true;
	case ACTION_REMOVE:
		if (one)
			prompt_confirm(u, ASK_REMOVE_CONVERSATION, one->id, "Delete the conversation \"%s\"?", one->title);
		return true;
	default: return false;
	}
}

static void conversations_click(ui *u, int y, int x, bool twice)
{
	list_state *l = &u->conversations.list;

	(void)x;
	if (y < 1 || l->top + y - 1 >= u->m->conversation_count)
		return;
	l->selected = l->top + y - 1;
	if (twice)
		conversations_handle(u, ACTION_OPEN, NULL);
}

const view_ops view_conversations = { "conversations", "Conversations", conversations_layout, conversations_draw,
	                              conversations_handle, conversations_click };

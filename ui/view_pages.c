#include "ui/ui_impl.h"

#include <string.h>
#include <time.h>

/* ---- help: made from the one table of actions ---- */

static void put_map(rich *r, const keymap *k, const char *map, const char *title)
{
	str keys = STR_INIT;
	bool any = false;

	for (int a = 1; a < ACTION_END; a++) {
		str_clear(&keys);
		keymap_put_keys(&keys, k, map, (action)a);
		if (!keys.len)
			continue;
		if (!any) {
			rich_indent(r, 1, 1);
			rich_puts(r, ROLE_HEAD, title);
			rich_end(r);
			any = true;
		}
		rich_indent(r, 3, 38);
		rich_putf(r, ROLE_STRONG, "%-16s", str_text(&keys));
		rich_putf(r, ROLE_FAINT, " %-18s", action_name((action)a));
		rich_puts(r, ROLE_PLAIN, action_help((action)a));
		rich_end(r);
	}
	if (any)
		rich_blank(r);
	str_free(&keys);
}

/* What has no key is still there behind ":". */
static void put_commands(rich *r)
{
	rich_indent(r, 1, 1);
	rich_puts(r, ROLE_HEAD, "Typed after :");
	rich_end(r);
	for (int a = 1; a < ACTION_END; a++) {
		if (!action_argument((action)a))
			continue;
		rich_indent(r, 3, 38);
		rich_putf(r, ROLE_STRONG, ":%s %s", action_name((action)a), action_argument((action)a));
		rich_putf(r, ROLE_PLAIN, "%*s%s", (int)(33 - strlen(action_name((action)a)) - strlen(action_argument((action)a))), "",
		          action_help((action)a));
		rich_end(r);
	}
	rich_indent(r, 3, 3);
	rich_puts(r, ROLE_FAINT, "Every other action by its name too; a number goes to that line of the document.");
	rich_end(r);
}

static void help_layout(ui *u, int rows, int columns)
{
	rich *r = &u->help.r;
	/* The view that one came from comes first. */
	ui_view from = u->backs ? u->back[u->backs - 1] : VIEW_LIBRARY;
	str title = STR_INIT;

	rich_begin(r, columns);
	str_putf(&title, "In %s", view_of(from)->title);
	put_map(r, &u->keys, view_of(from)->name, str_text(&title));
	if (from == VIEW_CHAT)
		put_map(r, &u->keys, "line", "While writing a question");
	put_map(r, &u->keys, "generic", "Everywhere");
	for (int i = 1; keymap_name(i); i++)
		if (strcmp(keymap_name(i), view_of(from)->name) && (from != VIEW_CHAT || strcmp(keymap_name(i), "line"))) {
			str_clear(&title);
			str_putf(&title, "In %s", keymap_name(i));
			put_map(r, &u->keys, keymap_name(i), strcmp(keymap_name(i), "line") ? str_text(&title) : "While writing a line");
		}
	put_commands(r);
	str_free(&title);
	pager_fit(&u->help, rows);
}

static void help_draw(const ui *u, const canvas *c)
{
	pager_draw(&u->help, c);
}

static bool help_handle(ui *u, action a, const char *argument)
{
	(void)argument;
	if (pager_move(&u->help, a)) {
		u->help.follow = false;
		return true;
	}
	if (a == ACTION_HELP || a == ACTION_STOP) {
		ui_go_back(u);
		return true;
	}
	return false;
}

const view_ops view_help = { "help", "Help", help_layout, help_draw, help_handle, NULL };

/* ---- log ---- */

static void log_layout(ui *u, int rows, int columns)
{
	static const ui_role tones[] = { ROLE_PLAIN, ROLE_GOOD, ROLE_WARN, ROLE_BAD };
	rich *r = &u->log.r;

	rich_begin(r, columns);
	for (int i = 0; i < u->m->logs; i++) {
		const ui_log_line *l = &u->m->log[i];
		char at[16] = "";
		struct tm tm;
		time_t t = (time_t)l->at;
		if (localtime_r(&t, &tm))
			strftime(at, sizeof(at), "%H:%M:%S  ", &tm);
		rich_indent(r, 1, 11);
		rich_puts(r, ROLE_FAINT, at);
		rich_puts(r, tones[l->tone], l->text);
		rich_end(r);
	}
	pager_fit(&u->log, rows);
}

static void log_draw(const ui *u, const canvas *c)
{
	if (!u->m->logs)
		canvas_puts(c, 1, 2, ROLE_FAINT, "Nothing happened yet.");
	pager_draw(&u->log, c);
}

static bool log_handle(ui *u, action a, const char *argument)
{
	(void)argument;
	return pager_move(&u->log, a);
}

const view_ops view_log = { "log", "Log", log_layout, log_draw, log_handle, NULL };

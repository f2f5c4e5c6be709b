#include "ui/ui_impl.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/columns.h"

void prompt_close(ui *u)
{
	free(u->ask.label);
	u->ask.label = NULL;
	u->ask.kind = PROMPT_NONE;
	u->ask.live = false;
	edit_clear(&u->ask.line);
	u->dirty = true;
}

void prompt_free(prompt *p)
{
	free(p->label);
	edit_free(&p->line);
}

static void begin(ui *u, prompt_kind kind, const char *label, const char *text)
{
	prompt_close(u);
	u->ask.kind = kind;
	u->ask.label = strdup(label);
	edit_set(&u->ask.line, text);
	str_clear(&u->message);
}

void prompt_line(ui *u, action a, const char *label, const char *text, bool live)
{
	begin(u, PROMPT_ACTION, label, text);
	u->ask.action = a;
	u->ask.live = live;
}

void prompt_command(ui *u)
{
	begin(u, PROMPT_COMMAND, ":", "");
}

static void confirm(ui *u, const ui_request *r, const char *fmt, va_list ap)
{
	str s = STR_INIT;

	str_vputf(&s, fmt, ap);
	str_puts(&s, " (y/n) ");
	begin(u, PROMPT_CONFIRM, str_text(&s), "");
	u->ask.request = *r;
	str_free(&s);
}

void prompt_confirm(ui *u, ui_ask kind, int64_t id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	confirm(u, &(ui_request){ .kind = kind, .id = id }, fmt, ap);
	va_end(ap);
}

void ui_confirm(ui *u, int64_t id, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	confirm(u, &(ui_request){ .kind = ASK_PROCEED, .id = id, .number = 1 }, fmt, ap);
	va_end(ap);
}

/* ---- completion ---- */

typedef struct {
	str common; /* what all candidates begin with */
	str list;   /* "add, ask" */
	int n;
} candidates;

static void candidate(candidates *k, const char *text)
{
	size_t i = 0;

	if (k->n++ == 0) {
		str_puts(&k->common, text);
	} else {
		while (i < k->common.len && text[i] == k->common.data[i])
			i++;
		str_truncate(&k->common, i);
	}
	if (k->list.len < 400)
		str_putf(&k->list, "%s%s", k->list.len ? "  " : "", text);
}

static void find_paths(candidates *k, const char *word)
{
	const char *slash = strrchr(word, '/'), *rest = slash ? slash + 1 : word, *home = getenv("HOME");
	str folder = STR_INIT, one = STR_INIT;
	struct dirent *d;
	struct stat st;

	if (!strncmp(word, "~/", 2) && home)
		str_putf(&folder, "%s/%.*s", home, slash > word + 1 ? (int)(slash - word - 1) : 0, word + 2);
	else
		str_putf(&folder, "%.*s", slash ? (int)(slash - word + 1) : 1, slash ? word : ".");
	DIR *dir = opendir(str_text(&folder));
	while (dir && (d = readdir(dir))) {
		if (strncmp(d->d_name, rest, strlen(rest)) || (d->d_name[0] == '.' && rest[0] != '.') || !strcmp(d->d_name, ".") ||
		    !strcmp(d->d_name, ".."))
			continue;
		bool sub = fstatat(dirfd(dir), d->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
		str_clear(&one);
		str_putf(&one, "%.*s%s%s", slash ? (int)(slash - word + 1) : 0, word, d->d_name, sub ? "/" : "");
		candidate(k, str_text(&one));
	}
	if (dir)
		closedir(dir);
	str_free(&folder);
	str_free(&one);
}

static void find_words(candidates *k, const ui *u, action a, const char *word)
{
	size_t n = strlen(word);

	if (a == ACTION_ADD || a == ACTION_EXPORT || a == ACTION_EXPORT_JSON)
		find_paths(k, word);
	for (int i = 1; a == ACTION_NONE && i < ACTION_END; i++)
		if (!strncmp(action_name((action)i), word, n))
			candidate(k, action_name((action)i));
	for (int i = 0; a == ACTION_SET && i < u->m->settings; i++)
		if (!strncmp(u->m->setting[i].key, word, n))
			candidate(k, u->m->setting[i].key);
	for (int i = 0; a == ACTION_DOCUMENT && i < u->m->documents; i++)
		if (!strncmp(u->m->document[i].name, word, n))
			candidate(k, u->m->document[i].name);
}

static void complete(ui *u)
{
	prompt *p = &u->ask;
	candidates k = { 0 };
	const char *text = str_text(&p->line.text), *word = text;
	action a = p->action;

	if (p->kind == PROMPT_COMMAND) {
		const char *space = strchr(text, ' ');
		a = space ? action_find(text, (size_t)(space - text)) : ACTION_NONE;
		word = space ? space + 1 : text;
		if (space && !a)
			return;
	}
	find_words(&k, u, a, word);
	if (k.n) {
		str full = STR_INIT;
		str_putf(&full, "%.*s%s", (int)(word - text), text, str_text(&k.common));
		if (k.n == 1 && p->kind == PROMPT_COMMAND && word == text && action_argument(action_find(str_text(&k.common), k.common.len)))
			str_putc(&full, ' ');
		edit_set(&p->line, str_text(&full));
		str_free(&full);
	}
	if (k.n != 1)
		ui_say(u, SAY_PLAIN, "%s", k.n ? str_text(&k.list) : "nothing begins like that");
	else
		str_clear(&u->message);
	str_free(&k.common);
	str_free(&k.list);
}

/* ---- keys ---- */

static void run_command(ui *u, const char *text)
{
	size_t n = strcspn(text, " ");
	const char *rest = text + n + strspn(text + n, " ");
	action a = action_find(text, n);
	char *end;
	long line = strtol(text, &end, 10);

	if (!*text)
		return;
	if (line > 0 && !*end) {
		ui_go(u, VIEW_DOCUMENT);
		ui_act(u, ACTION_GOTO, text);
	} else if (!a) {
		ui_say(u, SAY_WARN, "there is no action '%.*s': Tab completes, ? lists them", (int)n, text);
	} else if (!action_argument(a) && *rest) {
		ui_say(u, SAY_WARN, "%s takes nothing behind it", action_name(a));
	} else {
		ui_act(u, a, *rest ? rest : NULL);
	}
}

static void accept(ui *u)
{
	prompt_kind kind = u->ask.kind;
	action a = u->ask.action;
	char *text = strdup(str_text(&u->ask.line.text));

	edit_remember(&u->ask.line, text ? text : "");
	prompt_close(u);
	if (text && kind == PROMPT_COMMAND)
		run_command(u, text);
	else if (text)
		ui_act(u, a, text);
	free(text);
}

static void refuse(ui *u)
{
	action a = u->ask.action;
	bool live = u->ask.live, confirming = u->ask.kind == PROMPT_CONFIRM;
	ui_request r = u->ask.request;

	prompt_close(u);
	if (live)
		ui_act(u, a, "");
	if (confirming && r.kind == ASK_PROCEED) {
		r.number = 0;
		u->host.request(u->host.ud, &r);
	}
}

static void changed(ui *u)
{
	if (u->ask.live) {
		char *text = strdup(str_text(&u->ask.line.text));
		if (text)
			view_of(u->view)->handle(u, u->ask.action, text);
		free(text);
	}
}

void prompt_key(ui *u, int key)
{
	action a = keymap_find(&u->keys, "line", key, false);

	if (u->ask.kind == PROMPT_CONFIRM) {
		ui_request r = u->ask.request;
		if (key == 'y' || key == 'Y') {
			prompt_close(u);
			u->host.request(u->host.ud, &r);
		} else if (key == 'n' || key == 'N' || a == ACTION_LEAVE) {
			refuse(u);
		}
		return;
	}
	if (a == ACTION_SEND)
		accept(u);
	else if (a == ACTION_LEAVE || (a == ACTION_ERASE && !u->ask.line.text.len))
		refuse(u);
	else if (a == ACTION_COMPLETE)
		complete(u);
	else if (a == ACTION_NEWLINE)
		return;
	else if (a && edit_do(&u->ask.line, a, 1 << 20))
		changed(u);
	else if (!a && key >= 32 && key < KEY_CODE) {
		edit_type(&u->ask.line, (uint32_t)key);
		changed(u);
	}
}

void prompt_paste(ui *u, const char *text, size_t n)
{
	if (u->ask.kind == PROMPT_CONFIRM)
		return;
	/* One line is asked for. */
	edit_insert(&u->ask.line, text, strcspn(text, "\r\n") < n ? strcspn(text, "\r\n") : n);
	changed(u);
}

void prompt_draw(const ui *u, const canvas *c)
{
	const prompt *p = &u->ask;

	if (p->kind == PROMPT_CONFIRM) {
		ui_paragraph(c, 0, 0, ROLE_PROMPT, p->label ? p->label : "");
		return;
	}
	int x = canvas_puts(c, 0, 0, ROLE_PROMPT, p->label ? p->label : "");
	int room = c->columns - x - 1, from = 0;
	const char *text = str_text(&p->line.text);

	/* The cursor stays in sight: what is left of it goes first. */
	int at = columns_text(text, p->line.at);
	if (at > room)
		from = (int)columns_fit(text, p->line.text.len, at - room);
	int end = canvas_put(c, 0, x, ROLE_PLAIN, text + from, p->line.text.len - (size_t)from);
	canvas_cursor(c, 0, x + columns_text(text + from, p->line.at - (size_t)from));
	if (u->message.len && end + 4 < c->columns)
		canvas_putf(c, 0, end + 3, ROLE_FAINT, "%s", u->message.data);
}

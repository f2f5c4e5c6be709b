#include "ui/action.h"

#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

typedef struct {
	const char *name, *argument, *help;
} action_row;

static const action_row rows[ACTION_END] = {
	[ACTION_NONE] = { "none", NULL, "" },
#define X(id, name, arg, help) [ACTION_##id] = { name, arg, help },
	UI_ACTIONS(X)
#undef X
};

const char *action_name(action a)
{
	return rows[a].name;
}

const char *action_help(action a)
{
	return rows[a].help;
}

const char *action_argument(action a)
{
	return rows[a].argument;
}

action action_find(const char *name, size_t n)
{
	for (int a = 1; a < ACTION_END; a++)
		if (strlen(rows[a].name) == n && !memcmp(rows[a].name, name, n))
			return (action)a;
	return ACTION_NONE;
}

/* ---- names of keys ---- */

static const struct {
	const char *name;
	int key;
} named[] = {
	{ "Enter", '\r' }, { "Tab", '\t' }, { "Esc", 27 }, { "Space", ' ' }, { "BackSpace", KEY_CODE | KEY_BACKSPACE },
	{ "Up", KEY_CODE | KEY_UP }, { "Down", KEY_CODE | KEY_DOWN }, { "Left", KEY_CODE | KEY_LEFT },
	{ "Right", KEY_CODE | KEY_RIGHT }, { "PgUp", KEY_CODE | KEY_PPAGE }, { "PgDn", KEY_CODE | KEY_NPAGE },
	{ "Home", KEY_CODE | KEY_HOME }, { "End", KEY_CODE | KEY_END }, { "Del", KEY_CODE | KEY_DC },
	{ "Ins", KEY_CODE | KEY_IC }, { "S-Tab", KEY_CODE | KEY_BTAB },
};

enum { NAMED = sizeof(named) / sizeof(*named) };

int key_parse(const char *name)
{
	size_t n = strlen(name);
	uint32_t cp;
	bool ok;
	char *end;

	if (!strncmp(name, "M-", 2) && n > 2) {
		int key = key_parse(name + 2);
		return key ? key | KEY_ALT : 0;
	}
	if (!strncmp(name, "C-", 2) && n == 3 && name[2] >= '@' && name[2] <= 'z')
		return (name[2] & 31) == 13 ? '\r' : name[2] & 31;
	for (int i = 0; i < NAMED; i++)
		if (!strcmp(named[i].name, name))
			return named[i].key;
	if (name[0] == 'F' && n > 1) {
		long f = strtol(name + 1, &end, 10);
		if (!*end)
			return f >= 1 && f <= 24 ? KEY_CODE | KEY_F((int)f) : 0;
	}
	if (n == 0 || (size_t)utf8_decode(&cp, &ok, name, n) != n || !ok || cp < 33)
		return 0;
	return (int)cp;
}

void key_put(str *out, int key)
{
	char utf8[4];

	if (key & KEY_ALT)
		str_puts(out, "M-");
	key &= ~KEY_ALT;
	for (int i = 0; i < NAMED; i++)
		if (named[i].key == key) {
			str_puts(out, named[i].name);
			return;
		}
	if (key >= (KEY_CODE | KEY_F(1)) && key <= (KEY_CODE | KEY_F(24)))
		str_putf(out, "F%d", key - (KEY_CODE | KEY_F0));
	else if (key & KEY_CODE)
		str_putf(out, "key %d", key & ~KEY_CODE);
	else if (key < 32)
		str_putf(out, "C-%c", key + (key >= 1 && key <= 26 ? 'a' - 1 : '@'));
	else
		str_put(out, utf8, (size_t)utf8_encode(utf8, (uint32_t)key));
}

/* ---- bindings ---- */

static const char *const maps[] = { "generic", "library",  "chat",          "line", "document",
	                            "models",  "settings", "conversations", "help", "log" };

const char *keymap_name(int i)
{
	return i >= 0 && i < (int)(sizeof(maps) / sizeof(*maps)) ? maps[i] : NULL;
}

/* map, action, keys */
static const struct {
	const char *map;
	action action;
	const char *keys;
} standard[] = {
	{ "generic", ACTION_HELP, "? F1" }, { "generic", ACTION_COMMAND, ":" }, { "generic", ACTION_QUIT, "q" },
	{ "generic", ACTION_LIBRARY, "1 F2" }, { "generic", ACTION_CHAT, "2 F3" }, { "generic", ACTION_DOCUMENT, "3 F4" },
	{ "generic", ACTION_MODELS, "4 F5" }, { "generic", ACTION_SETTINGS, "5 F6" }, { "generic", ACTION_LOG, "6 F7" },
	{ "generic", ACTION_NEXT_DOCUMENT, "]" }, { "generic", ACTION_PREVIOUS_DOCUMENT, "[" },
	{ "generic", ACTION_STOP, "Esc C-c" }, { "generic", ACTION_BACK, "BackSpace" }, { "generic", ACTION_REDRAW, "C-l" },
	{ "generic", ACTION_SUSPEND, "C-z" }, { "generic", ACTION_UP, "k Up" }, { "generic", ACTION_DOWN, "j Down" },
	{ "generic", ACTION_PAGE_UP, "PgUp C-b" }, { "generic", ACTION_PAGE_DOWN, "PgDn C-f Space" },
	{ "generic", ACTION_FIRST, "g Home" }, { "generic", ACTION_LAST, "G End" },
	{ "generic", ACTION_ASK, "i" }, { "generic", ACTION_COPY, "y" },

	{ "library", ACTION_OPEN, "Enter" }, { "library", ACTION_ADD, "a" }, { "library", ACTION_SAMPLE, "S" },
	{ "library", ACTION_REREAD, "r" }, { "library", ACTION_RENAME, "R" }, { "library", ACTION_REMOVE, "d" },
	{ "library", ACTION_FILTER, "/" }, { "library", ACTION_SORT, "s" }, { "library", ACTION_FETCH, "f" },

	{ "chat", ACTION_ASK, "i a" }, { "chat", ACTION_OPEN, "Enter" }, { "chat", ACTION_NEXT_SOURCE, "Tab" },
	{ "chat", ACTION_PREVIOUS_SOURCE, "S-Tab" }, { "chat", ACTION_NEW, "c" }, { "chat", ACTION_CONVERSATIONS, "C" },
	{ "chat", ACTION_REGENERATE, "r" }, { "chat", ACTION_EDIT, "e" }, { "chat", ACTION_REMOVE, "d" },
	{ "chat", ACTION_EXPORT, "x" }, { "chat", ACTION_EXPORT_JSON, "X" }, { "chat", ACTION_EDITOR, "E" },

	{ "line", ACTION_SEND, "Enter" }, { "line", ACTION_NEWLINE, "M-Enter C-j" }, { "line", ACTION_LEAVE, "Esc C-c" },
	{ "line", ACTION_HISTORY_PREVIOUS, "Up C-p" }, { "line", ACTION_HISTORY_NEXT, "Down C-n" },
	{ "line", ACTION_EDITOR, "C-x" }, { "line", ACTION_COMPLETE, "Tab" }, { "line", ACTION_CHAR_LEFT, "Left C-b" },
	{ "line", ACTION_CHAR_RIGHT, "Right C-f" }, { "line", ACTION_WORD_LEFT, "M-b M-Left" },
	{ "line", ACTION_WORD_RIGHT, "M-f M-Right" }, { "line", ACTION_LINE_START, "Home C-a" },
	{ "line", ACTION_LINE_END, "End C-e" }, { "line", ACTION_ERASE, "BackSpace C-h" }, { "line", ACTION_DELETE, "Del C-d" },
	{ "line", ACTION_ERASE_WORD, "C-w M-BackSpace" }, { "line", ACTION_DELETE_WORD, "M-d" },
	{ "line", ACTION_CUT_START, "C-u" }, { "line", ACTION_CUT_END, "C-k" }, { "line", ACTION_INSERT_CUT, "C-y" },
	{ "line", ACTION_UNDO, "C-_" }, { "line", ACTION_PAGE_UP, "PgUp" }, { "line", ACTION_PAGE_DOWN, "PgDn" },
	{ "line", ACTION_HELP, "F1" }, { "line", ACTION_LIBRARY, "F2" }, { "line", ACTION_CHAT, "F3" },
	{ "line", ACTION_DOCUMENT, "F4" }, { "line", ACTION_MODELS, "F5" }, { "line", ACTION_SETTINGS, "F6" },
	{ "line", ACTION_LOG, "F7" }, { "line", ACTION_REDRAW, "C-l" }, { "line", ACTION_SUSPEND, "C-z" },

	{ "document", ACTION_SEARCH, "/" }, { "document", ACTION_SEARCH_NEXT, "n" }, { "document", ACTION_SEARCH_PREVIOUS, "N" },
	{ "document", ACTION_GOTO, "L" }, { "document", ACTION_NEXT_SOURCE, "Tab" }, { "document", ACTION_PREVIOUS_SOURCE, "S-Tab" },

	{ "models", ACTION_USE, "Enter u" }, { "models", ACTION_ADD, "a" }, { "models", ACTION_FETCH, "f" },
	{ "models", ACTION_REMOVE, "d" },

	{ "settings", ACTION_OPEN, "Enter" }, { "settings", ACTION_MORE, "Right + l" }, { "settings", ACTION_LESS, "Left - h" },
	{ "settings", ACTION_RESET, "0" },

	{ "conversations", ACTION_OPEN, "Enter" }, { "conversations", ACTION_REMOVE, "d" }, { "conversations", ACTION_NEW, "c" },
};

static int bind(keymap *k, const char *map, int key, action a, error *err)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->binding[i].key == key && !strcmp(k->binding[i].map, map)) {
			k->binding[i].action = a;
			return 0;
		}
	if (!MEM_GROW(k->binding, k->cap, k->n + 1))
		return error_nomem(err, "the keys");
	key_binding *b = &k->binding[k->n++];
	*b = (key_binding){ .key = key, .action = a };
	snprintf(b->map, sizeof(b->map), "%s", map);
	return 0;
}

static int bind_all(keymap *k, const char *map, action a, const char *keys, error *err)
{
	char name[32];
	int status = 0;

	for (const char *p = keys + strspn(keys, " \t"); *p && !status; p += strspn(p, " \t")) {
		size_t n = strcspn(p, " \t");
		snprintf(name, sizeof(name), "%.*s", (int)n, p);
		int key = n < sizeof(name) ? key_parse(name) : 0;
		if (!key)
			return error_set(err, ERR_ARG, "'%.*s' is no key: write x, C-x, M-x, F5, Enter, Tab, Esc, Space, Up, PgDn, ...",
			                 (int)n, p);
		status = bind(k, map, key, a, err);
		p += n;
	}
	return status;
}

int keymap_open(keymap *out, error *err)
{
	int status = 0;

	*out = (keymap){ 0 };
	for (size_t i = 0; i < sizeof(standard) / sizeof(*standard) && !status; i++)
		status = bind_all(out, standard[i].map, standard[i].action, standard[i].keys, err);
	if (status)
		keymap_free(out);
	return status;
}

void keymap_free(keymap *k)
{
	free(k->binding);
	*k = (keymap){ 0 };
}

action keymap_find(const keymap *k, const char *map, int key, bool generic)
{
	action found = ACTION_NONE;

	for (size_t i = 0; i < k->n; i++) {
		const key_binding *b = &k->binding[i];
		if (b->key != key)
			continue;
		if (!strcmp(b->map, map))
			return b->action;
		if (generic && !strcmp(b->map, "generic"))
			found = b->action;
	}
	return found;
}

int keymap_bind(keymap *k, const char *name, const char *keys, error *err)
{
	const char *dot = strchr(name, '.'), *map = NULL;

	for (int i = 0; dot && keymap_name(i); i++)
		if (strlen(keymap_name(i)) == (size_t)(dot - name) && !memcmp(keymap_name(i), name, (size_t)(dot - name)))
			map = keymap_name(i);
	action a = map ? action_find(dot + 1, strlen(dot + 1)) : ACTION_NONE;
	if (!a)
		return error_set(err, ERR_ARG, "'%s' is no place for keys: it is MAP.ACTION, such as chat.new or generic.quit", name);
	keymap before = *k;
	if (!(before.binding = mem_array(k->n, sizeof(*k->binding))))
		return error_nomem(err, "the keys");
	memcpy(before.binding, k->binding, k->n * sizeof(*k->binding));
	before.cap = k->n;
	size_t kept = 0;
	for (size_t i = 0; i < k->n; i++)
		if (k->binding[i].action != a || strcmp(k->binding[i].map, map))
			k->binding[kept++] = k->binding[i];
	k->n = kept;
	int status = bind_all(k, map, a, keys, err);
	if (status) {
		keymap_free(k);
		*k = before;
	} else {
		keymap_free(&before);
	}
	return status;
}

void keymap_put_keys(str *out, const keymap *k, const char *map, action a)
{
	bool any = false;

	for (size_t i = 0; i < k->n; i++)
		if (k->binding[i].action == a && !strcmp(k->binding[i].map, map)) {
			if (any)
				str_puts(out, ", ");
			key_put(out, k->binding[i].key);
			any = true;
		}
}

void keymap_put_key(str *out, const keymap *k, const char *map, action a)
{
	const key_binding *found = NULL;

	for (size_t i = 0; i < k->n; i++) {
		const key_binding *b = &k->binding[i];
		if (b->action != a)
			continue;
		if (!strcmp(b->map, map)) {
			found = b;
			break;
		}
		if (!found && !strcmp(b->map, "generic"))
			found = b;
	}
	if (found)
		key_put(out, found->key);
}

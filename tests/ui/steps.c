#include "tests/ui/play.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"

/* Longest wait for something that is said to come; under sanitizers on a busy machine
 * things take their time. */
#define WAIT_S 60

/* ---- waiting ---- */

static bool has(const play *p, const char *text)
{
	str s = STR_INIT;

	terminal_text(&s, p->t);
	bool there = strstr(str_text(&s), text) != NULL;
	str_free(&s);
	return there;
}

bool play_until(play *p, const char *text, bool there, double seconds)
{
	double end = clock_s() + seconds;

	while (has(p, text) != there) {
		if (clock_s() > end || terminal_wait(p->t, 0) >= 0)
			return has(p, text) == there;
		terminal_pump(p->t, 50, true);
	}
	return true;
}

void play_settle(play *p)
{
	double end = clock_s() + 0.4; /* while work goes on it never is */
	size_t before;

	do {
		before = terminal_raw(p->t)->len;
		terminal_pump(p->t, 80, false);
	} while (terminal_raw(p->t)->len != before && clock_s() < end);
}

static bool runs(play *p)
{
	return p->t || play_fail(p, "nothing runs: 'run' comes first");
}

static bool step_wait(play *p, char *text)
{
	return runs(p) && (play_until(p, text, true, WAIT_S) || play_fail(p, "'%s' did not come", text));
}

static bool step_gone(play *p, char *text)
{
	return runs(p) && (play_until(p, text, false, WAIT_S) || play_fail(p, "'%s' did not go", text));
}

static bool step_settle(play *p, char *none)
{
	(void)none;
	if (!runs(p))
		return false;
	play_settle(p);
	return true;
}

static bool step_expect(play *p, char *text)
{
	if (!runs(p))
		return false;
	play_settle(p);
	return has(p, text) || play_fail(p, "'%s' is not on the screen", text);
}

static bool step_reject(play *p, char *text)
{
	if (!runs(p))
		return false;
	play_settle(p);
	return !has(p, text) || play_fail(p, "'%s' is on the screen", text);
}

/* ---- the program ---- */

static bool step_size(play *p, char *text)
{
	if (sscanf(text, "%d %d", &p->columns, &p->rows) != 2 || p->columns < 1 || p->rows < 1)
		return play_fail(p, "'size' wants columns and rows");
	if (p->t)
		terminal_resize(p->t, p->rows, p->columns);
	return true;
}

static bool step_term(play *p, char *text)
{
	free(p->term);
	p->term = strdup(text);
	return true;
}

static bool step_env(play *p, char *text)
{
	char *value = text + strcspn(text, " ");

	(void)p;
	if (*value)
		*value++ = '\0';
	return setenv(text, value, 1) == 0;
}

/* A command before or beside the program, in the case's folder. */
static bool step_sh(play *p, char *text)
{
	str s = STR_INIT;

	str_putf(&s, "cd '%s' && { %s\n} >'%s/sh.log' 2>&1 </dev/null", p->folder, text, p->folder);
	int status = system(str_text(&s));
	str_clear(&s);
	str_putf(&s, "cat '%s/sh.log' >&2", p->folder);
	if (status)
		status = system(str_text(&s)) ? 1 : 1;
	str_free(&s);
	return !status || play_fail(p, "that command failed");
}

static bool run_argv(play *p, char *text, const char *shell)
{
	str program = STR_INIT;
	char *argv[16] = { 0 };
	int n = 0;

	if (p->t)
		return play_fail(p, "one program at a time: 'exit' comes before");
	for (char *word = strtok(text, " "); word && n < 15; word = strtok(NULL, " "))
		argv[n++] = word;
	if (!n)
		return play_fail(p, "'run' wants a program");
	str_putf(&program, "%s%s%s", shell ? "" : p->programs, shell ? "" : "/", argv[0]);
	argv[0] = program.data;
	if (chdir(p->folder))
		return play_fail(p, "no folder");
	p->started = clock_s();
	p->t = terminal_run(argv, p->term, p->rows, p->columns);
	str_free(&program);
	return p->t || play_fail(p, "it could not be started: %s", strerror(errno));
}

static bool step_run(play *p, char *text)
{
	return run_argv(p, text, NULL);
}

/* With job control, for what happens between a program and its shell. */
static bool step_shell(play *p, char *none)
{
	char line[] = "/bin/bash --norc --noprofile -i";

	(void)none;
	setenv("PS1", "ready> ", 1);
	return run_argv(p, line, "");
}

/* exit [STATUS]: it ends by itself, and the terminal is as it was. */
static bool step_exit(play *p, char *text)
{
	int want = (int)strtol(text, &text, 10), got;

	if (!runs(p))
		return false;
	got = terminal_wait(p->t, WAIT_S);
	text += strspn(text, " ");
	if (got == want && *text && !has(p, text))
		return play_fail(p, "it ended without saying '%s'", text);
	if (got != want) {
		fprintf(stderr, "%s", str_text(terminal_raw(p->t)) + (terminal_raw(p->t)->len > 4000 ? terminal_raw(p->t)->len - 4000 : 0));
		return play_fail(p, got < 0 ? "it did not end" : "it ended with %d", got);
	}
	if (*terminal_left(p->t))
		return play_fail(p, "it ended, but %s", terminal_left(p->t));
	terminal_end(p->t);
	p->t = NULL;
	return true;
}

static bool step_signal(play *p, char *text)
{
	static const struct {
		const char *name;
		int number;
	} known[] = { { "TERM", SIGTERM }, { "HUP", SIGHUP }, { "INT", SIGINT }, { "SEGV", SIGSEGV }, { "ABRT", SIGABRT }, { "KILL", SIGKILL } };

	if (!runs(p))
		return false;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i].name, text))
			return kill(terminal_pid(p->t), known[i].number) == 0;
	return play_fail(p, "no signal is called '%s'", text);
}

/* ---- input ---- */

bool play_key(str *out, const char *name)
{
	static const struct {
		const char *name, *bytes;
	} keys[] = {
		{ "Enter", "\r" }, { "Tab", "\t" }, { "Esc", "\033" }, { "Space", " " }, { "BackSpace", "\177" },
		{ "Up", "\033OA" }, { "Down", "\033OB" }, { "Right", "\033OC" }, { "Left", "\033OD" },
		{ "Home", "\033OH" }, { "End", "\033OF" }, { "PgUp", "\033[5~" }, { "PgDn", "\033[6~" }, { "Del", "\033[3~" },
		{ "S-Tab", "\033[Z" }, { "F1", "\033OP" }, { "F2", "\033OQ" }, { "F3", "\033OR" }, { "F4", "\033OS" },
		{ "F5", "\033[15~" }, { "F6", "\033[17~" }, { "F7", "\033[18~" },
	};

	if (!strncmp(name, "M-", 2) && name[2]) {
		str_putc(out, '\033');
		return play_key(out, name + 2);
	}
	if (!strncmp(name, "C-", 2) && name[2] && !name[3]) {
		str_putc(out, (char)(name[2] & 31));
		return true;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(keys[i].name, name)) {
			str_puts(out, keys[i].bytes);
			return true;
		}
	str_puts(out, name);
	return (unsigned char)name[0] >= 0x80 || !name[1];
}

static bool step_key(play *p, char *text)
{
	if (!runs(p))
		return false;
	for (char *name = strtok(text, " "); name; name = strtok(NULL, " ")) {
		str s = STR_INIT;
		bool known = play_key(&s, name);
		if (known)
			terminal_send(p->t, str_text(&s), s.len);
		/* Esc alone is told from the beginning of a key by the pause behind it. */
		play_settle(p);
		str_free(&s);
		if (!known)
			return play_fail(p, "no key is called '%s'", name);
	}
	return true;
}

/* One key, without waiting for what it does. */
static bool step_press(play *p, char *name)
{
	str s = STR_INIT;
	bool known = play_key(&s, name);

	if (runs(p) && known)
		terminal_send(p->t, str_text(&s), s.len);
	str_free(&s);
	return p->t && (known || play_fail(p, "no key is called '%s'", name));
}

/* do NAME [ARGUMENT]: an action by its name. */
static bool step_do(play *p, char *text)
{
	str s = STR_INIT;

	if (!runs(p))
		return false;
	str_putf(&s, ":%s\r", text);
	terminal_send(p->t, str_text(&s), s.len);
	str_free(&s);
	play_settle(p);
	return true;
}

/* \e, \n, \t and \xHH in what follows. */
static void unescape(str *out, const char *text)
{
	unsigned byte;

	while (*text) {
		if (text[0] != '\\' || !text[1]) {
			str_putc(out, *text++);
			continue;
		}
		switch (text[1]) {
		case 'e': str_putc(out, '\033'); break;
		case 'n': str_putc(out, '\n'); break;
		case 't': str_putc(out, '\t'); break;
		case 'x':
			if (sscanf(text + 2, "%2x", &byte) == 1)
				str_putc(out, (char)byte);
			text += 2;
			break;
		default: str_putc(out, text[1]);
		}
		text += 2;
	}
}

static bool send(play *p, const char *before, const char *text, const char *after)
{
	str s = STR_INIT;

	if (!runs(p))
		return false;
	str_puts(&s, before);
	unescape(&s, text);
	str_puts(&s, after);
	terminal_send(p->t, str_text(&s), s.len);
	str_free(&s);
	play_settle(p);
	return true;
}

static bool step_type(play *p, char *text)
{
	return send(p, "", text, "");
}

static bool step_paste(play *p, char *text)
{
	return send(p, "\033[200~", text, "\033[201~");
}

/* click ROW COLUMN [twice]; rows and columns count from 0. */
static bool step_click(play *p, char *text)
{
	int y, x;
	char report[64];
	bool twice = strstr(text, "twice") != NULL;

	if (sscanf(text, "%d %d", &y, &x) != 2)
		return play_fail(p, "'click' wants a row and a column");
	for (int i = 0; i <= twice; i++) {
		snprintf(report, sizeof(report), "\033[<0;%d;%dM\033[<0;%d;%dm", x + 1, y + 1, x + 1, y + 1);
		if (!runs(p))
			return false;
		terminal_send(p->t, report, strlen(report));
	}
	play_settle(p);
	return true;
}

static bool step_wheel(play *p, char *text)
{
	return send(p, "", !strcmp(text, "up") ? "\033[<64;10;10M" : "\033[<65;10;10M", "");
}

/* ---- what is on the screen ---- */

static bool step_mask(play *p, char *text)
{
	if (p->masks == PLAY_MASKS)
		return play_fail(p, "too many masks");
	p->mask[p->masks++] = strdup(text);
	return true;
}

/* The screen with what differs from run to run as "~". */
static bool masked(str *out, play *p)
{
	str text = STR_INIT;
	regmatch_t m;
	regex_t r;

	terminal_text(&text, p->t);
	for (int i = 0; i < p->masks; i++) {
		str next = STR_INIT;
		const char *at = str_text(&text);
		if (regcomp(&r, p->mask[i], REG_EXTENDED | REG_NEWLINE)) {
			str_free(&text);
			return play_fail(p, "'%s' is no regular expression", p->mask[i]);
		}
		while (regexec(&r, at, 1, &m, 0) == 0 && m.rm_eo > m.rm_so) {
			str_put(&next, at, (size_t)m.rm_so);
			str_puts(&next, "~");
			at += m.rm_eo;
		}
		str_puts(&next, at);
		regfree(&r);
		str_free(&text);
		text = next;
	}
	*out = text;
	return true;
}

/* golden NAME: the screen is that of screens/NAME.txt. */
static bool step_golden(play *p, char *name)
{
	str path = STR_INIT, text = STR_INIT, want = STR_INIT;
	error err;

	if (!runs(p))
		return false;
	play_settle(p);
	if (!masked(&text, p))
		return false;
	str_putf(&path, "%s/%s.txt", p->screens, name);
	bool same = file_read(&want, str_text(&path), 1 << 20, &err) == 0 && want.len == text.len && !memcmp(want.data, text.data, text.len);
	if (!same && p->update) {
		same = file_write(str_text(&path), str_text(&text), text.len, &err) == 0;
		printf("%s:%d: wrote %s\n", p->file, p->line, str_text(&path));
	} else if (!same) {
		fprintf(stderr, "---- %s ----\n%s", str_text(&path), str_text(&want));
		play_fail(p, "the screen is not %s", name);
	}
	str_free(&path);
	str_free(&text);
	str_free(&want);
	return same;
}

static bool step_cursor(play *p, char *text)
{
	int row, column, y, x;

	if (!runs(p))
		return false;
	play_settle(p);
	terminal_cursor(p->t, &y, &x);
	if (!strcmp(text, "hidden"))
		return y < 0 || play_fail(p, "the cursor shows at %d %d", y, x);
	if (sscanf(text, "%d %d", &row, &column) != 2)
		return play_fail(p, "'cursor' wants a row and a column, or 'hidden'");
	return (row == y && column == x) || play_fail(p, "the cursor is at %d %d", y, x);
}

/* look WHAT TEXT: the first place with that text has the look: bold, reverse, plain
 * (the terminal's own colours), coloured. */
static bool step_look(play *p, char *text)
{
	char *rest = text + strcspn(text, " ");
	str s = STR_INIT;
	int row = 0, column = 0;

	if (!runs(p))
		return false;
	if (*rest)
		*rest++ = '\0';
	play_settle(p);
	terminal_text(&s, p->t);
	const char *all = str_text(&s), *at = strstr(all, rest), *line = at;
	for (const char *q = all; at && q < at; q++)
		row += *q == '\n';
	while (line && line > all && line[-1] != '\n')
		line--;
	for (const char *q = line; at && q < at; q++)
		column += (*q & 0xc0) != 0x80; /* cases look at text of width one */
	bool found = at != NULL;
	str_free(&s);
	if (!found)
		return play_fail(p, "'%s' is not on the screen", rest);
	terminal_look l = terminal_look_at(p->t, row, column);
	bool plain = l.fg_default && l.bg_default;
	bool fine = !strcmp(text, "bold") ? l.bold : !strcmp(text, "reverse") ? l.reverse : !strcmp(text, "underline") ? l.underline :
	            !strcmp(text, "plain") ? plain : !strcmp(text, "coloured") ? !plain : false;
	return fine || play_fail(p, "'%s' is not %s (bold %d, reverse %d, underline %d, own colours %d)", rest, text, l.bold, l.reverse,
	                         l.underline, plain);
}

/* ---- what went to the terminal ---- */

static bool raw_has(const play *p, const char *bytes, size_t n)
{
	const str *raw = terminal_raw(p->t);

	return n && memmem(str_text(raw), raw->len, bytes, n) != NULL;
}

static bool step_raw_reject(play *p, char *text)
{
	str s = STR_INIT;

	if (!runs(p))
		return false;
	unescape(&s, text);
	bool there = raw_has(p, str_text(&s), s.len);
	str_free(&s);
	return !there || play_fail(p, "'%s' was sent to the terminal", text);
}

/* clipboard TEXT: OSC 52 put just that on it. */
static bool step_clipboard(play *p, char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	str plain = STR_INIT, s = STR_INIT;

	if (!runs(p))
		return false;
	unescape(&plain, text);
	str_puts(&s, "\033]52;c;");
	for (size_t i = 0; i < plain.len; i += 3) {
		unsigned v = 0;
		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (i + k < plain.len ? (unsigned char)plain.data[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			str_putc(&s, k > plain.len - i ? '=' : digits[v >> (18 - 6 * k) & 63]);
	}
	bool there = raw_has(p, str_text(&s), s.len);
	str_free(&plain);
	str_free(&s);
	return there || play_fail(p, "the clipboard was not given '%s'", text);
}

const step steps_basic[] = {
	{ "size", step_size },       { "term", step_term },     { "env", step_env },       { "sh", step_sh },
	{ "run", step_run },         { "shell", step_shell },   { "exit", step_exit },     { "signal", step_signal },
	{ "key", step_key },         { "press", step_press },     { "do", step_do },
	        { "type", step_type },     { "paste", step_paste },   { "click", step_click },
	{ "wheel", step_wheel },     { "wait", step_wait },     { "gone", step_gone },     { "settle", step_settle },
	{ "expect", step_expect },   { "reject", step_reject }, { "mask", step_mask },     { "golden", step_golden },
	{ "cursor", step_cursor },   { "look", step_look },     { "raw-reject", step_raw_reject }, { "clipboard", step_clipboard },
	{ NULL, NULL },
};

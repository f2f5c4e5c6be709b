#include "ui/terminal.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/file.h"
#include "ui/action.h"

enum {
	PASTE_BEGIN = 2000, /* key codes of our own, beyond curses' */
	PASTE_END,
	ALT_FIRST = 2100,   /* Alt with an arrow key and the like */
	ESCAPE_MS = 25,
	COPY_MOST = 74994,  /* the least that terminals are known to take, before base64 */
};

static struct termios before;  /* as it was when folio began */
static int errors = -1, real_errors = -1;
static SCREEN *screen;
static volatile sig_atomic_t resized;

static const int crashes[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT };

enum { CRASHES = sizeof(crashes) / sizeof(*crashes) };

/* What was written to standard error meanwhile goes where it was meant to. Safe in a
 * signal handler. */
static void pour_errors(void)
{
	char block[4096];
	ssize_t n;

	dup2(real_errors, STDERR_FILENO);
	lseek(errors, 0, SEEK_SET);
	while ((n = read(errors, block, sizeof(block))) > 0)
		if (write(STDERR_FILENO, block, (size_t)n) != n)
			break;
}

/* Only what is safe in a signal handler: the sequences end mouse reports, bracketed paste
 * and the alternate screen and show the cursor. */
static void on_crash(int number)
{
	static const char reset[] = "\033[?1000l\033[?1002l\033[?1006l\033[?2004l\033[0m\033[?25h\033[?1049l\r\n";

	(void)!write(STDOUT_FILENO, reset, sizeof(reset) - 1);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	if (errors >= 0 && real_errors >= 0)
		pour_errors();
	signal(number, SIG_DFL);
	raise(number);
}

static void on_resize(int number)
{
	(void)number;
	resized = 1;
}

/* Curses' own way misses a size that changed and came back, though what the terminal
 * showed is lost: whatever the new size is, all is drawn again. */
static bool take_resize(void)
{
	struct winsize size;

	if (!resized)
		return false;
	resized = 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	clearok(curscr, TRUE);
	return true;
}

/* What terminfo knows of xterm's kind; others would print these. */
static bool knows_paste(void)
{
	const char *term = getenv("TERM");

	return term && (strstr(term, "xterm") || strstr(term, "tmux") || strstr(term, "screen") || strstr(term, "rxvt") ||
	                strstr(term, "256color") || strstr(term, "alacritty") || strstr(term, "kitty") || strstr(term, "foot"));
}

static void modes(bool on)
{
	if (knows_paste()) {
		fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
		fflush(stdout);
	}
}

static void keys(void)
{
	static const struct {
		const char *sequence;
		int key;
	} alt[] = { { "\033[1;3D", KEY_LEFT }, { "\033[1;3C", KEY_RIGHT }, { "\033[1;3A", KEY_UP }, { "\033[1;3B", KEY_DOWN },
		    { "\033[1;5D", KEY_LEFT }, { "\033[1;5C", KEY_RIGHT } };

	define_key("\033[200~", PASTE_BEGIN);
	define_key("\033[201~", PASTE_END);
	for (size_t i = 0; i < sizeof(alt) / sizeof(*alt); i++)
		define_key(alt[i].sequence, ALT_FIRST + alt[i].key);
}

/* Text is UTF-8 whatever the locale says, if the system lets us. */
static void choose_locale(void)
{
	setlocale(LC_ALL, "");
	if (MB_CUR_MAX < 3)
		setlocale(LC_CTYPE, "C.UTF-8");
	setlocale(LC_NUMERIC, "C");
}

static void start_errors(void)
{
	FILE *f = tmpfile();

	if (!f)
		return;
	errors = dup(fileno(f));
	fclose(f);
	fflush(stderr);
	real_errors = dup(STDERR_FILENO);
	if (errors >= 0 && real_errors >= 0)
		dup2(errors, STDERR_FILENO);
}

static void replay_errors(void)
{
	if (errors < 0 || real_errors < 0)
		return;
	fflush(stderr);
	pour_errors();
	close(errors);
	close(real_errors);
	errors = real_errors = -1;
}

int terminal_open(error *err)
{
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return error_set(err, ERR_UNSUPPORTED, "there is no terminal to draw on: use `folio add PATH` and `folio ask NAME "
		                 "\"question\"`, see `folio help`");
	if (!term || !*term || !strcmp(term, "dumb"))
		return error_set(err, ERR_UNSUPPORTED, "this terminal (TERM=%s) cannot be drawn on: set TERM, or use `folio ask NAME "
		                 "\"question\"`, see `folio help`", term ? term : "");
	tcgetattr(STDIN_FILENO, &before);
	choose_locale();
	if (!(screen = newterm(NULL, stdout, stdin)))
		return error_set(err, ERR_UNSUPPORTED, "this system does not know the terminal '%s': set TERM to one that it knows, or "
		                 "use `folio ask NAME \"question\"`, see `folio help`", term);
	set_term(screen);
	for (int i = 0; i < CRASHES; i++)
		signal(crashes[i], on_crash);
	signal(SIGPIPE, SIG_IGN);
	/* No SA_RESTART: who waits for input must notice. */
	sigaction(SIGWINCH, &(struct sigaction){ .sa_handler = on_resize }, NULL);
	start_errors();
	raw();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	/* Presses and releases that come at once are clicks and double clicks to curses. */
	mousemask(BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	mouseinterval(0);
	keys();
	modes(true);
	return 0;
}

void terminal_close(void)
{
	if (!screen)
		return;
	modes(false);
	mousemask(0, NULL);
	curs_set(1);
	endwin();
	delscreen(screen);
	screen = NULL;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	for (int i = 0; i < CRASHES; i++)
		signal(crashes[i], SIG_DFL);
	signal(SIGWINCH, SIG_DFL);
	replay_errors();
}

static void leave(void)
{
	modes(false);
	curs_set(1);
	endwin();
}

static void come_back(void)
{
	raw();
	refresh();
	modes(true);
	resized = 1; /* it may have been, and nothing of ours is left on it */
}

void terminal_suspend(void)
{
	leave();
	kill(0, SIGTSTP); /* the whole job, as Ctrl-Z does */
	come_back();
}

/* ---- $EDITOR ---- */

static const char *editor_name(void)
{
	const char *program = getenv("VISUAL");

	if (!program || !*program)
		program = getenv("EDITOR");
	return program && *program ? program : "vi";
}

static int run_editor(const char *file, error *err)
{
	int status;

	/* The name may bring options along, so a shell takes it apart. */
	setenv("FOLIO_EDITOR", editor_name(), 1);
	setenv("FOLIO_EDITED", file, 1);
	pid_t child = fork();
	if (child < 0)
		return error_errno(err, ERR_IO, "%s could not be started", editor_name());
	if (child == 0) {
		sigset_t none;
		sigemptyset(&none); /* what is held back here is nobody else's concern */
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (real_errors >= 0)
			dup2(real_errors, STDERR_FILENO);
		execl("/bin/sh", "sh", "-c", "exec $FOLIO_EDITOR \"$FOLIO_EDITED\"", (char *)NULL);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
		return error_set(err, ERR_NOTFOUND, "the editor '%s' could not be run: set VISUAL or EDITOR to one that can", editor_name());
	if (WEXITSTATUS(status))
		return error_set(err, ERR_CANCEL, "the editor ended with an error, nothing was changed");
	return 0;
}

int terminal_edit(str *text, error *err)
{
	char file[] = "/tmp/folio-XXXXXX";
	str fresh = STR_INIT;
	int fd = mkstemp(file), status = 0;

	if (fd < 0)
		return error_errno(err, ERR_IO, "no file for the editor could be made in /tmp");
	if (write(fd, str_text(text), text->len) != (ssize_t)text->len)
		status = error_errno(err, ERR_IO, "%s could not be written", file);
	close(fd);
	leave();
	if (!status && !(status = run_editor(file, err)) && !(status = file_read(&fresh, file, 1 << 20, err))) {
		while (fresh.len && fresh.data[fresh.len - 1] == '\n')
			str_truncate(&fresh, fresh.len - 1);
		str_clear(text);
		str_puts(text, str_text(&fresh));
	}
	come_back();
	unlink(file);
	str_free(&fresh);
	return status;
}

/* ---- the clipboard ---- */

bool terminal_copy(const char *text, size_t n)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	str out = STR_INIT;

	if (n > COPY_MOST || !knows_paste())
		return false;
	str_puts(&out, "\033]52;c;");
	for (size_t i = 0; i < n; i += 3) {
		unsigned b[3] = { 0 };
		for (size_t k = 0; k < 3 && i + k < n; k++)
			b[k] = (unsigned char)text[i + k];
		unsigned all = b[0] << 16 | b[1] << 8 | b[2];
		for (size_t k = 0; k < 4; k++)
			str_putc(&out, i + k > n ? '=' : digit[all >> (18 - 6 * k) & 63]);
	}
	str_puts(&out, "\a");
	bool fine = !out.oom;
	if (fine) {
		fwrite(out.data, 1, out.len, stdout);
		fflush(stdout);
	}
	str_free(&out);
	return fine;
}

/* ---- input ---- */

/* The next key; waits for it up to ms, so that a paste is not cut in two. */
static int next_key(wint_t *c, int ms)
{
	int kind = get_wch(c);

	if (kind == ERR && ms) {
		struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
		if (poll(&p, 1, ms) > 0)
			kind = get_wch(c);
	}
	return kind;
}

static void read_paste(str *out)
{
	enum { MOST = 1 << 20, PATIENCE_MS = 500 };
	char utf8[MB_LEN_MAX];
	wint_t c;
	int kind;

	str_clear(out);
	while ((kind = next_key(&c, PATIENCE_MS)) != ERR && !(kind == KEY_CODE_YES && c == PASTE_END)) {
		int n = kind == OK ? wctomb(utf8, (wchar_t)c) : 0;
		if (kind == KEY_CODE_YES && c == KEY_ENTER)
			str_putc(out, '\n');
		if (n > 0 && out->len < MOST)
			str_put(out, utf8, (size_t)n);
	}
}

static input_event read_mouse(void)
{
	static double last_s;
	static int last_y = -1, last_x = -1;
	MEVENT m;
	input_event e = { .kind = INPUT_NONE };

	if (getmouse(&m) != OK)
		return e;
	e = (input_event){ .kind = INPUT_MOUSE, .y = m.y, .x = m.x };
	if (m.bstate & BUTTON4_PRESSED) {
		e.wheel = -1;
	} else if (m.bstate & BUTTON5_PRESSED) {
		e.wheel = 1;
	} else if (m.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED)) {
		double now = clock_s();
		e.twice = m.bstate & BUTTON1_DOUBLE_CLICKED ? true : now - last_s < 0.4 && m.y == last_y && m.x == last_x;
		last_s = e.twice ? 0 : now;
		last_y = m.y;
		last_x = m.x;
	} else {
		e.kind = INPUT_NONE;
	}
	return e;
}

static input_event of_code(wint_t c, str *paste)
{
	switch (c) {
	case KEY_RESIZE:
		return (input_event){ .kind = INPUT_RESIZE };
	case KEY_MOUSE:
		return read_mouse();
	case PASTE_BEGIN:
		read_paste(paste);
		return (input_event){ .kind = INPUT_PASTE };
	case PASTE_END:
		return (input_event){ .kind = INPUT_NONE };
	case KEY_ENTER:
		return (input_event){ .kind = INPUT_KEY, .key = '\r' };
	default:
		if (c >= ALT_FIRST)
			return (input_event){ .kind = INPUT_KEY, .key = KEY_CODE | KEY_ALT | (int)(c - ALT_FIRST) };
		return (input_event){ .kind = INPUT_KEY, .key = KEY_CODE | (int)c };
	}
}

static int of_character(wint_t c)
{
	return c == 127 ? KEY_CODE | KEY_BACKSPACE : (int)c;
}

input_event terminal_input(str *paste)
{
	struct pollfd p = { STDIN_FILENO, POLLIN, 0 };
	wint_t c;

	if (take_resize())
		return (input_event){ .kind = INPUT_RESIZE };
	for (;;) {
		bool there = poll(&p, 1, 0) > 0;
		int kind = get_wch(&c);
		if (kind == ERR)
			/* Readable and nothing read: the terminal is gone. */
			return (input_event){ .kind = there && (p.revents & (POLLHUP | POLLERR)) ? INPUT_CLOSED : INPUT_NONE };
		if (kind == KEY_CODE_YES) {
			input_event e = of_code(c, paste);
			if (e.kind != INPUT_NONE)
				return e;
			continue;
		}
		if (c == 27) {
			wint_t second;
			int k = get_wch(&second);
			if (k == OK && second != 27)
				return (input_event){ .kind = INPUT_KEY, .key = KEY_ALT | of_character(second) };
			if (k == KEY_CODE_YES && (second == KEY_BACKSPACE || second == KEY_ENTER))
				return (input_event){ .kind = INPUT_KEY, .key = KEY_ALT | of_code(second, paste).key };
			if (k != ERR)
				k == OK ? unget_wch((wchar_t)second) : ungetch((int)second);
		}
		if (c == 0)
			continue;
		return (input_event){ .kind = INPUT_KEY, .key = of_character(c) };
	}
}

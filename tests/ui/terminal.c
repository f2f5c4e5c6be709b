#include "tests/ui/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <vterm.h>

#include "base/clock.h"
#include "base/utf8.h"

struct terminal {
	VTerm *vt;
	VTermScreen *screen;
	int fd, slave; /* the slave stays open here, so that its settings outlive the program */
	pid_t pid;
	int status;    /* -1: still runs */
	bool closed;
	int rows, columns, row, column;
	bool alternate, hidden;
	int mouse;
	struct termios before;
	str raw;
};

static int on_property(VTermProp p, VTermValue *v, void *ud)
{
	terminal *t = ud;

	if (p == VTERM_PROP_ALTSCREEN)
		t->alternate = v->boolean;
	else if (p == VTERM_PROP_CURSORVISIBLE)
		t->hidden = !v->boolean;
	else if (p == VTERM_PROP_MOUSE)
		t->mouse = v->number;
	return 1;
}

static int on_cursor(VTermPos pos, VTermPos old, int visible, void *ud)
{
	terminal *t = ud;

	(void)old;
	(void)visible;
	t->row = pos.row;
	t->column = pos.col;
	return 1;
}

static const VTermScreenCallbacks callbacks = { .settermprop = on_property, .movecursor = on_cursor };

static void on_reply(const char *bytes, size_t n, void *ud)
{
	terminal_send(ud, bytes, n);
}

/* In the child: the slave becomes its terminal. */
static void become(const terminal *t, char *const argv[], const char *term)
{
	setsid();
	ioctl(t->slave, TIOCSCTTY, 0);
	dup2(t->slave, 0);
	dup2(t->slave, 1);
	dup2(t->slave, 2);
	close(t->slave);
	close(t->fd);
	setenv("TERM", term, 1);
	execv(argv[0], argv);
	_exit(127);
}

terminal *terminal_run(char *const argv[], const char *term, int rows, int columns)
{
	terminal *t = calloc(1, sizeof(*t));
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

	if (!t)
		return NULL;
	*t = (terminal){ .rows = rows, .columns = columns, .status = -1 };
	if (openpty(&t->fd, &t->slave, NULL, NULL, &size)) {
		free(t);
		return NULL;
	}
	tcgetattr(t->slave, &t->before);
	t->vt = vterm_new(rows, columns);
	vterm_set_utf8(t->vt, 1);
	vterm_output_set_callback(t->vt, on_reply, t);
	t->screen = vterm_obtain_screen(t->vt);
	vterm_screen_enable_altscreen(t->screen, 1);
	vterm_screen_set_callbacks(t->screen, &callbacks, t);
	vterm_screen_reset(t->screen, 1);
	t->pid = fork();
	if (t->pid == 0)
		become(t, argv, term);
	fcntl(t->fd, F_SETFL, O_NONBLOCK);
	return t;
}

void terminal_end(terminal *t)
{
	if (!t)
		return;
	if (t->status < 0) {
		kill(t->pid, SIGKILL);
		waitpid(t->pid, NULL, 0);
	}
	close(t->fd);
	close(t->slave);
	vterm_free(t->vt);
	str_free(&t->raw);
	free(t);
}

void terminal_send(terminal *t, const char *bytes, size_t n)
{
	while (n) {
		ssize_t w = write(t->fd, bytes, n);
		if (w > 0) {
			bytes += w;
			n -= (size_t)w;
		} else if (errno == EAGAIN) {
			/* Its input is full: it must get on to read it. */
			terminal_pump(t, 1, true);
		} else {
			return;
		}
	}
}

void terminal_resize(terminal *t, int rows, int columns)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

	/* As xterm does. Without it libvterm 0.1.4 keeps a scrolling region's top below the
	 * last row of a smaller screen and moves memory backwards over its own beginning. */
	if (rows < t->rows)
		vterm_input_write(t->vt, "\0337\033[r\0338", 7);
	t->rows = rows;
	t->columns = columns;
	vterm_set_size(t->vt, rows, columns);
	ioctl(t->fd, TIOCSWINSZ, &size);
}

bool terminal_pump(terminal *t, int ms, bool first)
{
	double end = clock_s() + ms / 1000.0;
	char buffer[65536];

	while (!t->closed) {
		double left = end - clock_s();
		struct pollfd p = { t->fd, POLLIN, 0 };
		ssize_t n = read(t->fd, buffer, sizeof(buffer));
		if (n > 0) {
			str_put(&t->raw, buffer, (size_t)n);
			vterm_input_write(t->vt, buffer, (size_t)n);
			if (first)
				return true;
			continue;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			t->closed = true;
		else if (left <= 0)
			break;
		else if (poll(&p, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
			break;
	}
	return !t->closed;
}

void terminal_text(str *out, const terminal *t)
{
	for (int y = 0; y < t->rows; y++) {
		size_t end = out->len;
		for (int x = 0; x < t->columns;) {
			VTermScreenCell c = { 0 };
			char utf8[4];
			vterm_screen_get_cell(t->screen, (VTermPos){ .row = y, .col = x }, &c);
			for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && c.chars[i] && c.chars[i] != (uint32_t)-1; i++)
				str_put(out, utf8, (size_t)utf8_encode(utf8, c.chars[i]));
			if (c.chars[0] && c.chars[0] != ' ')
				end = out->len;
			else if (!c.chars[0])
				str_putc(out, ' ');
			x += c.width > 1 ? c.width : 1;
		}
		str_truncate(out, end);
		str_putc(out, '\n');
	}
}

void terminal_size(const terminal *t, int *rows, int *columns)
{
	*rows = t->rows;
	*columns = t->columns;
}

void terminal_cursor(const terminal *t, int *row, int *column)
{
	*row = t->hidden ? -1 : t->row;
	*column = t->hidden ? -1 : t->column;
}

terminal_look terminal_look_at(const terminal *t, int row, int column)
{
	VTermScreenCell c = { 0 };
	terminal_look l;

	vterm_screen_get_cell(t->screen, (VTermPos){ .row = row, .col = column }, &c);
	l = (terminal_look){ .bold = c.attrs.bold, .underline = c.attrs.underline, .reverse = c.attrs.reverse,
		             .fg_default = VTERM_COLOR_IS_DEFAULT_FG(&c.fg), .bg_default = VTERM_COLOR_IS_DEFAULT_BG(&c.bg) };
	vterm_screen_convert_color_to_rgb(t->screen, &c.fg);
	vterm_screen_convert_color_to_rgb(t->screen, &c.bg);
	memcpy(l.fg, (unsigned char[]){ c.fg.rgb.red, c.fg.rgb.green, c.fg.rgb.blue }, 3);
	memcpy(l.bg, (unsigned char[]){ c.bg.rgb.red, c.bg.rgb.green, c.bg.rgb.blue }, 3);
	return l;
}

const str *terminal_raw(const terminal *t)
{
	return &t->raw;
}

pid_t terminal_pid(const terminal *t)
{
	return t->pid;
}

int terminal_wait(terminal *t, double seconds)
{
	double end = clock_s() + seconds;
	int st;

	while (t->status < 0) {
		if (waitpid(t->pid, &st, WNOHANG) == t->pid)
			t->status = WIFEXITED(st) ? WEXITSTATUS(st) : 256 + WTERMSIG(st);
		else if (clock_s() > end)
			return -1;
		/* Its last words may come after the end, on a busy machine; then the terminal closes. */
		terminal_pump(t, t->status < 0 ? 10 : 1000, false);
	}
	return t->status;
}

/* Whether a mode is on by the last word about it: libvterm keeps nothing of bracketed
 * paste, and takes the cursor's visibility back with its saved place, as terminals do not. */
static bool last_on(const terminal *t, const char *mode, bool otherwise)
{
	const char *raw = str_text(&t->raw);
	size_t n = strlen(mode);

	for (size_t i = t->raw.len; i-- > 0;)
		if (i + n < t->raw.len && !memcmp(raw + i, mode, n))
			return raw[i + n] == 'h';
	return otherwise;
}

const char *terminal_left(const terminal *t)
{
	struct termios now;

	if (t->alternate)
		return "the alternate screen stayed";
	if (!last_on(t, "\033[?25", true))
		return "the cursor stayed hidden";
	if (last_on(t, "\033[?2004", false))
		return "bracketed paste stayed on";
	if (t->mouse)
		return "the mouse is still reported";
	if (tcgetattr(t->slave, &now) == 0 &&
	    (now.c_lflag != t->before.c_lflag || now.c_iflag != t->before.c_iflag || now.c_oflag != t->before.c_oflag))
		return "the terminal's settings are not what they were";
	return "";
}

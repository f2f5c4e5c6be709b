/* tests/ui/terminal.h - a program in a pseudo-terminal, with libvterm as the terminal
 * that it draws on. */

#ifndef TESTS_UI_TERMINAL_H
#define TESTS_UI_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

typedef struct terminal terminal;

/* Run argv with $TERM term in a terminal of that size; NULL with errno set. */
terminal *terminal_run(char *const argv[], const char *term, int rows, int columns);
/* Kills what still runs. NULL is fine. */
void terminal_end(terminal *t);

void terminal_send(terminal *t, const char *bytes, size_t n);
void terminal_resize(terminal *t, int rows, int columns);

/* Take in output until `ms` milliseconds passed, or, when first is set, until some came;
 * false: the program closed the terminal. */
bool terminal_pump(terminal *t, int ms, bool first);

/* Rows of the screen, each ended by a newline, blanks at their ends left out. */
void terminal_text(str *out, const terminal *t);
void terminal_size(const terminal *t, int *rows, int *columns);
void terminal_cursor(const terminal *t, int *row, int *column);

typedef struct {
	bool bold, underline, reverse;
	unsigned char fg[3], bg[3]; /* colours as the terminal would show them */
	bool fg_default, bg_default;
} terminal_look;

terminal_look terminal_look_at(const terminal *t, int row, int column);

const str *terminal_raw(const terminal *t); /* every byte that came so far */
pid_t terminal_pid(const terminal *t);

/* Wait for the program's end, at most that long: exit status, 256 + signal, or -1. */
int terminal_wait(terminal *t, double seconds);
/* What the program left changed: "" or a sentence. Static memory. */
const char *terminal_left(const terminal *t);

#endif

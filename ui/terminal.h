/* ui/terminal.h - the terminal taken over and given back. One at a time. */

#ifndef UI_TERMINAL_H
#define UI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* Begin curses: alternate screen, raw keys, mouse, bracketed paste; standard error goes
 * to a file of its own. A crash by a signal puts the terminal back before the program
 * dies. ERR_UNSUPPORTED tells what to do instead when there is no terminal. */
int terminal_open(error *err);
/* Give it back and print what was written to standard error meanwhile. */
void terminal_close(void);

/* Into the background like any program, and back. */
void terminal_suspend(void);

/* Let $VISUAL, $EDITOR or vi change a text. ERR_NOTFOUND or ERR_IO tell what is wrong;
 * the text is then as it was. */
int terminal_edit(str *text, error *err);

/* Put text on the clipboard by OSC 52. false when it is too long for that; whether the
 * terminal listens cannot be known. */
bool terminal_copy(const char *text, size_t n);

/* ---- what comes in ---- */

typedef enum { INPUT_NONE, INPUT_KEY, INPUT_PASTE, INPUT_MOUSE, INPUT_RESIZE, INPUT_CLOSED } input_kind;

typedef struct {
	input_kind kind;
	int key;            /* as ui/action.h names them */
	int y, x;           /* of the mouse */
	int wheel;          /* -1 up, 1 down, 0: a click */
	bool twice;         /* a double click */
} input_event;

/* The next one that is there, or INPUT_NONE; never waits longer than it takes to tell Esc
 * from the keys that begin with it. paste: filled with what was pasted. */
input_event terminal_input(str *paste);

#endif

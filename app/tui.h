/* app/tui.h - the full-screen interface wired to the worker. */

#ifndef APP_TUI_H
#define APP_TUI_H

#include "base/error.h"
#include "base/progress.h"

/* Run it until the person leaves or *stop is raised. path: a document to open at once,
 * read if need be; NULL: the library. word: what path was called, a path or the name of
 * a document in the library. */
int tui_run(const char *word, const cancel *stop, error *err);

#endif

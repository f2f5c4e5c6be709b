/* base/path.h - file names and the folders where folio keeps things. */

#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

/* out = a + "/" + b (no doubled slash). out is cleared first. */
void path_join(str *out, const char *a, const char *b);

/* Part after the last slash; "" for a path that ends in one. Borrowed. */
const char *path_base(const char *path);

/* Extension after the last dot of the base name, without the dot; "" if none. */
const char *path_extension(const char *path);

/* Absolute and without ".", ".." and links. ERR_NOTFOUND if it does not exist. */
int path_real(str *out, const char *path, error *err);

bool path_exists(const char *path);
bool path_is_dir(const char *path);

/* Create the folder and its parents, private to the user (0700). */
int path_make_dirs(const char *path, error *err);

/* The library: $FOLIO_HOME, else $XDG_DATA_HOME/folio, else ~/.local/share/folio. */
int path_data_home(str *out, error *err);

/* $FOLIO_CONFIG, else $XDG_CONFIG_HOME/folio/config.ini, else ~/.config/folio/config.ini. */
int path_config_file(str *out, error *err);

/* $FOLIO_HOME/state, else $XDG_STATE_HOME/folio, else ~/.local/state/folio: the log. */
int path_state_home(str *out, error *err);

#endif

/* app/config_impl.h - what config.c (the settings and their values) and config_file.c
 * (the file and the environment) share. */

#ifndef APP_CONFIG_IMPL_H
#define APP_CONFIG_IMPL_H

#include "app/config.h"

/* The table's own spelling of a key, or NULL with ERR_ARG. */
const char *config_find(const char *key, error *err);

/* Are these one key, '-' or '_'? */
bool config_same_key(const char *a, const char *b);

/* ERR_ARG: the value that name cannot have, and what is wanted instead. */
int config_refuse(const char *name, const char *value, const char *want, error *err);

#endif

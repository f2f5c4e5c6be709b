/* base/log.h - what happened, for whoever looks for a fault. Lines go to one
 * file, never to the terminal; any thread may log. Before log_open, and when the
 * file cannot be written, log calls do nothing. */

#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

typedef enum { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

/* Append to path (0600); a file over 4 MiB is first moved to path.1. */
int log_open(const char *path, log_level most, error *err);
void log_close(void);

void log_line(log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* LOG_INFO etc. from "error", "warn", "info", "debug"; ERR_ARG otherwise. */
int log_level_parse(log_level *out, const char *text, error *err);

#endif

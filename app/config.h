/* app/config.h - settings: built in, then the configuration file, then FOLIO_*
 * variables, then the command line. The file is INI (assets/config.ini is a
 * commented example) and may be written by hand; unknown keys are named, not
 * fatal. One table in config.c makes names, help, parsing and printing; config_file.c
 * reads and writes the file. */

#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "engine/chat.h"
#include "engine/sampler.h"
#include "engine/session.h"

enum { FOCUS_AUTO = -1, FOCUS_MOST = 50 };

typedef struct {
	char *model;          /* name or path; "" is the library's default */
	char *adapter;        /* a path or "none"; "" is what belongs to the model */
	int threads;          /* 0: all cores */
	double budget;        /* KV budget of a question, (0, 1] */
	calibration calib;
	chat_style style;
	int focus;            /* passages that an answer is read from; 0: off, FOCUS_AUTO: as the model needs */
	int answer_tokens;    /* most tokens of an answer */
	int sources;          /* most sources shown */
	int64_t disk_budget;  /* bytes for contexts; 0: no limit */
	sampler_options sampler;
	log_level log;
	char *theme;          /* of the interface */
	str keys;             /* the file's [keys]: "MAP.ACTION = KEYS" lines; mostly empty */
	str notes;            /* lines about what the file holds that folio does not know; mostly empty */
} config;

int config_defaults(config *out, error *err); /* built-in alone */
int config_load(config *out, error *err); /* built-in + file + environment */
void config_free(config *c);

/* The next of the file's [keys] from *at on (0 at first); false: there is none left. */
bool config_next_binding(const config *c, size_t *at, str *name, str *keys);

/* Names of the keys in the file's order, NULL past the last; and what one is for. */
const char *config_key(int i);
const char *config_help(const char *key);

/* key = value as in the file; ERR_ARG names the key, the value and what it may be. */
int config_set(config *c, const char *key, const char *value, error *err);
/* Write one key into the file, keeping its comments and other lines. A file that is
 * not there yet begins as the commented example. The value is checked first. */
int config_save(const char *key, const char *value, error *err);
/* "key = value" of one key, or of all with their help when key is NULL. */
int config_print(str *out, const config *c, const char *key, error *err);
/* The value alone, as the file would have it. ERR_ARG for an unknown key. */
int config_value(str *out, const config *c, const char *key, error *err);

#endif

/* app/config.h - settings: built in, then the configuration file, then FOLIO_*
 * variables, then the command line. The file is INI (assets/config.ini is a
 * commented example) and may be written by hand; unknown keys are named, not
 * fatal. One table in config.c makes names, help, parsing and printing. */

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

typedef struct {
	char *model;          /* name or path; "" is the library's default */
	int threads;          /* 0: all cores */
	double budget;        /* KV budget of a question, (0, 1] */
	calibration calib;
	chat_style style;
	int answer_tokens;    /* most tokens of an answer */
	int sources;          /* most sources shown */
	int64_t disk_budget;  /* bytes for contexts; 0: no limit */
	sampler_options sampler;
	log_level log;
} config;

int config_load(config *out, error *err); /* built-in + file + environment */
void config_free(config *c);

/* key = value as in the file; ERR_ARG names the key, the value and what it may be. */
int config_set(config *c, const char *key, const char *value, error *err);
/* Write one key into the file, keeping its comments and other lines. */
int config_save(const char *key, const char *value, error *err);
/* "key = value" of one key, or of all with their help when key is NULL. */
int config_print(str *out, const config *c, const char *key, error *err);

#endif

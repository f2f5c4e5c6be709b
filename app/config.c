#include "app/config_impl.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/theme.h"

typedef enum { TEXT, WHOLE, SHARE, FLOAT, SEED, BYTES, CALIBRATION, STYLE, FOCUS, LEVEL, THEME } key_kind;

typedef struct {
	const char *name;
	key_kind kind;
	size_t at;           /* in config */
	double least, most;  /* of WHOLE and FLOAT */
	const char *standard;
	const char *help;
} config_entry;

#define AT(field) offsetof(config, field)

static const config_entry entries[] = {
	{ "model", TEXT, AT(model), 0, 0, "", "model to read and answer with: a name of `folio models` or a path; empty: the default one" },
	{ "adapter", TEXT, AT(adapter), 0, 0, "", "low-rank adapter over the model: a GGUF file or none; empty: the one that belongs to the model" },
	{ "threads", WHOLE, AT(threads), 0, 1024, "0", "threads to compute with; 0: all cores" },
	{ "budget", SHARE, AT(budget), 0, 1, "0.325", "share of a document's keys that a question may read: 1 (all, exact) down to 1/32" },
	{ "calibration", CALIBRATION, AT(calib), 0, 0, "error", "how the budget is spread over heads: error (measured) or threshold (one for all)" },
	{ "style", STYLE, AT(style), 0, 0, "phrase", "how to answer: phrase, sentence or free" },
	{ "focus", FOCUS, AT(focus), 0, 0, "auto", "answer from the passages that matter: auto (as the model needs), off, or how many" },
	{ "answer-tokens", WHOLE, AT(answer_tokens), 1, 1 << 20, "256", "most tokens of an answer" },
	{ "sources", WHOLE, AT(sources), 0, 100, "3", "most sources shown under an answer" },
	{ "disk-budget", BYTES, AT(disk_budget), 0, 0, "0", "most disk space for read documents, such as 20G; least recently used ones go first; 0: no limit" },
	{ "temperature", FLOAT, AT(sampler.temperature), 0, 10, "0", "0 always takes the likeliest word; more is more varied" },
	{ "top-k", WHOLE, AT(sampler.top_k), 0, 1 << 20, "40", "with a temperature: choose among so many likeliest tokens; 0: off" },
	{ "top-p", FLOAT, AT(sampler.top_p), 0, 1, "0.95", "with a temperature: choose among the likeliest that make up this share; 1: off" },
	{ "min-p", FLOAT, AT(sampler.min_p), 0, 1, "0.05", "with a temperature: leave out what is less likely than this share of the likeliest; 0: off" },
	{ "repeat", FLOAT, AT(sampler.repeat), 0.1, 10, "1", "penalty for repeating tokens of the answer; 1: off" },
	{ "repeat-last", WHOLE, AT(sampler.repeat_last), 0, 1 << 20, "64", "how many of the latest tokens the penalty looks at" },
	{ "seed", SEED, AT(sampler.seed), 0, 0, "0", "seed of the random choices made with a temperature" },
	{ "theme", THEME, AT(theme), 0, 0, "default", "colours of the interface: default (the terminal's own), dark, light, high-contrast or monochrome" },
	{ "log", LEVEL, AT(log), 0, 0, "warn", "how much goes to the log file: error, warn, info or debug" },
};

enum { ENTRIES = sizeof(entries) / sizeof(*entries) };

static const char *const levels[] = { "error", "warn", "info", "debug" };

/* "_" is as good as "-", so that variables and keys can be spelt alike. */
bool config_same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	return *a == *b;
}

static const config_entry *find(const char *key)
{
	for (int i = 0; i < ENTRIES; i++)
		if (config_same_key(entries[i].name, key))
			return &entries[i];
	return NULL;
}

static const config_entry *find_or_say(const char *key, error *err)
{
	const config_entry *e = find(key);

	if (!e)
		error_set(err, ERR_ARG, "there is no setting '%s': `folio config` lists them", key);
	return e;
}

const char *config_find(const char *key, error *err)
{
	const config_entry *e = find_or_say(key, err);

	return e ? e->name : NULL;
}

const char *config_key(int i)
{
	return i >= 0 && i < ENTRIES ? entries[i].name : NULL;
}

const char *config_help(const char *key)
{
	const config_entry *e = find(key);

	return e ? e->help : "";
}

/* ---- values ---- */

int config_refuse(const char *name, const char *value, const char *want, error *err)
{
	return error_set(err, ERR_ARG, "%s cannot be '%s': %s", name, value, want);
}

/* A finite number and nothing behind it. */
static bool parse_real(double *out, const char *s)
{
	char *end;

	if (!*s || isspace((unsigned char)*s))
		return false;
	*out = strtod(s, &end);
	return !*end && isfinite(*out);
}

/* "0.125", "12.5%" or "1/8". */
static bool parse_share(double *out, const char *s)
{
	char part[64];
	double over;
	size_t n = strlen(s);
	const char *slash = strchr(s, '/');

	if (n >= sizeof(part))
		return false;
	memcpy(part, s, n + 1);
	if (n && s[n - 1] == '%') {
		part[n - 1] = '\0';
		*out = parse_real(&over, part) ? over / 100 : NAN;
	} else if (slash) {
		part[slash - s] = '\0';
		if (!parse_real(out, part) || !parse_real(&over, slash + 1))
			return false;
		*out /= over;
	} else if (!parse_real(out, s)) {
		return false;
	}
	return *out > 0 && *out <= 1;
}

/* "1500000", "20G", "1.5 GiB": K, M, G, T are powers of 1024. */
static bool parse_bytes(int64_t *out, const char *s)
{
	char *end;
	double v = strtod(s, &end), unit = 1;
	static const char letters[] = "KMGT";

	if (end == s || !isfinite(v) || v < 0)
		return false;
	while (*end == ' ')
		end++;
	const char *letter = *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
	if (letter) {
		unit = ldexp(1, 10 * (int)(letter - letters + 1));
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B' || *end == 'b')
		end++;
	if (*end || v * unit >= 0x1p62)
		return false;
	*out = (int64_t)(v * unit);
	return true;
}

static int set_number(const config_entry *e, void *at, const char *value, error *err)
{
	char want[80];
	double v;
	bool whole = e->kind == WHOLE;

	snprintf(want, sizeof(want), "give a %snumber from %g to %.10g", whole ? "whole " : "", e->least, e->most);
	if (!parse_real(&v, value) || v < e->least || v > e->most || (whole && v != floor(v)))
		return config_refuse(e->name, value, want, err);
	if (whole)
		*(int *)at = (int)v;
	else
		*(float *)at = (float)v;
	return 0;
}

static int set_seed(const config_entry *e, uint64_t *at, const char *value, error *err)
{
	char *end;

	errno = 0;
	*at = strtoull(value, &end, 10);
	return isdigit((unsigned char)*value) && !*end && !errno ? 0 : config_refuse(e->name, value, "give a whole number", err);
}

static int set_text(char **at, const char *value, error *err)
{
	char *copy = strdup(value);

	if (!copy)
		return error_nomem(err, "the settings");
	free(*at);
	*at = copy;
	return 0;
}

static int set_focus(const config_entry *e, int *at, const char *value, error *err)
{
	double v;

	if (strcmp(value, "auto") == 0)
		*at = FOCUS_AUTO;
	else if (strcmp(value, "off") == 0)
		*at = 0;
	else if (!parse_real(&v, value) || v < 0 || v > FOCUS_MOST || v != floor(v))
		return config_refuse(e->name, value, "say auto, off or a number of passages up to 50", err);
	else
		*at = (int)v;
	return 0;
}

static int set_calibration(const config_entry *e, calibration *at, const char *value, error *err)
{
	if (strcmp(value, "error") && strcmp(value, "threshold"))
		return config_refuse(e->name, value, "say error or threshold", err);
	*at = *value == 'e' ? CALIBRATION_ERROR : CALIBRATION_THRESHOLD;
	return 0;
}

static int set_share(const config_entry *e, double *at, const char *value, error *err)
{
	double v;

	if (!parse_share(&v, value))
		return config_refuse(e->name, value, "give a share above 0 and up to 1, such as 1, 0.125 or 1/8", err);
	*at = v;
	return 0;
}

int config_set(config *c, const char *key, const char *value, error *err)
{
	const config_entry *e = find_or_say(key, err);
	void *at = e ? (char *)c + e->at : NULL;

	if (!e)
		return ERR_ARG;
	switch (e->kind) {
	case TEXT: return set_text(at, value, err);
	case THEME:
		return theme_known(value) ? set_text(at, value, err)
		                          : config_refuse(e->name, value, "say default, dark, light, high-contrast or monochrome", err);
	case SHARE: return set_share(e, at, value, err);
	case SEED: return set_seed(e, at, value, err);
	case BYTES: return parse_bytes(at, value) ? 0 : config_refuse(e->name, value, "give a size such as 500M or 20G", err);
	case CALIBRATION: return set_calibration(e, at, value, err);
	case STYLE: return chat_style_parse(at, value, err);
	case FOCUS: return set_focus(e, at, value, err);
	case LEVEL: return log_level_parse(at, value, err);
	default: return set_number(e, at, value, err);
	}
}

static void put_bytes(str *out, int64_t v)
{
	static const char letters[] = "KMGT";
	int unit = -1;

	while (v && v % 1024 == 0 && unit < 3) {
		v /= 1024;
		unit++;
	}
	str_putf(out, "%lld", (long long)v);
	if (unit >= 0)
		str_putc(out, letters[unit]);
}

int config_value(str *out, const config *c, const char *key, error *err)
{
	const config_entry *e = find_or_say(key, err);
	const void *at = e ? (const char *)c + e->at : NULL;

	if (!e)
		return ERR_ARG;
	switch (e->kind) {
	case TEXT:
	case THEME: str_puts(out, *(char *const *)at); break;
	case WHOLE: str_putf(out, "%d", *(const int *)at); break;
	case SHARE: str_putf(out, "%.6g", *(const double *)at); break;
	case FLOAT: str_putf(out, "%.6g", (double)*(const float *)at); break;
	case SEED: str_putf(out, "%llu", (unsigned long long)*(const uint64_t *)at); break;
	case BYTES: put_bytes(out, *(const int64_t *)at); break;
	case CALIBRATION: str_puts(out, *(const calibration *)at == CALIBRATION_ERROR ? "error" : "threshold"); break;
	case STYLE: str_puts(out, chat_style_name(*(const chat_style *)at)); break;
	case FOCUS:
		if (*(const int *)at > 0)
			str_putf(out, "%d", *(const int *)at);
		else
			str_puts(out, *(const int *)at ? "auto" : "off");
		break;
	case LEVEL: str_puts(out, levels[*(const log_level *)at]); break;
	}
	return str_ok(out, err);
}

int config_print(str *out, const config *c, const char *key, error *err)
{
	int status = 0;

	for (int i = 0; i < ENTRIES && !status; i++) {
		if (key && !config_same_key(entries[i].name, key))
			continue;
		if (!key)
			str_putf(out, "%s# %s\n", i ? "\n" : "", entries[i].help);
		str_putf(out, "%s = ", entries[i].name);
		status = config_value(out, c, entries[i].name, err);
		if (out->len && out->data[out->len - 1] == ' ')
			str_truncate(out, out->len - 1);
		str_putc(out, '\n');
		if (key)
			return status ? status : str_ok(out, err);
	}
	if (key)
		return find_or_say(key, err) ? status : ERR_ARG;
	return status ? status : str_ok(out, err);
}

/* ---- built in ---- */

int config_defaults(config *out, error *err)
{
	int status = 0;

	*out = (config){ 0 };
	for (int i = 0; i < ENTRIES && !status; i++)
		status = config_set(out, entries[i].name, entries[i].standard, err);
	if (status)
		config_free(out);
	return status;
}

void config_free(config *c)
{
	free(c->model);
	free(c->adapter);
	free(c->theme);
	str_free(&c->keys);
	str_free(&c->notes);
	*c = (config){ 0 };
}

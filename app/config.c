#include "app/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/assets.h"
#include "base/file.h"
#include "base/path.h"
#include "ui/theme.h"

/* libinih's own limit is 200 with line end and NUL. */
enum { MOST_LINE = 196, MOST_FILE = 1 << 20 };

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
static bool same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	return *a == *b;
}

static const config_entry *find(const char *key)
{
	for (int i = 0; i < ENTRIES; i++)
		if (same_key(entries[i].name, key))
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

static int refuse(const config_entry *e, const char *value, const char *want, error *err)
{
	return error_set(err, ERR_ARG, "%s cannot be '%s': %s", e->name, value, want);
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
		return refuse(e, value, want, err);
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
	return isdigit((unsigned char)*value) && !*end && !errno ? 0 : refuse(e, value, "give a whole number", err);
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
		return refuse(e, value, "say auto, off or a number of passages up to 50", err);
	else
		*at = (int)v;
	return 0;
}

static int set_calibration(const config_entry *e, calibration *at, const char *value, error *err)
{
	if (strcmp(value, "error") && strcmp(value, "threshold"))
		return refuse(e, value, "say error or threshold", err);
	*at = *value == 'e' ? CALIBRATION_ERROR : CALIBRATION_THRESHOLD;
	return 0;
}

static int set_share(const config_entry *e, double *at, const char *value, error *err)
{
	double v;

	if (!parse_share(&v, value))
		return refuse(e, value, "give a share above 0 and up to 1, such as 1, 0.125 or 1/8", err);
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
		                          : refuse(e, value, "say default, dark, light, high-contrast or monochrome", err);
	case SHARE: return set_share(e, at, value, err);
	case SEED: return set_seed(e, at, value, err);
	case BYTES: return parse_bytes(at, value) ? 0 : refuse(e, value, "give a size such as 500M or 20G", err);
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
		if (key && !same_key(entries[i].name, key))
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

/* ---- loading ---- */

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

typedef struct {
	config *c;
	const char *path;
	int status;
	error *err;
} loading;

/* libinih's handler: 1 is fine, 0 makes the line count as an error. */
static int take_line(void *ud, const char *section, const char *key, const char *value)
{
	loading *l = ud;
	error why = { 0 };

	if (l->status)
		return 0;
	if (!strcmp(section, "keys")) {
		str_putf(&l->c->keys, "%s = %s\n", key, value);
		return 1;
	}
	if (*section || !find(key)) {
		str_putf(&l->c->notes, "%s: there is no setting '%s%s%s%s', it is passed over\n", l->path, *section ? "[" : "",
		         section, *section ? "] " : "", key);
		return 1;
	}
	if (config_set(l->c, key, value, &why)) {
		l->status = error_set(l->err, why.code, "%s: %.400s", l->path, why.msg);
		return 0;
	}
	return 1;
}

/* libinih would take the rest of a long line for a line of its own. */
static int check_lines(const str *text, const char *path, error *err)
{
	size_t from = 0;
	int line = 1;

	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] == '\0')
			return error_set(err, ERR_FORMAT, "%s: line %d holds a NUL byte: this is no text file", path, line);
		if (text->data[i] == '\n') {
			from = i + 1;
			line++;
		} else if (i - from >= MOST_LINE) {
			return error_set(err, ERR_FORMAT, "%s: line %d is longer than %d bytes: shorten it (a model has a "
			                 "short name in `folio models`)", path, line, MOST_LINE);
		}
	}
	return 0;
}

static int load_file(config *c, const char *path, error *err)
{
	str text = STR_INIT;
	loading l = { c, path, 0, err };
	int status = file_read(&text, path, MOST_FILE, err);

	if (status == ERR_NOTFOUND) {
		str_free(&text);
		return 0;
	}
	if (!status && !(status = check_lines(&text, path, err))) {
		int line = ini_parse_string(str_text(&text), take_line, &l);
		status = l.status;
		if (!status && line)
			status = error_set(err, line < 0 ? ERR_NOMEM : ERR_FORMAT,
			                   "%s: line %d is neither 'key = value' nor a comment", path, line);
	}
	str_free(&text);
	return status ? status : str_ok(&c->notes, err);
}

static void variable_name(char out[64], const char *key)
{
	size_t n = (size_t)snprintf(out, 64, "FOLIO_%s", key);

	for (size_t i = 0; i < n; i++)
		out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

static int load_environment(config *c, error *err)
{
	for (int i = 0; i < ENTRIES; i++) {
		char name[64];
		error why = { 0 };
		variable_name(name, entries[i].name);
		const char *value = getenv(name);
		if (value && *value && config_set(c, entries[i].name, value, &why))
			return error_set(err, why.code, "the variable %s: %.400s", name, why.msg);
	}
	return 0;
}

int config_load(config *out, error *err)
{
	str path = STR_INIT;
	int status;

	*out = (config){ 0 };
	if (!(status = path_config_file(&path, err)) && !(status = config_defaults(out, err)) &&
	    !(status = load_file(out, path.data, err)))
		status = load_environment(out, err);
	str_free(&path);
	if (status)
		config_free(out);
	return status;
}

/* ---- saving ---- */

/* Length of the line at p, its newline included. */
static size_t line_length(const char *p)
{
	const char *end = strchr(p, '\n');

	return end ? (size_t)(end - p) + 1 : strlen(p);
}

/* Does the line set key? commented: or show it in a comment, "# key = ..." */
static bool line_sets(const char *line, const char *key, bool commented)
{
	char name[64];
	size_t n = 0;

	line += strspn(line, " \t");
	if (commented) {
		if (*line != '#' && *line != ';')
			return false;
		line += strspn(line, "#; \t");
	}
	while (n + 1 < sizeof(name) && (isalnum((unsigned char)*line) || *line == '-' || *line == '_'))
		name[n++] = *line++;
	name[n] = '\0';
	line += strspn(line, " \t");
	return (*line == '=' || *line == ':') && same_key(name, key);
}

/* Where key's line begins and how long it is (0: none, it goes to *at). Only the top
 * of the file counts, before the first [section]. */
static void find_place(size_t *at, size_t *len, const char *text, const char *key)
{
	size_t i = 0, example = 0, top = 0;

	*len = 0;
	for (; text[i]; i += line_length(text + i)) {
		const char *line = text + i;
		if (line[strspn(line, " \t")] == '[')
			break;
		if (line_sets(line, key, false)) {
			*at = i;
			*len = line_length(line);
		}
		top = i + line_length(line);
		if (line_sets(line, key, true))
			example = top;
	}
	if (!*len)
		*at = example ? example : top;
}

/* A comment behind the value, with the white space before it; "" if there is none. */
static void put_comment(str *out, const char *line, size_t len)
{
	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	for (size_t i = 1; i < len; i++)
		if (line[i] == ';' && isspace((unsigned char)line[i - 1])) {
			while (i && isspace((unsigned char)line[i - 1]))
				i--;
			str_put(out, line + i, len - i);
			return;
		}
}

static void put_edited(str *out, const char *text, const char *key, const char *value)
{
	size_t at, len;

	find_place(&at, &len, text, key);
	str_put(out, text, at);
	if (at && text[at - 1] != '\n')
		str_putc(out, '\n');
	str_putf(out, "%s = %s", key, value);
	put_comment(out, text + at, len);
	str_putc(out, '\n');
	str_puts(out, text + at + len);
}

/* What libinih would read back otherwise than it was written. */
static int check_value(const config_entry *e, const char *value, error *err)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)value[i]) || (value[i] == ';' && (i == 0 || isspace((unsigned char)value[i - 1]))))
			return refuse(e, value, "a control character, or a ';' after a space, cannot stand in the file", err);
	if (n && (isspace((unsigned char)value[0]) || isspace((unsigned char)value[n - 1])))
		return refuse(e, value, "it may not begin or end with a space", err);
	if (strlen(e->name) + 3 + n > MOST_LINE)
		return error_set(err, ERR_ARG, "%s: the value is too long for a line of the file (%d bytes); a model has a "
		                 "short name in `folio models`", e->name, MOST_LINE);
	return 0;
}

static int check_setting(const config_entry *e, const char *value, error *err)
{
	config c;
	int status = config_defaults(&c, err);

	if (!status && !(status = config_set(&c, e->name, value, err)))
		status = check_value(e, value, err);
	config_free(&c);
	return status;
}

static int make_parent(const char *path, error *err)
{
	str dir = STR_INIT;
	const char *base = path_base(path);
	int status = 0;

	if (base - path > 1) {
		str_put(&dir, path, (size_t)(base - path) - 1);
		if (!(status = str_ok(&dir, err)))
			status = path_make_dirs(dir.data, err);
	}
	str_free(&dir);
	return status;
}

int config_save(const char *key, const char *value, error *err)
{
	const config_entry *e = find_or_say(key, err);
	str path = STR_INIT, text = STR_INIT, out = STR_INIT;
	int status;

	if (!e)
		return ERR_ARG;
	if ((status = check_setting(e, value, err)) || (status = path_config_file(&path, err)))
		goto out;
	status = file_read(&text, path.data, MOST_FILE, err);
	if (status == ERR_NOTFOUND && !(status = make_parent(path.data, err))) {
		const asset *example = asset_find("config.ini");
		if (example)
			str_put(&text, example->bytes, example->len);
	}
	if (status || (status = check_lines(&text, path.data, err)))
		goto out;
	put_edited(&out, str_text(&text), e->name, value);
	if (!(status = str_ok(&text, err)) && !(status = str_ok(&out, err)) && !(status = check_lines(&out, path.data, err)))
		status = file_write(path.data, out.data, out.len, err);
out:
	str_free(&out);
	str_free(&text);
	str_free(&path);
	return status;
}

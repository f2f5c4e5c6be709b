#include "app/config_impl.h"

#include <ctype.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "app/assets.h"
#include "base/file.h"
#include "base/path.h"

/* libinih's own limit is 200 with line end and NUL. */
enum { MOST_LINE = 196, MOST_FILE = 1 << 20 };

/* ---- loading ---- */

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
	if (*section || !config_find(key, NULL)) {
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
	const char *key;

	for (int i = 0; (key = config_key(i)); i++) {
		char name[64];
		error why = { 0 };
		variable_name(name, key);
		const char *value = getenv(name);
		if (value && *value && config_set(c, key, value, &why))
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
	return (*line == '=' || *line == ':') && config_same_key(name, key);
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
static int check_value(const char *name, const char *value, error *err)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)value[i]) || (value[i] == ';' && (i == 0 || isspace((unsigned char)value[i - 1]))))
			return config_refuse(name, value, "a control character, or a ';' after a space, cannot stand in the file", err);
	if (n && (isspace((unsigned char)value[0]) || isspace((unsigned char)value[n - 1])))
		return config_refuse(name, value, "it may not begin or end with a space", err);
	if (strlen(name) + 3 + n > MOST_LINE)
		return error_set(err, ERR_ARG, "%s: the value is too long for a line of the file (%d bytes); a model has a "
		                 "short name in `folio models`", name, MOST_LINE);
	return 0;
}

static int check_setting(const char *name, const char *value, error *err)
{
	config c;
	int status = config_defaults(&c, err);

	if (!status && !(status = config_set(&c, name, value, err)))
		status = check_value(name, value, err);
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
	const char *name = config_find(key, err);
	str path = STR_INIT, text = STR_INIT, out = STR_INIT;
	int status;

	if (!name)
		return ERR_ARG;
	if ((status = check_setting(name, value, err)) || (status = path_config_file(&path, err)))
		goto out;
	status = file_read(&text, path.data, MOST_FILE, err);
	if (status == ERR_NOTFOUND && !(status = make_parent(path.data, err))) {
		const asset *example = asset_find("config.ini");
		if (example)
			str_put(&text, example->bytes, example->len);
	}
	if (status || (status = check_lines(&text, path.data, err)))
		goto out;
	put_edited(&out, str_text(&text), name, value);
	if (!(status = str_ok(&text, err)) && !(status = str_ok(&out, err)) && !(status = check_lines(&out, path.data, err)))
		status = file_write(path.data, out.data, out.len, err);
out:
	str_free(&out);
	str_free(&text);
	str_free(&path);
	return status;
}

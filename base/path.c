#include "base/path.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void path_join(str *out, const char *a, const char *b)
{
	str_clear(out);
	str_puts(out, a);
	if (out->len && out->data[out->len - 1] != '/')
		str_putc(out, '/');
	while (*b == '/')
		b++;
	str_puts(out, b);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *path_extension(const char *path)
{
	const char *base = path_base(path), *dot = strrchr(base, '.');

	return dot && dot != base ? dot + 1 : "";
}

int path_real(str *out, const char *path, error *err)
{
	char *real = realpath(path, NULL);

	str_clear(out);
	if (!real) {
		if (errno == ENOENT || errno == ENOTDIR)
			return error_set(err, ERR_NOTFOUND, "%s: there is no such file or folder", path);
		return error_errno(err, ERR_IO, "%s: cannot be found", path);
	}
	str_puts(out, real);
	free(real);
	return str_ok(out, err);
}

bool path_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool path_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int path_make_dirs(const char *path, error *err)
{
	str part = STR_INIT;
	int status = 0;

	for (const char *p = path; *p && !status; p++) {
		if (p[0] == '/' || (p[1] != '/' && p[1] != '\0'))
			continue;
		str_clear(&part);
		str_put(&part, path, (size_t)(p - path) + 1);
		if ((status = str_ok(&part, err)))
			break;
		if (mkdir(part.data, 0700) && errno != EEXIST)
			status = error_errno(err, ERR_IO, "%s: the folder cannot be created", part.data);
	}
	if (!status && !path_is_dir(path))
		status = error_set(err, ERR_IO, "%s: is in the way, a folder is needed here", path);
	str_free(&part);
	return status;
}

static const char *absolute_env(const char *name)
{
	const char *v = getenv(name);

	return v && v[0] == '/' ? v : NULL; /* the XDG specification: relative paths are ignored */
}

static int home_dir(str *out, const char *tail, error *err)
{
	const char *home = absolute_env("HOME");

	if (!home) {
		struct passwd *pw = getpwuid(getuid());
		home = pw ? pw->pw_dir : NULL;
	}
	if (!home || home[0] != '/')
		return error_set(err, ERR_IO, "the home folder is unknown: set HOME or FOLIO_HOME");
	path_join(out, home, tail);
	return str_ok(out, err);
}

static int xdg_dir(str *out, const char *variable, const char *tail, const char *home_tail, error *err)
{
	const char *base = absolute_env(variable);

	if (!base)
		return home_dir(out, home_tail, err);
	path_join(out, base, tail);
	return str_ok(out, err);
}

static bool own_home(str *out, const char *tail)
{
	const char *own = getenv("FOLIO_HOME");

	if (!own || !own[0])
		return false;
	path_join(out, own, tail);
	while (out->len > 1 && out->data[out->len - 1] == '/')
		str_truncate(out, out->len - 1);
	return true;
}

int path_data_home(str *out, error *err)
{
	if (own_home(out, ""))
		return str_ok(out, err);
	return xdg_dir(out, "XDG_DATA_HOME", "folio", ".local/share/folio", err);
}

int path_state_home(str *out, error *err)
{
	if (own_home(out, "state"))
		return str_ok(out, err);
	return xdg_dir(out, "XDG_STATE_HOME", "folio", ".local/state/folio", err);
}

int path_config_file(str *out, error *err)
{
	const char *own = getenv("FOLIO_CONFIG");

	if (own && own[0]) {
		str_clear(out);
		str_puts(out, own);
		return str_ok(out, err);
	}
	return xdg_dir(out, "XDG_CONFIG_HOME", "folio/config.ini", ".config/folio/config.ini", err);
}

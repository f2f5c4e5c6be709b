#include "store/files.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

void file_list_free(file_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
	*l = FILE_LIST_INIT;
}

int file_list_add(file_list *l, const char *name, error *err)
{
	char *copy = strdup(name);

	if (!copy || !MEM_GROW(l->name, l->cap, l->n + 1)) {
		free(copy);
		return error_nomem(err, "a list of files");
	}
	l->name[l->n++] = copy;
	return 0;
}

bool file_name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 3 && n < 80 && name[0] != '.' && !strchr(name, '/') && strcmp(name + n - 3, ".kv") == 0;
}

/* ---- rows ---- */

int files_of(file_list *out, sqlite3_stmt *st, store *s, error *err)
{
	int status;

	while ((status = db_step_row(st, s, err)) > 0) {
		const char *name = (const char *)sqlite3_column_text(st, 0);
		if (name && file_name_ok(name) && (status = file_list_add(out, name, err)))
			break;
	}
	sqlite3_finalize(st);
	return status;
}

int files_keep_used(file_list *l, store *s, error *err)
{
	int64_t one;

	for (size_t i = l->n; i-- > 0;) {
		int used = db_int(&one, s, err, "SELECT 1 FROM contexts WHERE file = ? LIMIT 1", "s", l->name[i]);
		if (used < 0)
			return used;
		if (used) {
			free(l->name[i]);
			l->name[i] = l->name[--l->n];
		}
	}
	return 0;
}

int64_t files_remove(const file_list *l, store *s)
{
	int64_t freed = 0;
	str path = STR_INIT;
	struct stat st;

	for (size_t i = 0; i < l->n; i++) {
		store_context_path(&path, s, l->name[i]);
		if (path.oom || lstat(path.data, &st))
			continue;
		if (unlink(path.data))
			log_line(LOG_WARN, "%s: cannot be removed: %s", path.data, strerror(errno));
		else
			freed += st.st_size;
	}
	str_free(&path);
	return freed;
}

int files_used_bytes(int64_t *out, store *s, error *err)
{
	*out = 0;
	int status = db_int(out, s, err,
	                    "SELECT coalesce(sum(b), 0) FROM (SELECT max(file_bytes) AS b FROM contexts GROUP BY file)", "");
	return status < 0 ? status : 0;
}

/* ---- paths ---- */

/* Resolve "." and ".." by text alone; path is absolute. */
static void put_plain(str *out, const char *path)
{
	str_clear(out);
	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			const char *slash = out->len ? strrchr(out->data, '/') : NULL;
			str_truncate(out, slash ? (size_t)(slash - out->data) : 0);
		} else if (n && !(n == 1 && path[0] == '.')) {
			str_putc(out, '/');
			str_put(out, path, n);
		}
		path += n;
		path += strspn(path, "/");
	}
	if (!out->len)
		str_putc(out, '/');
}

static int absolute_text(str *out, const char *word, error *err)
{
	str joined = STR_INIT;
	char *here = word[0] == '/' ? NULL : getcwd(NULL, 0);

	if (word[0] == '/')
		str_puts(&joined, word);
	else
		path_join(&joined, here ? here : "/", word);
	free(here);
	int status = str_ok(&joined, err);
	if (!status)
		put_plain(out, joined.data);
	str_free(&joined);
	return status ? status : str_ok(out, err);
}

/* path, its first cut bytes resolved, if they exist. 1: done, 0: they do not. */
static int follow(str *path, size_t cut, error *err)
{
	char *rest = strdup(path->data + cut), *real = NULL;

	if (!rest)
		return error_nomem(err, "a path");
	path->data[cut] = '\0';
	real = realpath(path->data, NULL);
	path->data[cut] = rest[0];
	int found = real != NULL;
	if (found) {
		str_clear(path);
		str_puts(path, real);
		if (rest[0])
			path_join(path, real, rest);
	}
	free(real);
	free(rest);
	return found;
}

/* A document that is gone was stored by its real path: follow the links of the
 * folders that are still there. */
static int follow_existing(str *path, error *err)
{
	int found = 0;

	for (size_t cut = path->len; cut > 0 && !found; cut--)
		if (cut == path->len || path->data[cut] == '/')
			found = follow(path, cut, err);
	return found < 0 ? found : str_ok(path, err);
}

int files_absolute(str *out, const char *word, error *err)
{
	int status;

	/* First as the kernel sees it: a ".." behind a link means something else in text. */
	if (path_real(out, word, NULL) == 0)
		return 0;
	if ((status = absolute_text(out, word, err)))
		return status;
	return follow_existing(out, err);
}

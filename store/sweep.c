#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/db.h"
#include "store/disk.h"
#include "store/files.h"

enum {
	/* A context is in place a moment before its row is; and after a crash in that
	 * moment the next `folio add` still finds it. */
	YOUNG_S = 600,
	/* An interrupted read that nobody went on with for so long. */
	PARTIAL_S = 30 * 24 * 3600,
};

typedef enum { OTHER, CONTEXT, WRITING, PARTIAL } file_kind;

static bool ends_with(const char *name, const char *tail)
{
	size_t n = strlen(name), m = strlen(tail);

	return n > m && strcmp(name + n - m, tail) == 0;
}

static file_kind kind_of(const char *name)
{
	if (ends_with(name, ".kv.tmp"))
		return WRITING;
	if (ends_with(name, ".part"))
		return PARTIAL;
	return file_name_ok(name) ? CONTEXT : OTHER;
}

typedef int (*visit_fn)(void *ud, store *s, const char *name, const char *path, const struct stat *st, error *err);

/* Call visit for every regular file under contexts/. */
static int each_file(store *s, visit_fn visit, void *ud, error *err)
{
	DIR *dir = opendir(s->contexts);
	str path = STR_INIT;
	struct dirent *d;
	int status = 0;

	if (!dir)
		return error_errno(err, ERR_IO, "%s: the folder cannot be read", s->contexts);
	while (!status && (errno = 0, d = readdir(dir))) {
		struct stat st;
		store_context_path(&path, s, d->d_name);
		if ((status = str_ok(&path, err)) == 0 && lstat(path.data, &st) == 0 && S_ISREG(st.st_mode))
			status = visit(ud, s, d->d_name, path.data, &st, err);
	}
	if (!status && errno)
		status = error_errno(err, ERR_IO, "%s: the folder cannot be read", s->contexts);
	closedir(dir);
	str_free(&path);
	return status;
}

/* 1: a row names it, 0: none does. */
static int has_row(store *s, const char *name, error *err)
{
	int64_t one;

	return db_int(&one, s, err, "SELECT 1 FROM contexts WHERE file = ? LIMIT 1", "s", name);
}

/* ---- what there is ---- */

static int add_usage(void *ud, store *s, const char *name, const char *path, const struct stat *st, error *err)
{
	store_usage *u = ud;
	int used;

	switch (kind_of(name)) {
	case CONTEXT:
		if ((used = has_row(s, name, err)) < 0)
			return used;
		*(used ? &u->context_bytes : &u->orphan_bytes) += st->st_size;
		break;
	case WRITING:
		if (!disk_locked(path))
			u->orphan_bytes += st->st_size;
		break;
	case PARTIAL:
		u->partial_bytes += st->st_size;
		break;
	case OTHER:
		break;
	}
	return 0;
}

static int count(int *out, store *s, const char *sql, error *err)
{
	int64_t n = 0;
	int status = db_int(&n, s, err, sql, "");

	*out = (int)n;
	return status < 0 ? status : 0;
}

int store_get_usage(store_usage *out, store *s, error *err)
{
	int status;

	*out = (store_usage){ 0 };
	if ((status = each_file(s, add_usage, out, err)) ||
	    (status = count(&out->documents, s, "SELECT count(*) FROM documents", err)) ||
	    (status = count(&out->contexts, s, "SELECT count(*) FROM contexts", err)) ||
	    (status = count(&out->conversations, s, "SELECT count(*) FROM conversations", err)))
		return status;
	out->free_bytes = disk_free(s->file);
	return 0;
}

/* ---- cleaning up ---- */

typedef struct {
	int64_t freed, now;
} sweep;

static int sweep_file(void *ud, store *s, const char *name, const char *path, const struct stat *st, error *err)
{
	sweep *w = ud;
	int64_t age = w->now - st->st_mtime;
	/* A file's time may be ahead of the clock's second by a little, a wrong clock by years. */
	bool young = age > -YOUNG_S && age < YOUNG_S, gone = false;
	int used;

	switch (kind_of(name)) {
	case CONTEXT:
		if ((used = has_row(s, name, err)) < 0)
			return used;
		gone = !used && !young && unlink(path) == 0;
		break;
	case WRITING: /* locked for as long as its writer lives */
		gone = disk_remove_unlocked(path);
		break;
	case PARTIAL:
		gone = age > PARTIAL_S && disk_remove_unlocked(path);
		break;
	case OTHER:
		break;
	}
	if (gone)
		w->freed += st->st_size;
	return 0;
}

int store_sweep(store *s, int64_t *freed, error *err)
{
	sweep w = { 0, clock_unix() };
	int status = db_begin(s, err); /* nobody puts a row while we look for files without one */

	*freed = 0;
	if (status)
		return status;
	status = each_file(s, sweep_file, &w, err);
	status = db_end(s, status, err);
	*freed = w.freed;
	return status;
}

/* ---- SQLite's own check ---- */

int store_check(store *s, error *err)
{
	sqlite3_stmt *st;
	int status = db_prepare(&st, s, err, "PRAGMA integrity_check(1)", "");

	if (status)
		return status;
	if ((status = db_step_row(st, s, err)) > 0) {
		const char *found = (const char *)sqlite3_column_text(st, 0);
		status = found && strcmp(found, "ok") == 0 ? 0 :
		         error_set(err, ERR_FORMAT,
		                   "%s: the library's catalogue is damaged (%s): restore a copy, or move it and its -wal file "
		                   "elsewhere and add the documents again", s->file, found ? found : "?");
	}
	sqlite3_finalize(st);
	if (status || (status = db_prepare(&st, s, err, "PRAGMA foreign_key_check", "")))
		return status;
	if ((status = db_step_row(st, s, err)) > 0)
		status = error_set(err, ERR_FORMAT, "%s: a row of %s belongs to nothing: restore a copy of the library", s->file,
		                   (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return status;
}

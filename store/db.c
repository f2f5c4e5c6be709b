#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "store/disk.h"

enum {
	WAIT_MS = 5000,          /* for another process's transaction */
	WAL_KEPT = 16 << 20,     /* the log is cut back to this after a large text */
	APPLICATION = 0x666f6c69 /* "foli" */
};

/* ---- errors ---- */

static int damaged(const store *s, const char *detail, error *err)
{
	return error_set(err, ERR_FORMAT,
	                 "%s: the library's catalogue is damaged (%s); nothing was changed: restore a copy, or move it and "
	                 "its -wal file elsewhere and add the documents again",
	                 s->file, detail);
}

/* The errno behind SQLITE_IOERR: not every way to an error leaves it with the
 * connection, but the file that failed, log or database, keeps its own. */
static int last_errno(sqlite3 *db)
{
	sqlite3_file *log = NULL;
	int why = sqlite3_system_errno(db);

	if (!why && sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log &&
	    log->pMethods)
		log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &why);
	if (!why)
		sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &why);
	return why;
}

static int io_failed(const store *s, const char *detail, error *err)
{
	int why = s->db ? last_errno(s->db) : 0;

	errno = why;
	if (why && why != EIO)
		return disk_write_failed(s->file, 0, err);
	return error_set(err, ERR_IO, "%s: the library cannot be read or written, the disk may be failing: %s", s->file,
	                 detail);
}

int db_fail(store *s, int rc, error *err)
{
	const char *detail = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(err, ERR_BUSY, "%s: another folio is using the library: try again when it is done", s->file);
	case SQLITE_FULL:
		return error_set(err, ERR_FULL,
		                 "%s: the disk is full: remove documents with `folio rm` or make room; nothing was lost",
		                 s->file);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return damaged(s, detail, err);
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return error_set(err, ERR_IO,
		                 "%s: the library cannot be written (%s): check that %s is yours and not read-only", s->file,
		                 detail, s->home);
	case SQLITE_NOMEM:
		return error_nomem(err, "the library");
	case SQLITE_TOOBIG:
		return error_set(err, ERR_ARG, "%s: this text is larger than the library takes (1 GB)", s->file);
	case SQLITE_IOERR:
		return io_failed(s, detail, err);
	default:
		return error_set(err, ERR_IO, "%s: the library refused: %s", s->file, detail);
	}
}

int db_changed(store *s, error *err, const char *what, int64_t id)
{
	if (sqlite3_changes(s->db) > 0)
		return 0;
	return error_set(err, ERR_NOTFOUND, "the library has no %s %lld", what, (long long)id);
}

/* ---- statements ---- */

static int bind(sqlite3_stmt *st, const char *types, va_list ap)
{
	int rc = SQLITE_OK;

	for (int i = 1; *types && rc == SQLITE_OK; i++, types++) {
		const char *text;
		const void *bytes;
		switch (*types) {
		case 'i':
			rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
			break;
		case 's':
			text = va_arg(ap, const char *);
			rc = sqlite3_bind_text(st, i, text ? text : "", -1, SQLITE_TRANSIENT);
			break;
		default:
			bytes = va_arg(ap, const void *);
			rc = sqlite3_bind_blob64(st, i, bytes ? bytes : "", (sqlite3_uint64)va_arg(ap, int64_t),
			                         SQLITE_STATIC);
		}
	}
	return rc;
}

static int prepare(sqlite3_stmt **out, store *s, error *err, const char *sql, const char *types, va_list ap)
{
	int rc = sqlite3_prepare_v2(s->db, sql, -1, out, NULL);

	if (rc == SQLITE_OK)
		rc = bind(*out, types, ap);
	if (rc == SQLITE_OK)
		return 0;

	int status = db_fail(s, rc, err);
	sqlite3_finalize(*out);
	*out = NULL;
	return status;
}

int db_prepare(sqlite3_stmt **out, store *s, error *err, const char *sql, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	int status = prepare(out, s, err, sql, types, ap);
	va_end(ap);
	return status;
}

int db_step_row(sqlite3_stmt *st, store *s, error *err)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : db_fail(s, rc, err);
}

int db_run(store *s, error *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;

	va_start(ap, types);
	int status = prepare(&st, s, err, sql, types, ap);
	va_end(ap);
	if (status)
		return status;
	while ((status = db_step_row(st, s, err)) > 0)
		;
	sqlite3_finalize(st);
	return status;
}

int db_int(int64_t *out, store *s, error *err, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;

	va_start(ap, types);
	int status = prepare(&st, s, err, sql, types, ap);
	va_end(ap);
	if (status)
		return status;
	status = db_step_row(st, s, err);
	if (status > 0)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return status;
}

char *db_text(sqlite3_stmt *st, int column, bool *oom)
{
	const char *text = (const char *)sqlite3_column_text(st, column);
	char *copy = mem_text(text);

	if (!copy)
		*oom = true;
	return copy;
}

void db_hash(char out[HASH_TEXT], sqlite3_stmt *st, int column)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	snprintf(out, HASH_TEXT, "%s", text ? text : "");
}

int db_begin(store *s, error *err)
{
	return db_run(s, err, "BEGIN IMMEDIATE", "");
}

int db_end(store *s, int status, error *err)
{
	if (!status)
		status = db_run(s, err, "COMMIT", "");
	/* Some failures have rolled back already. */
	if (status && !sqlite3_get_autocommit(s->db))
		db_run(s, NULL, "ROLLBACK", "");
	return status;
}

int db_collect(void **out, int *n, size_t size, sqlite3_stmt *st, store *s, db_row_fn take,
               void (*drop)(void *row), error *err)
{
	void *rows = NULL;
	size_t used = 0, cap = 0;
	int status;

	while ((status = db_step_row(st, s, err)) > 0) {
		if (used == INT32_MAX || !mem_grow(&rows, &cap, used + 1, size)) {
			status = error_nomem(err, "a list of the library");
			break;
		}
		void *row = (char *)rows + used++ * size;
		memset(row, 0, size);
		if ((status = take(row, st, err)))
			break;
	}
	sqlite3_finalize(st);
	for (size_t i = 0; i < used && status; i++)
		if (drop)
			drop((char *)rows + i * size);
	if (status) {
		free(rows);
		rows = NULL;
		used = 0;
	}
	*out = rows;
	*n = (int)used;
	return status;
}

/* ---- opening ---- */

/* ours: private even when it was there; the home that a person made keeps its mode. */
static int make_folder(const char *path, bool ours, error *err)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	int status = path_make_dirs(path, err);

	if (status || (there && (!ours || (st.st_mode & 0777) == 0700)))
		return status;
	return chmod(path, 0700) ? error_errno(err, ERR_IO, "%s: cannot be made private", path) : 0;
}

static int create_private(const store *s, error *err)
{
	int fd = open(s->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? 0 : disk_write_failed(s->file, 0, err);
	int failed = fchmod(fd, 0600);
	close(fd);
	return failed ? error_errno(err, ERR_IO, "%s: cannot be made private", s->file) : 0;
}

/* SQLite gives its log and index the mode of the database. A file that is there is
 * not opened here: closing it would drop the locks this process has on it. */
static int make_private_file(const store *s, error *err)
{
	struct stat st;
	int status = path_exists(s->file) ? 0 : create_private(s, err);

	if (status)
		return status;
	if (stat(s->file, &st))
		return error_errno(err, ERR_IO, "%s: cannot be examined", s->file);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_IO, "%s: is in the way, a file is needed here", s->file);
	if ((st.st_mode & 0777) != 0600 && chmod(s->file, 0600))
		return error_errno(err, ERR_IO, "%s: cannot be made private", s->file);
	return 0;
}

static int make_home(store *s, const char *home, error *err)
{
	str real = STR_INIT;
	int status;

	if ((status = make_folder(home, false, err)) || (status = path_real(&real, home, err))) {
		str_free(&real);
		return status;
	}
	s->home = str_take(&real);
	if (asprintf(&s->file, "%s/folio.db", s->home) < 0 || asprintf(&s->contexts, "%s/contexts", s->home) < 0)
		return error_nomem(err, "the library");
	status = make_folder(s->contexts, true, err);
	return status ? status : make_private_file(s, err);
}

/* The change to WAL needs the file for itself and does not wait by itself while
 * another process makes the same change. */
static int enter_wal(store *s, error *err)
{
	double until = clock_s() + WAIT_MS / 1e3;
	int status;

	while ((status = db_run(s, err, "PRAGMA journal_mode = WAL", "")) == ERR_BUSY && clock_s() < until)
		usleep(10000);
	return status;
}

/* A database may come from anywhere: nothing in its schema may run by itself, and
 * what was promised to a person must survive the power going (FULL). */
static int set_up(store *s, error *err)
{
	static const char *const pragma[] = {
		"PRAGMA trusted_schema = OFF",
		"PRAGMA cell_size_check = ON",
		"PRAGMA foreign_keys = ON",
		"PRAGMA synchronous = FULL",
	};
	str limit = STR_INIT;
	int status = 0;

	sqlite3_busy_timeout(s->db, WAIT_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (size_t i = 0; i < sizeof(pragma) / sizeof(*pragma) && !status; i++)
		status = db_run(s, err, pragma[i], "");
	str_putf(&limit, "PRAGMA journal_size_limit = %d", WAL_KEPT);
	if (!status && (status = str_ok(&limit, err)) == 0)
		status = db_run(s, err, limit.data, "");
	str_free(&limit);
	return status;
}

int store_open(store **out, const char *home, error *err)
{
	store *s = mem_zeroed(1, sizeof(*s));
	int status;

	*out = NULL;
	if (!s)
		return error_nomem(err, "the library");
	if ((status = make_home(s, home, err)))
		goto fail;
	int rc = sqlite3_open_v2(s->file, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (rc != SQLITE_OK) {
		status = db_fail(s, rc, err);
		goto fail;
	}
	sqlite3_extended_result_codes(s->db, 1);
	if ((status = set_up(s, err)) || (status = enter_wal(s, err)) || (status = db_migrate(s, db_step, db_steps, err)))
		goto fail;
	*out = s;
	return 0;
fail:
	store_close(s);
	return status;
}

void store_close(store *s)
{
	if (!s)
		return;
	if (sqlite3_close(s->db) != SQLITE_OK)
		log_line(LOG_ERROR, "%s: a statement was left open", s->file);
	free(s->home);
	free(s->file);
	free(s->contexts);
	free(s);
}

const char *store_home(const store *s)
{
	return s->home;
}

/* ---- migrations ---- */

static int check_owner(store *s, int64_t version, int steps, error *err)
{
	int64_t id = 0, tables = 0;
	int status;

	if ((status = db_int(&id, s, err, "PRAGMA application_id", "")) < 0 ||
	    (status = db_int(&tables, s, err, "SELECT count(*) FROM sqlite_schema", "")) < 0)
		return status;
	if (id != APPLICATION && (id || tables || version))
		return error_set(err, ERR_FORMAT,
		                 "%s: is the database of another program: move it away, or set FOLIO_HOME to another folder",
		                 s->file);
	if (version > steps)
		return error_set(err, ERR_FORMAT, "%s: the library was written by a newer folio (version %lld, this one knows %d): "
		                 "update folio", s->file, (long long)version, steps);
	return version < 0 ? damaged(s, "impossible version", err) : 0;
}

static int set_version(store *s, int version, error *err)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", version);
	int status = db_run(s, err, sql, "");
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION);
	return status ? status : db_run(s, err, sql, "");
}

static int run_steps(store *s, const char *const *step, int from, int steps, error *err)
{
	for (int i = from; i < steps; i++) {
		int rc = sqlite3_exec(s->db, step[i], NULL, NULL, NULL);
		if (rc != SQLITE_OK)
			return db_fail(s, rc, err);
	}
	return set_version(s, steps, err);
}

int db_migrate(store *s, const char *const *step, int steps, error *err)
{
	int64_t version = 0;
	int status = db_int(&version, s, err, "PRAGMA user_version", "");

	if (status < 0 || (status = check_owner(s, version, steps, err)) || version == steps)
		return status;
	if ((status = db_begin(s, err)))
		return status;
	/* Again under the lock: another folio may have done it while we waited. */
	status = db_int(&version, s, err, "PRAGMA user_version", "");
	if (status >= 0)
		status = version < steps ? run_steps(s, step, (int)version, steps, err) : 0;
	return db_end(s, status, err);
}

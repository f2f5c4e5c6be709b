/* store/db.h - SQLite as the store uses it: one place that opens, migrates, binds
 * and turns SQLite's codes into folio's errors. Internal to store. */

#ifndef STORE_DB_H
#define STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "store/store.h"

struct store {
	sqlite3 *db;
	char *home;     /* absolute */
	char *file;     /* home/folio.db */
	char *contexts; /* home/contexts */
};

/* The schema: step i takes a database from user_version i to i + 1. A step that a
 * person may have run is never changed, only followed by another. */
extern const char *const db_step[];
extern const int db_steps;

/* Bring s->db up to the last step, each in the same one transaction. ERR_FORMAT for
 * a newer one or for a database of another program. */
int db_migrate(store *s, const char *const *step, int steps, error *err);

/* What SQLite just refused, as a sentence. */
int db_fail(store *s, int rc, error *err);

/* ---- statements ----
 * types: a letter for each parameter, then its argument:
 *   i  int64_t
 *   s  const char *, NULL counts as ""; any bytes but NUL
 *   b  const void *, int64_t: bytes */
int db_prepare(sqlite3_stmt **out, store *s, error *err, const char *sql, const char *types, ...);
/* 1: a row, 0: no more, negative: error. */
int db_step_row(sqlite3_stmt *st, store *s, error *err);
/* Prepare, step to the end, finalize. */
int db_run(store *s, error *err, const char *sql, const char *types, ...);
/* The first column of the first row. 1 and *out set, 0 when there is none. */
int db_int(int64_t *out, store *s, error *err, const char *sql, const char *types, ...);

/* Column as malloc'ed text, never NULL unless memory ran out (*oom is set then). */
char *db_text(sqlite3_stmt *st, int column, bool *oom);
/* Column into a hash's buffer; anything too long is cut. */
void db_hash(char out[HASH_TEXT], sqlite3_stmt *st, int column);

/* BEGIN IMMEDIATE: the lock is taken here, where waiting is possible, and not in
 * the middle. db_end commits when status is 0, else rolls back, and gives the
 * status that counts. */
int db_begin(store *s, error *err);
int db_end(store *s, int status, error *err);

/* ERR_NOTFOUND with the sentence unless the last statement changed a row. */
int db_changed(store *s, error *err, const char *what, int64_t id);

/* ---- lists ---- */

/* Take one row of st into *row (already zeroed). */
typedef int (*db_row_fn)(void *row, sqlite3_stmt *st, error *err);
/* All rows of st into one malloc'ed array of elements of the given size; on failure
 * those taken are given to drop. Finalizes st. */
int db_collect(void **out, int *n, size_t size, sqlite3_stmt *st, store *s, db_row_fn take,
               void (*drop)(void *row), error *err);

/* ---- names ---- */

enum {
	NAME_MADE = 60,  /* bytes of a name made from a title, before a number is added */
	NAME_MOST = 200, /* of one that a person chose */
};

/* What a person can type: small letters, digits, ".", "_", "-" and letters of other
 * scripts; "unnamed" when nothing is left. */
int name_clean(str *out, const char *text, size_t most, error *err);
/* clean, or clean-2, clean-3, ... : the first that no other row of table has. */
int name_unique(str *out, store *s, const char *table, const char *clean, int64_t except, error *err);
/* A prefix for LIKE ... ESCAPE '\': % and _ of the word stand for themselves. */
void name_like(str *out, const char *word);

#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/path.h"
#include "store/db.h"
#include "store/files.h"

#define COLUMNS "c.id, c.document, c.section, c.sections, c.model, c.key, c.from_byte, c.to_byte, c.tokens," \
	" c.file_bytes, c.file, c.created, c.used"

void store_context_path(str *out, const store *s, const char *file)
{
	path_join(out, s->contexts, file);
}

static int take(void *row, sqlite3_stmt *st, error *err)
{
	context_row *r = row;
	const char *file = (const char *)sqlite3_column_text(st, 10);

	if (!file || !file_name_ok(file))
		return error_set(err, ERR_FORMAT, "the library's catalogue names \"%s\" as a context file: add the document again",
		                 file ? file : "");
	r->id = sqlite3_column_int64(st, 0);
	r->document = sqlite3_column_int64(st, 1);
	r->section = sqlite3_column_int(st, 2);
	r->sections = sqlite3_column_int(st, 3);
	db_hash(r->model, st, 4);
	db_hash(r->key, st, 5);
	r->from_byte = sqlite3_column_int64(st, 6);
	r->to_byte = sqlite3_column_int64(st, 7);
	r->tokens = sqlite3_column_int64(st, 8);
	r->file_bytes = sqlite3_column_int64(st, 9);
	snprintf(r->file, sizeof(r->file), "%s", file);
	r->created = sqlite3_column_int64(st, 11);
	r->used = sqlite3_column_int64(st, 12);
	return 0;
}

int store_list_contexts(context_row **out, int *n, store *s, int64_t document, const char *model, error *err)
{
	sqlite3_stmt *st;
	void *rows = NULL;
	int status = db_prepare(&st, s, err,
	                        "SELECT " COLUMNS " FROM contexts c JOIN documents d ON d.id = c.document"
	                        " WHERE c.document = ? AND c.model = ? AND c.hash = d.hash ORDER BY c.section", "is",
	                        document, model);

	*n = 0;
	if (!status)
		status = db_collect(&rows, n, sizeof(**out), st, s, take, NULL, err);
	*out = rows;
	return status;
}

static int take_read(void *row, sqlite3_stmt *st, error *err)
{
	read_row *r = row;

	(void)err;
	r->document = sqlite3_column_int64(st, 0);
	db_hash(r->model, st, 1);
	r->sections = sqlite3_column_int(st, 2);
	r->have = sqlite3_column_int(st, 3);
	r->tokens = sqlite3_column_int64(st, 4);
	r->file_bytes = sqlite3_column_int64(st, 5);
	return 0;
}

int store_list_read(read_row **out, int *n, store *s, error *err)
{
	sqlite3_stmt *st;
	void *rows = NULL;
	int status = db_prepare(&st, s, err,
	                        "SELECT c.document, c.model, max(c.sections), count(*), sum(c.tokens), sum(c.file_bytes)"
	                        " FROM contexts c JOIN documents d ON d.id = c.document WHERE c.hash = d.hash"
	                        " GROUP BY c.document, c.model ORDER BY c.document, max(c.used) DESC", "");

	*n = 0;
	if (!status)
		status = db_collect(&rows, n, sizeof(**out), st, s, take_read, NULL, err);
	*out = rows;
	return status;
}

/* ---- putting ---- */

/* The row may only name what is there: under the same lock store_sweep removes what
 * no row names. */
static int check_file(store *s, context_row *r, error *err)
{
	str path = STR_INIT;
	struct stat st;

	if (!file_name_ok(r->file))
		return error_set(err, ERR_ARG, "\"%s\" cannot be a context's file: a plain name ending in .kv is needed", r->file);
	store_context_path(&path, s, r->file);
	int status = str_ok(&path, err);
	if (!status && stat(path.data, &st))
		status = error_errno(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: the context is not in place", path.data);
	if (!status)
		r->file_bytes = st.st_size;
	str_free(&path);
	return status;
}

static int upsert(store *s, context_row *r, error *err)
{
	int status = db_run(s, err,
	                    "INSERT INTO contexts (document, model, section, sections, hash, key, from_byte, to_byte,"
	                    " tokens, file_bytes, file, created, used) SELECT id, ?, ?, ?, hash, ?, ?, ?, ?, ?, ?, ?, ?"
	                    " FROM documents WHERE id = ?"
	                    " ON CONFLICT (document, model, section) DO UPDATE SET sections = excluded.sections,"
	                    " hash = excluded.hash, key = excluded.key, from_byte = excluded.from_byte,"
	                    " to_byte = excluded.to_byte, tokens = excluded.tokens, file_bytes = excluded.file_bytes,"
	                    " file = excluded.file, created = excluded.created, used = excluded.used", "siisiiiisiii",
	                    r->model, (int64_t)r->section, (int64_t)r->sections, r->key, r->from_byte, r->to_byte, r->tokens,
	                    r->file_bytes, r->file, r->created, r->used, r->document);

	return status ? status : db_changed(s, err, "document", r->document);
}

/* Rows of the document that nothing can use any more: of an earlier text, or of a
 * division into another number of sections. */
#define STALE "document = ?1 AND (hash <> (SELECT hash FROM documents WHERE id = ?1)" \
	" OR (model = ?2 AND sections <> ?3))"

/* Only once the new reading is whole: until then its sections may turn out to be
 * those files. */
static int drop_stale(file_list *gone, store *s, const context_row *r, error *err)
{
	sqlite3_stmt *st;
	int64_t have = 0;
	int status = db_int(&have, s, err,
	                    "SELECT count(*) FROM contexts c JOIN documents d ON d.id = c.document WHERE c.document = ?"
	                    " AND c.model = ? AND c.sections = ? AND c.hash = d.hash", "isi", r->document, r->model,
	                    (int64_t)r->sections);

	if (status < 0 || have < r->sections)
		return status < 0 ? status : 0;
	status = db_prepare(&st, s, err, "SELECT file FROM contexts WHERE " STALE, "isi", r->document, r->model,
	                    (int64_t)r->sections);
	if (!status)
		status = files_of(gone, st, s, err);
	if (!status)
		status = db_run(s, err, "DELETE FROM contexts WHERE " STALE, "isi", r->document, r->model,
		                (int64_t)r->sections);
	return status;
}

static int put(file_list *gone, store *s, context_row *r, error *err)
{
	sqlite3_stmt *st;
	int status;

	if ((status = check_file(s, r, err)) ||
	    (status = db_prepare(&st, s, err, "SELECT file FROM contexts WHERE document = ? AND model = ? AND section = ?",
	                         "isi", r->document, r->model, (int64_t)r->section)) ||
	    (status = files_of(gone, st, s, err)) || (status = upsert(s, r, err)))
		return status;
	status = db_int(&r->id, s, err, "SELECT id FROM contexts WHERE document = ? AND model = ? AND section = ?", "isi",
	                r->document, r->model, (int64_t)r->section);
	if (status < 0 || (status = drop_stale(gone, s, r, err)))
		return status;
	return files_keep_used(gone, s, err);
}

int store_put_context(store *s, context_row *r, error *err)
{
	file_list gone = FILE_LIST_INIT;
	int status;

	if (r->section < 0 || r->sections <= r->section)
		return error_set(err, ERR_ARG, "there is no section %d of %d", r->section + 1, r->sections);
	if ((status = db_begin(s, err)))
		return status;
	r->used = clock_unix();
	if (!r->created)
		r->created = r->used;
	status = db_end(s, put(&gone, s, r, err), err);
	if (!status)
		files_remove(&gone, s);
	file_list_free(&gone);
	return status;
}

int store_touch_contexts(store *s, int64_t document, const char *model, error *err)
{
	return db_run(s, err, "UPDATE contexts SET used = ? WHERE document = ? AND model = ?", "iis", clock_unix(),
	              document, model);
}

/* ---- removing ---- */

/* Rows of a document and a model (NULL: all) and, either way, those that no longer
 * fit the document. Inside a transaction. */
static int remove_rows(file_list *gone, store *s, int64_t document, const char *model, error *err)
{
	static const char which[] = "document = ?1 AND (?2 OR model = ?3 OR"
	                            " hash <> (SELECT hash FROM documents WHERE id = ?1))";
	char sql[256];
	sqlite3_stmt *st;

	snprintf(sql, sizeof(sql), "SELECT file FROM contexts WHERE %s", which);
	int status = db_prepare(&st, s, err, sql, "iis", document, (int64_t)!model, model);
	if (!status)
		status = files_of(gone, st, s, err);
	snprintf(sql, sizeof(sql), "DELETE FROM contexts WHERE %s", which);
	return status ? status : db_run(s, err, sql, "iis", document, (int64_t)!model, model);
}

int store_remove_contexts(store *s, int64_t document, const char *model, int64_t *freed, error *err)
{
	file_list gone = FILE_LIST_INIT;
	int status = db_begin(s, err);

	*freed = 0;
	if (status)
		return status;
	status = remove_rows(&gone, s, document, model, err);
	if (!status)
		status = files_keep_used(&gone, s, err);
	if ((status = db_end(s, status, err)) == 0)
		*freed = files_remove(&gone, s);
	file_list_free(&gone);
	return status;
}

/* ---- the person's disk budget ---- */

/* Remove the rows of the document and model that were used longest ago. 1: some
 * went, 0: there is nothing that may go. */
static int remove_oldest(file_list *gone, store *s, int64_t keep, error *err)
{
	char model[HASH_TEXT];
	sqlite3_stmt *st;
	int64_t document = 0;
	int status = db_prepare(&st, s, err,
	                        "SELECT document, model FROM contexts WHERE document <> ? GROUP BY document, model"
	                        " ORDER BY max(used), max(id) LIMIT 1", "i", keep);

	if (status)
		return status;
	if ((status = db_step_row(st, s, err)) > 0) {
		document = sqlite3_column_int64(st, 0);
		db_hash(model, st, 1);
	}
	sqlite3_finalize(st);
	if (status <= 0)
		return status;
	if ((status = remove_rows(gone, s, document, model, err)))
		return status;
	return sqlite3_changes(s->db) > 0 ? 1 : 0;
}

static double megabytes(int64_t bytes)
{
	return (double)bytes / 1e6;
}

static int shrink(file_list *gone, store *s, int64_t need, int64_t budget, int64_t keep, error *err)
{
	int64_t have;
	int status;

	while ((status = files_used_bytes(&have, s, err)) == 0 && (need > budget || have > budget - need)) {
		int went = need > budget ? 0 : remove_oldest(gone, s, keep, err);
		if (went < 0)
			return went;
		if (!went)
			return error_set(err, ERR_FULL,
			                 "the disk budget of %.1f MB is too small: %.1f MB are needed beside %.1f MB that must stay; "
			                 "raise disk_budget or remove documents with `folio rm`", megabytes(budget),
			                 megabytes(need), megabytes(have));
	}
	return status ? status : files_keep_used(gone, s, err);
}

int store_make_room(store *s, int64_t need, int64_t budget, int64_t keep, int64_t *freed, error *err)
{
	file_list gone = FILE_LIST_INIT;
	int status;

	*freed = 0;
	if (!budget || (status = db_begin(s, err)))
		return budget ? status : 0;
	/* On failure the rows come back with the transaction, and no file has gone. */
	if ((status = db_end(s, shrink(&gone, s, need, budget, keep, err), err)) == 0)
		*freed = files_remove(&gone, s);
	file_list_free(&gone);
	return status;
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "store/db.h"
#include "store/files.h"

#define COLUMNS "id, name, path, title, kind, hash, bytes, mtime_ns, text_bytes, added, used"

void document_row_free(document_row *r)
{
	free(r->name);
	free(r->path);
	free(r->title);
	free(r->kind);
	r->name = r->path = r->title = r->kind = NULL;
}

void document_rows_free(document_row *r, int n)
{
	for (int i = 0; i < n; i++)
		document_row_free(&r[i]);
	free(r);
}

static void drop(void *row)
{
	document_row_free(row);
}

static int take(void *row, sqlite3_stmt *st, error *err)
{
	document_row *r = row;
	bool oom = false;

	*r = (document_row){ .id = sqlite3_column_int64(st, 0) };
	r->name = db_text(st, 1, &oom);
	r->path = db_text(st, 2, &oom);
	r->title = db_text(st, 3, &oom);
	r->kind = db_text(st, 4, &oom);
	db_hash(r->hash, st, 5);
	r->bytes = sqlite3_column_int64(st, 6);
	r->mtime_ns = sqlite3_column_int64(st, 7);
	r->text_bytes = sqlite3_column_int64(st, 8);
	r->added = sqlite3_column_int64(st, 9);
	r->used = sqlite3_column_int64(st, 10);
	return oom ? error_nomem(err, "a document's row") : 0;
}

int store_list_documents(document_row **out, int *n, store *s, error *err)
{
	sqlite3_stmt *st;
	void *rows = NULL;
	int status = db_prepare(&st, s, err, "SELECT " COLUMNS " FROM documents ORDER BY used DESC, id DESC", "");

	*n = 0;
	if (!status)
		status = db_collect(&rows, n, sizeof(**out), st, s, take, drop, err);
	*out = rows;
	return status;
}

/* ---- putting ---- */

static const char *text_of(const char *s)
{
	return s ? s : "";
}

/* The row that r would replace: its id in *id, or 0. */
static int find_same(int64_t *id, store *s, const document_row *r, error *err)
{
	*id = 0;
	int status = strcmp(r->path, "-") == 0 ?
	             db_int(id, s, err, "SELECT id FROM documents WHERE path = '-' AND hash = ?", "s", r->hash) :
	             db_int(id, s, err, "SELECT id FROM documents WHERE path = ?", "s", r->path);
	return status < 0 ? status : 0;
}

static int name_taken(store *s, const char *name, int64_t except, error *err)
{
	int64_t id;
	int status = db_int(&id, s, err, "SELECT id FROM documents WHERE name = ? AND id <> ?", "si", name, except);

	if (status > 0)
		return error_set(err, ERR_ARG, "the name \"%s\" belongs to document %lld already: choose another", name,
		                 (long long)id);
	return status;
}

static int check_name(const char *name, error *err)
{
	str clean = STR_INIT;
	int status = name_clean(&clean, name, NAME_MOST, err);

	if (!status && strcmp(clean.data, name) != 0)
		status = error_set(err, ERR_ARG,
		                   "\"%s\" cannot be a name: use small letters, digits, \".\", \"_\" and \"-\", for instance "
		                   "\"%s\"",
		                   name, clean.data);
	str_free(&clean);
	return status;
}

/* A name made from the title, else from the path. */
static int make_name(str *out, store *s, const document_row *r, error *err)
{
	str clean = STR_INIT;
	const char *from = text_of(r->title);

	if (!from[0])
		from = path_base(r->path);
	int status = name_clean(&clean, from, NAME_MADE, err);
	if (!status)
		status = name_unique(out, s, "documents", clean.data, 0, err);
	str_free(&clean);
	return status;
}

/* The name that the row (same: its id, or 0) will have. */
static int choose_name(str *out, store *s, const document_row *r, int64_t same, error *err)
{
	int status;

	if (text_of(r->name)[0]) {
		str_puts(out, r->name);
		if ((status = check_name(r->name, err)) || (status = name_taken(s, r->name, same, err)))
			return status;
		return str_ok(out, err);
	}
	if (!same)
		return make_name(out, s, r, err);

	sqlite3_stmt *st;
	if ((status = db_prepare(&st, s, err, "SELECT name FROM documents WHERE id = ?", "i", same)))
		return status;
	if ((status = db_step_row(st, s, err)) > 0)
		str_puts(out, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return status < 0 ? status : str_ok(out, err);
}

static int insert(store *s, document_row *r, error *err)
{
	int status = db_run(s, err,
	                    "INSERT INTO documents (name, path, title, kind, hash, bytes, mtime_ns, text_bytes, added, used)"
	                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "sssssiiiii", r->name, r->path, r->title, r->kind,
	                    r->hash, r->bytes, r->mtime_ns, r->text_bytes, r->added, r->used);

	if (!status)
		r->id = sqlite3_last_insert_rowid(s->db);
	return status;
}

static int update(store *s, document_row *r, error *err)
{
	int status = db_run(s, err,
	                    "UPDATE documents SET name = ?, title = ?, kind = ?, hash = ?, bytes = ?, mtime_ns = ?,"
	                    " text_bytes = ?, used = ? WHERE id = ?", "ssssiiiii", r->name, r->title, r->kind, r->hash,
	                    r->bytes, r->mtime_ns, r->text_bytes, r->used, r->id);

	if (!status)
		status = db_int(&r->added, s, err, "SELECT added FROM documents WHERE id = ?", "i", r->id);
	return status < 0 ? status : 0;
}

static int put(store *s, document_row *r, const char *text, const char *map_json, error *err)
{
	str name = STR_INIT;
	int64_t same;
	int status;

	if ((status = find_same(&same, s, r, err)) || (status = choose_name(&name, s, r, same, err)))
		goto out;
	free(r->name);
	if (!(r->name = str_take(&name))) {
		status = error_nomem(err, "a document's name");
		goto out;
	}
	r->id = same;
	if ((status = same ? update(s, r, err) : insert(s, r, err)))
		goto out;
	status = db_run(s, err, "INSERT OR REPLACE INTO texts (document, text, map) VALUES (?, ?, ?)", "ibs", r->id, text,
	                r->text_bytes, map_json);
out:
	str_free(&name);
	return status;
}

int store_put_document(store *s, document_row *r, const char *text, int64_t text_len,
                       const char *map_json, error *err)
{
	int64_t now = clock_unix();
	int status = db_begin(s, err);

	if (status)
		return status;
	r->text_bytes = text_len;
	r->used = now;
	if (!r->added)
		r->added = now;
	return db_end(s, put(s, r, text, map_json, err), err);
}

int store_document_text(store *s, int64_t document, str *text, str *map_json, error *err)
{
	sqlite3_stmt *st;
	int status = db_prepare(&st, s, err, "SELECT text, map FROM texts WHERE document = ?", "i", document);

	if (status)
		return status;
	status = db_step_row(st, s, err);
	if (status > 0) {
		status = 0;
		const void *bytes = sqlite3_column_blob(st, 0);
		if (text)
			str_put(text, bytes, (size_t)sqlite3_column_bytes(st, 0));
		const char *map = (const char *)sqlite3_column_text(st, 1);
		if (map_json)
			str_puts(map_json, map ? map : "");
	} else if (!status) {
		status = error_set(err, ERR_NOTFOUND, "the library has no document %lld", (long long)document);
	}
	sqlite3_finalize(st);
	if (!status && text)
		status = str_ok(text, err);
	return !status && map_json ? str_ok(map_json, err) : status;
}

/* ---- changing ---- */

int store_touch_document(store *s, int64_t document, error *err)
{
	int status = db_run(s, err, "UPDATE documents SET used = ? WHERE id = ?", "ii", clock_unix(), document);

	return status ? status : db_changed(s, err, "document", document);
}

int store_rename_document(store *s, int64_t document, const char *name, error *err)
{
	int status = check_name(name, err);

	if (status || (status = db_begin(s, err)))
		return status;
	status = name_taken(s, name, document, err);
	if (!status)
		status = db_run(s, err, "UPDATE documents SET name = ? WHERE id = ?", "si", name, document);
	if (!status)
		status = db_changed(s, err, "document", document);
	return db_end(s, status, err);
}

int store_remove_document(store *s, int64_t document, int64_t *freed, error *err)
{
	file_list gone = FILE_LIST_INIT;
	sqlite3_stmt *st;
	int status = db_begin(s, err);

	*freed = 0;
	if (status)
		return status;
	status = db_prepare(&st, s, err, "SELECT file FROM contexts WHERE document = ?", "i", document);
	if (!status)
		status = files_of(&gone, st, s, err);
	if (!status)
		status = db_run(s, err, "DELETE FROM documents WHERE id = ?", "i", document);
	if (!status)
		status = db_changed(s, err, "document", document);
	if (!status)
		status = files_keep_used(&gone, s, err);
	if ((status = db_end(s, status, err)) == 0)
		*freed = files_remove(&gone, s);
	file_list_free(&gone);
	return status;
}

/* ---- finding ---- */

/* One row of a query. 1: found, 0: none, negative: error. */
static int find_one(document_row *out, store *s, sqlite3_stmt *st, error *err)
{
	int status = db_step_row(st, s, err);

	if (status > 0) {
		int failed = take(out, st, err);
		if (failed) {
			document_row_free(out);
			status = failed;
		}
	}
	sqlite3_finalize(st);
	return status;
}

static int find_text(document_row *out, store *s, const char *where, const char *word, error *err)
{
	char sql[256];
	sqlite3_stmt *st;

	snprintf(sql, sizeof(sql), "SELECT " COLUMNS " FROM documents WHERE %s ORDER BY used DESC LIMIT 1", where);
	int status = db_prepare(&st, s, err, sql, "s", word);
	return status ? status : find_one(out, s, st, err);
}

static int find_id(document_row *out, store *s, const char *word, error *err)
{
	size_t n = strlen(word);
	sqlite3_stmt *st;

	if (n == 0 || n > 18 || strspn(word, "0123456789") != n)
		return 0;
	int status = db_prepare(&st, s, err, "SELECT " COLUMNS " FROM documents WHERE id = ?", "i",
	                        (int64_t)strtoll(word, NULL, 10));
	return status ? status : find_one(out, s, st, err);
}

static int find_path(document_row *out, store *s, const char *word, error *err)
{
	str path = STR_INIT;
	int status = files_absolute(&path, word, err);

	if (!status)
		status = find_text(out, s, "path = ? AND path <> '-'", path.data, err);
	str_free(&path);
	return status;
}

static int ambiguous(const char *word, const document_row *r, int n, error *err)
{
	str names = STR_INIT;
	int most = n < 6 ? n : 6;

	for (int i = 0; i < most; i++)
		str_putf(&names, "%s%s", i ? ", " : "", r[i].name);
	if (n > most)
		str_putf(&names, " and %d more", n - most);
	int status = str_ok(&names, err);
	if (!status)
		status = error_set(err, ERR_ARG, "\"%s\" could be %s: type more of it", word, names.data);
	str_free(&names);
	return status;
}

static int find_prefix(document_row *out, store *s, const char *where, const char *word, error *err)
{
	char sql[256];
	str like = STR_INIT;
	sqlite3_stmt *st;
	void *rows = NULL;
	int n = 0;

	if (strlen(word) > NAME_MOST)
		return 0;
	name_like(&like, word);
	snprintf(sql, sizeof(sql), "SELECT " COLUMNS " FROM documents WHERE %s ORDER BY used DESC, id DESC", where);
	int status = str_ok(&like, err);
	if (!status)
		status = db_prepare(&st, s, err, sql, "s", like.data);
	if (!status)
		status = db_collect(&rows, &n, sizeof(*out), st, s, take, drop, err);
	str_free(&like);
	if (!status && n > 1)
		status = ambiguous(word, rows, n, err);
	if (!status && n == 1) {
		*out = *(document_row *)rows; /* its strings go with it */
		free(rows);
		return 1;
	}
	document_rows_free(rows, n);
	return status;
}

int store_find_document(document_row *out, store *s, const char *word, error *err)
{
	int found;

	*out = (document_row){ 0 };
	if (!word[0])
		return error_set(err, ERR_ARG, "name a document: `folio list` shows what there is");
	if ((found = find_text(out, s, "name = ?", word, err)) == 0 && (found = find_id(out, s, word, err)) == 0 &&
	    (found = find_path(out, s, word, err)) == 0 &&
	    (found = find_text(out, s, "name = ? COLLATE NOCASE", word, err)) == 0 &&
	    (found = find_prefix(out, s, "name LIKE ? ESCAPE '\\'", word, err)) == 0)
		found = find_prefix(out, s, "title LIKE ? ESCAPE '\\'", word, err);
	if (found > 0)
		return 0;
	return found ? found : error_set(err, ERR_NOTFOUND,
	                                 "the library has no document \"%s\": `folio list` shows what there is, `folio add` "
	                                 "adds one", word);
}

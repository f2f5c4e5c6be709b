#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"
#include "store/db.h"
#include "store/files.h"

#define COLUMNS "id, name, path, fingerprint, bytes, mtime_ns, profile, is_default, added"

void model_row_free(model_row *r)
{
	free(r->name);
	free(r->path);
	free(r->profile_json);
	r->name = r->path = r->profile_json = NULL;
}

void model_rows_free(model_row *r, int n)
{
	for (int i = 0; i < n; i++)
		model_row_free(&r[i]);
	free(r);
}

static void drop(void *row)
{
	model_row_free(row);
}

static int take(void *row, sqlite3_stmt *st, error *err)
{
	model_row *r = row;
	bool oom = false;

	r->id = sqlite3_column_int64(st, 0);
	r->name = db_text(st, 1, &oom);
	r->path = db_text(st, 2, &oom);
	db_hash(r->fingerprint, st, 3);
	r->bytes = sqlite3_column_int64(st, 4);
	r->mtime_ns = sqlite3_column_int64(st, 5);
	r->profile_json = db_text(st, 6, &oom);
	r->is_default = sqlite3_column_int(st, 7) != 0;
	r->added = sqlite3_column_int64(st, 8);
	return oom ? error_nomem(err, "a model's row") : 0;
}

static int select_models(model_row **out, int *n, store *s, error *err, const char *sql, const char *word)
{
	sqlite3_stmt *st;
	void *rows = NULL;
	int status = db_prepare(&st, s, err, sql, word ? "s" : "", word);

	*n = 0;
	if (!status)
		status = db_collect(&rows, n, sizeof(**out), st, s, take, drop, err);
	*out = rows;
	return status;
}

int store_list_models(model_row **out, int *n, store *s, error *err)
{
	return select_models(out, n, s, err, "SELECT " COLUMNS " FROM models ORDER BY is_default DESC, name", NULL);
}

/* ---- putting ---- */

static int make_default(store *s, int64_t model, error *err)
{
	int status = db_run(s, err, "UPDATE models SET is_default = 0 WHERE is_default <> 0 AND id <> ?", "i", model);

	if (!status)
		status = db_run(s, err, "UPDATE models SET is_default = 1 WHERE id = ?", "i", model);
	return status ? status : db_changed(s, err, "model", model);
}

/* What m is to be called: its name, else the one that its row has, else the file's. */
static int wanted_name(str *out, store *s, const model_row *m, int64_t same, error *err)
{
	sqlite3_stmt *st;
	int status;

	if (!same || (m->name && m->name[0]))
		return name_clean(out, m->name && m->name[0] ? m->name : path_base(m->path), NAME_MOST, err);
	if ((status = db_prepare(&st, s, err, "SELECT name FROM models WHERE id = ?", "i", same)))
		return status;
	if ((status = db_step_row(st, s, err)) > 0)
		str_puts(out, (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return status < 0 ? status : str_ok(out, err);
}

static int choose_name(model_row *m, store *s, int64_t same, error *err)
{
	str want = STR_INIT, name = STR_INIT;
	int status;

	if ((status = wanted_name(&want, s, m, same, err)) ||
	    (status = name_unique(&name, s, "models", str_text(&want), same, err)))
		goto out;
	free(m->name);
	if (!(m->name = str_take(&name)))
		status = error_nomem(err, "a model's name");
out:
	str_free(&name);
	str_free(&want);
	return status;
}

/* What was learnt about other weights says nothing about these. */
static int update(store *s, model_row *m, error *err)
{
	return db_run(s, err,
	              "UPDATE models SET name = ?1, bytes = ?3, mtime_ns = ?4,"
	              " profile = CASE WHEN ?5 THEN ?6 WHEN fingerprint = ?2 THEN profile ELSE '' END, fingerprint = ?2"
	              " WHERE id = ?7", "ssiiisi", m->name, m->fingerprint, m->bytes, m->mtime_ns,
	              (int64_t)(m->profile_json != NULL), m->profile_json, m->id);
}

static int insert(store *s, model_row *m, error *err)
{
	int status = db_run(s, err,
	                    "INSERT INTO models (name, path, fingerprint, bytes, mtime_ns, profile, is_default, added)"
	                    " VALUES (?, ?, ?, ?, ?, ?, 0, ?)", "sssiisi", m->name, m->path, m->fingerprint, m->bytes,
	                    m->mtime_ns, m->profile_json, m->added ? m->added : clock_unix());

	if (!status)
		m->id = sqlite3_last_insert_rowid(s->db);
	return status;
}

/* What the row has become, where m does not say it. */
static int read_back(store *s, model_row *m, error *err)
{
	sqlite3_stmt *st;
	model_row r = { 0 };
	int status = db_prepare(&st, s, err, "SELECT " COLUMNS " FROM models WHERE id = ?", "i", m->id);

	if (status)
		return status;
	if ((status = db_step_row(st, s, err)) > 0)
		status = take(&r, st, err);
	sqlite3_finalize(st);
	if (!status) {
		m->is_default = r.is_default;
		m->added = r.added;
		free(m->profile_json);
		m->profile_json = r.profile_json;
		r.profile_json = NULL;
	}
	model_row_free(&r);
	return status;
}

static int put(store *s, model_row *m, error *err)
{
	int64_t same = 0;
	int status = db_int(&same, s, err, "SELECT id FROM models WHERE path = ?", "s", m->path);

	if (status < 0 || (status = choose_name(m, s, same, err)))
		return status;
	m->id = same;
	if ((status = same ? update(s, m, err) : insert(s, m, err)))
		return status;
	if (m->is_default && (status = make_default(s, m->id, err)))
		return status;
	return read_back(s, m, err);
}

int store_put_model(store *s, model_row *m, error *err)
{
	int status = db_begin(s, err);

	return status ? status : db_end(s, put(s, m, err), err);
}

int store_use_model(store *s, int64_t model, error *err)
{
	int status = db_begin(s, err);

	return status ? status : db_end(s, make_default(s, model, err), err);
}

int store_remove_model(store *s, int64_t model, error *err)
{
	int status = db_run(s, err, "DELETE FROM models WHERE id = ?", "i", model);

	return status ? status : db_changed(s, err, "model", model);
}

/* ---- finding ---- */

static int ambiguous(const char *word, const model_row *r, int n, error *err)
{
	str names = STR_INIT;

	for (int i = 0; i < n && i < 6; i++)
		str_putf(&names, "%s%s", i ? ", " : "", r[i].name);
	int status = str_ok(&names, err);
	if (!status)
		status = error_set(err, ERR_ARG, "\"%s\" could be %s%s: type more of it", word, names.data, n > 6 ? ", ..." : "");
	str_free(&names);
	return status;
}

/* 1: found, 0: none, negative: error, also when several match (word: what to call
 * what was looked for). */
static int find(model_row *out, store *s, error *err, const char *where, const char *arg, const char *word)
{
	str sql = STR_INIT;
	model_row *rows = NULL;
	int n = 0;

	str_putf(&sql, "SELECT " COLUMNS " FROM models WHERE %s ORDER BY name", where);
	int status = str_ok(&sql, err);
	if (!status)
		status = select_models(&rows, &n, s, err, sql.data, arg);
	str_free(&sql);
	if (!status && n > 1)
		status = ambiguous(word, rows, n, err);
	if (!status && n == 1) {
		*out = rows[0]; /* its strings go with it */
		free(rows);
		return 1;
	}
	model_rows_free(rows, n);
	return status;
}

static int find_default(model_row *out, store *s, error *err)
{
	model_row *rows;
	int n, status = store_list_models(&rows, &n, s, err); /* the default comes first */

	if (status)
		return status;
	if (n == 1 || (n && rows[0].is_default)) {
		*out = rows[0];
		rows[0] = (model_row){ 0 };
		model_rows_free(rows, n);
		return 0;
	}
	model_rows_free(rows, n);
	if (n)
		return error_set(err, ERR_NOTFOUND,
		                 "no model has been chosen: `folio model use NAME` does, `folio models` lists them");
	return error_set(err, ERR_NOTFOUND, "there is no model yet: `folio model get` fetches the default one");
}

static int find_by_path(model_row *out, store *s, const char *word, error *err)
{
	str path = STR_INIT;
	int found = files_absolute(&path, word, err);

	if (!found)
		found = find(out, s, err, "path = ?", path.data, word);
	str_free(&path);
	return found;
}

static int find_prefix(model_row *out, store *s, const char *word, error *err)
{
	str like = STR_INIT;

	if (strlen(word) > NAME_MOST)
		return 0;
	name_like(&like, word);
	int found = str_ok(&like, err);
	if (!found)
		found = find(out, s, err, "name LIKE ? ESCAPE '\\'", like.data, word);
	str_free(&like);
	return found;
}

int store_find_model(model_row *out, store *s, const char *word, error *err)
{
	int found;

	*out = (model_row){ 0 };
	if (!word)
		return find_default(out, s, err);
	if ((found = find(out, s, err, "name = ?", word, word)) == 0 &&
	    (found = find(out, s, err, "CAST(id AS TEXT) = ?", word, word)) == 0 &&
	    (found = find_by_path(out, s, word, err)) == 0 &&
	    (found = find(out, s, err, "name = ? COLLATE NOCASE", word, word)) == 0 && word[0])
		found = find_prefix(out, s, word, err);
	if (found > 0)
		return 0;
	return found ? found : error_set(err, ERR_NOTFOUND, "the library has no model \"%s\": `folio models` lists them",
	                                 word);
}

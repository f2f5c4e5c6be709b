#include <stdlib.h>

#include "base/clock.h"
#include "store/db.h"

void conversation_rows_free(conversation_row *r, int n)
{
	for (int i = 0; i < n; i++)
		free(r[i].title);
	free(r);
}

static void drop_conversation(void *row)
{
	free(((conversation_row *)row)->title);
}

static int take_conversation(void *row, sqlite3_stmt *st, error *err)
{
	conversation_row *r = row;
	bool oom = false;

	r->id = sqlite3_column_int64(st, 0);
	r->document = sqlite3_column_int64(st, 1);
	r->title = db_text(st, 2, &oom);
	r->created = sqlite3_column_int64(st, 3);
	r->used = sqlite3_column_int64(st, 4);
	r->turns = sqlite3_column_int(st, 5);
	return oom ? error_nomem(err, "a conversation") : 0;
}

int store_new_conversation(int64_t *id, store *s, int64_t document, const char *title, error *err)
{
	int64_t now = clock_unix();
	int status = db_begin(s, err);

	*id = 0;
	if (status)
		return status;
	status = db_run(s, err, "INSERT INTO conversations (document, title, created, used)"
	                " SELECT id, ?, ?, ? FROM documents WHERE id = ?", "siii", title, now, now, document);
	if (!status)
		status = db_changed(s, err, "document", document);
	if (!status)
		*id = sqlite3_last_insert_rowid(s->db);
	return db_end(s, status, err);
}

int store_list_conversations(conversation_row **out, int *n, store *s, int64_t document, error *err)
{
	sqlite3_stmt *st;
	void *rows = NULL;
	int status = db_prepare(&st, s, err,
	                        "SELECT id, document, coalesce((SELECT question FROM turns WHERE conversation = conversations.id ORDER BY id LIMIT 1),"
	                        " title), created, used,"
	                        " (SELECT count(*) FROM turns WHERE conversation = conversations.id)"
	                        " FROM conversations WHERE document = ? ORDER BY used DESC, id DESC", "i", document);

	*n = 0;
	if (!status)
		status = db_collect(&rows, n, sizeof(**out), st, s, take_conversation, drop_conversation, err);
	*out = rows;
	return status;
}

int store_remove_conversation(store *s, int64_t conversation, error *err)
{
	int status = db_run(s, err, "DELETE FROM conversations WHERE id = ?", "i", conversation);

	return status ? status : db_changed(s, err, "conversation", conversation);
}

/* ---- turns ---- */

static void drop_turn(void *row)
{
	turn_row *t = row;

	free(t->question);
	free(t->answer);
	free(t->sources_json);
	free(t->settings_json);
}

void turn_rows_free(turn_row *r, int n)
{
	for (int i = 0; i < n; i++)
		drop_turn(&r[i]);
	free(r);
}

static int take_turn(void *row, sqlite3_stmt *st, error *err)
{
	turn_row *t = row;
	bool oom = false;

	t->id = sqlite3_column_int64(st, 0);
	t->conversation = sqlite3_column_int64(st, 1);
	t->question = db_text(st, 2, &oom);
	t->answer = db_text(st, 3, &oom);
	t->sources_json = db_text(st, 4, &oom);
	t->settings_json = db_text(st, 5, &oom);
	t->asked = sqlite3_column_int64(st, 6);
	t->took_ms = sqlite3_column_int64(st, 7);
	return oom ? error_nomem(err, "a turn of a conversation") : 0;
}

static int put_turn(store *s, turn_row *t, error *err)
{
	int status = db_run(s, err, "UPDATE conversations SET used = ? WHERE id = ?", "ii", clock_unix(), t->conversation);

	if (status || (status = db_changed(s, err, "conversation", t->conversation)))
		return status;
	status = db_run(s, err, "INSERT INTO turns (conversation, question, answer, sources, settings, asked, took_ms)"
	                " VALUES (?, ?, ?, ?, ?, ?, ?)", "issssii", t->conversation, t->question, t->answer,
	                t->sources_json, t->settings_json, t->asked, t->took_ms);
	if (!status)
		t->id = sqlite3_last_insert_rowid(s->db);
	return status;
}

int store_put_turn(store *s, turn_row *t, error *err)
{
	int status = db_begin(s, err);

	if (status)
		return status;
	if (!t->asked)
		t->asked = clock_unix();
	return db_end(s, put_turn(s, t, err), err);
}

int store_list_turns(turn_row **out, int *n, store *s, int64_t conversation, error *err)
{
	sqlite3_stmt *st;
	void *rows = NULL;
	int status = db_prepare(&st, s, err,
	                        "SELECT id, conversation, question, answer, sources, settings, asked, took_ms FROM turns"
	                        " WHERE conversation = ? ORDER BY id", "i", conversation);

	*n = 0;
	if (!status)
		status = db_collect(&rows, n, sizeof(**out), st, s, take_turn, drop_turn, err);
	*out = rows;
	return status;
}

int store_rewind_turns(store *s, int64_t conversation, int64_t from_turn, error *err)
{
	return db_run(s, err, "DELETE FROM turns WHERE conversation = ? AND id >= ?", "ii", conversation, from_turn);
}

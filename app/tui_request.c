#include "app/tui_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/path.h"

static const ui_document *document_by_id(const tui *t, int64_t id)
{
	for (int i = 0; i < t->m.documents; i++)
		if (t->m.document[i].id == id)
			return &t->m.document[i];
	return NULL;
}

/* Nothing, or not all, is stored of it for the model in use. */
static bool unread(const ui_document *d)
{
	return d->state == DOC_NOT_READ || d->state == DOC_INTERRUPTED || d->state == DOC_OTHER_MODEL || d->state == DOC_MODEL_MISSING;
}

/* "~/x" as a shell would have it. */
static char *expanded(const char *path)
{
	const char *home = getenv("HOME");
	str s = STR_INIT;

	while (*path == ' ')
		path++;
	if (!strncmp(path, "~/", 2) && home)
		path_join(&s, home, path + 2);
	else
		str_puts(&s, path);
	while (s.len > 1 && s.data[s.len - 1] == ' ')
		str_truncate(&s, s.len - 1);
	return str_take(&s);
}

static void read_again(tui *t, const char *path, bool agreed, const char *again)
{
	enum { MOST = sizeof(t->queue) / sizeof(*t->queue) };
	bool busy = t->m.work.what && (t->running || t->waiting);

	t->asked_at = again ? 0 : ui_keys(t->u);
	if (tui_post(t, JOB_READ, 0, path, again, agreed)) {
		if (t->queued < MOST && (t->queue[t->queued] = strdup(path)))
			t->queued++;
		if (busy)
			tui_say(t, SAY_PLAIN, "%s is read when the work before it is done", path_base(path));
	}
	tui_status(t);
}

void tui_read(tui *t, const char *path, bool agreed)
{
	read_again(t, path, agreed, NULL);
}

void tui_open_document(tui *t, int64_t id)
{
	const ui_document *d = document_by_id(t, id);

	t->m.open = id;
	tui_post(t, JOB_OPEN, id, NULL, NULL, 0);
	if (d && unread(d) && *t->fingerprint) {
		tui_say(t, SAY_PLAIN, d->state == DOC_INTERRUPTED ? "%s: reading goes on where it stopped" : "%s: is read now, with the model in use", d->name);
		tui_read(t, d->path, false);
	} else if (d && d->state == DOC_CHANGED) {
		tui_say(t, SAY_WARN, "%s has changed on disk since it was read: r in the library reads it again", d->name);
	}
	if (*t->fingerprint)
		tui_post(t, JOB_WARM, id, NULL, NULL, 0);
}

static void add(tui *t, const char *text)
{
	char *path = expanded(text);

	if (path && *path && path_exists(path))
		tui_read(t, path, false);
	else if (path && *path)
		tui_say(t, SAY_BAD, "%s: there is no such file or folder", path);
	free(path);
}

static void reread(tui *t, int64_t id)
{
	const ui_document *d = document_by_id(t, id);

	if (!d)
		return;
	if (!strcmp(d->path, "-"))
		tui_say(t, SAY_WARN, "%s came from standard input and cannot be read again", d->name);
	else if (d->state == DOC_READING || d->state == DOC_WAITING)
		tui_say(t, SAY_PLAIN, "%s is being read", d->name);
	else if (!path_exists(d->path))
		tui_say(t, SAY_WARN, "%s is gone from %s; what was read stays", d->name, d->path);
	else
		read_again(t, d->path, false, "again");
}

/* ---- questions ---- */

static void ask(tui *t, const char *question, int64_t from_turn)
{
	const ui_document *d = document_by_id(t, t->m.open);
	bool busy = t->running || t->waiting;

	if (!t->m.open)
		return;
	if (t->m.turns && tui_last_turn(t)->state <= TURN_RUNNING) {
		tui_say(t, SAY_WARN, "one question at a time: Esc stops the answer");
		ui_history(t->u, question);
		return;
	}
	if (d && unread(d)) {
		tui_say(t, SAY_WARN, "%s is not read yet: r in the library reads it", d->name);
		return;
	}
	tui_add_turn(t, question, busy && t->m.work.what ? "waits until the work before it is done; Esc pauses that" : "thinking");
	if (!worker_post(t->w, JOB_ASK, t->m.open, t->m.conversation, from_turn, 0, question, NULL))
		tui_say(t, SAY_BAD, "memory ran out");
	t->waiting++;
	tui_status(t);
}

/* Ask turn `kept` of the conversation anew. */
static void rewind_and_ask(tui *t, int kept, const char *question)
{
	if (kept < 0 || kept >= t->m.turns || tui_last_turn(t)->state <= TURN_RUNNING) {
		tui_say(t, SAY_WARN, "the answer still comes: Esc stops it");
		return;
	}
	int64_t from = t->m.turn[kept].id;
	char *own = strdup(question);
	tui_drop_turns(t, kept);
	if (own)
		ask(t, own, from);
	free(own);
}

static void new_conversation(tui *t)
{
	if (t->m.turns && tui_last_turn(t)->state <= TURN_RUNNING) {
		tui_say(t, SAY_WARN, "the answer still comes: Esc stops it");
		return;
	}
	t->m.conversation = 0;
	tui_drop_turns(t, 0);
	ui_document_opened(t->u);
}

static void remove_conversation(tui *t, int64_t id)
{
	worker_post(t->w, JOB_REMOVE_CONVERSATION, t->m.open, id, 0, 0, NULL, NULL);
	if (id == t->m.conversation)
		new_conversation(t);
	tui_post(t, JOB_CONVERSATIONS, t->m.open, NULL, NULL, 0);
	tui_say(t, SAY_GOOD, "the conversation was deleted");
}

/* ---- stopping and leaving ---- */

static void stop(tui *t)
{
	if (t->running) {
		worker_stop(t->w);
		tui_say(t, SAY_PLAIN, t->running_kind == JOB_ASK ? "stopping" : "pausing; what is done is kept");
	} else if (worker_drop(t->w, JOB_ASK)) {
		t->waiting--;
		tui_drop_turns(t, t->m.turns - 1);
	}
}

static void proceed(tui *t, int64_t id, bool yes)
{
	if (id == CONFIRM_QUIT) {
		t->quit = yes;
	} else if (id == CONFIRM_READ && t->plan_path) {
		if (yes)
			tui_read(t, t->plan_path, true);
		else
			tui_say(t, SAY_PLAIN, "not read");
	}
}

static void quit(tui *t)
{
	if (t->running && t->running_kind == JOB_ASK)
		ui_confirm(t->u, CONFIRM_QUIT, "An answer is being written. Leave and lose it?");
	else
		t->quit = true; /* what is read keeps what it has */
}

static void remove_document(tui *t, int64_t id)
{
	if (id == t->running_id && t->running) {
		tui_say(t, SAY_WARN, "it is in use right now: Esc stops the work first");
		return;
	}
	tui_post(t, JOB_FORGET, id, NULL, NULL, 0);
	tui_post(t, JOB_REMOVE, id, NULL, NULL, 0);
	if (id == t->m.open) {
		ui_model none = { 0 };
		tui_move(&t->m, &none, PART_TEXT);
		tui_move(&t->m, &none, PART_CONVERSATION);
		tui_move(&t->m, &none, PART_CONVERSATIONS);
		ui_document_opened(t->u);
	}
	tui_list(t);
}

/* The library's default is chosen; a setting that names another would win. */
static void prefer_library(tui *t)
{
	error err;

	if (t->cfg.model && *t->cfg.model && (config_set(&t->cfg, "model", "", &err) || config_save("model", "", &err)))
		tui_say(t, SAY_WARN, "%s", err.msg);
	tui_post(t, JOB_SET, 0, "model", "", 0);
}

static void use_model(tui *t, int64_t id)
{
	prefer_library(t);
	tui_post(t, JOB_USE_MODEL, id, NULL, NULL, 0);
}

static void add_model(tui *t, const char *text, bool use)
{
	char *path = expanded(text);

	if (use)
		prefer_library(t);
	if (path && *path)
		tui_post(t, JOB_ADD_MODEL, 0, path, NULL, use);
	free(path);
}

void tui_request(void *ud, const ui_request *r)
{
	tui *t = ud;

	switch (r->kind) {
	case ASK_OPEN: tui_open_document(t, r->id); break;
	case ASK_ADD: add(t, r->text); break;
	case ASK_SAMPLE:
		t->asked_at = ui_keys(t->u);
		tui_post(t, JOB_SAMPLE, 0, NULL, NULL, 0);
		break;
	case ASK_REREAD: reread(t, r->id); break;
	case ASK_RENAME: tui_post(t, JOB_RENAME, r->id, r->text, NULL, 0); tui_list(t); break;
	case ASK_REMOVE: remove_document(t, r->id); break;
	case ASK_QUESTION: ask(t, r->text, 0); break;
	case ASK_REGENERATE:
		if (t->m.turns) {
			char *q = strdup(tui_last_turn(t)->question);
			rewind_and_ask(t, t->m.turns - 1, q ? q : "");
			free(q);
		}
		break;
	case ASK_REWIND: rewind_and_ask(t, (int)r->id, r->text); break;
	case ASK_NEW_CONVERSATION: new_conversation(t); break;
	case ASK_OPEN_CONVERSATION:
		worker_post(t->w, JOB_CONVERSATION, t->m.open, r->id, 0, 0, NULL, NULL);
		break;
	case ASK_REMOVE_CONVERSATION: remove_conversation(t, r->id); break;
	case ASK_EXPORT: tui_post(t, JOB_EXPORT, t->m.open, r->text, t->m.open_name, r->number); break;
	case ASK_SAVE_COPY: tui_post(t, JOB_SAVE_COPY, 0, r->text, NULL, 0); break;
	case ASK_STOP: stop(t); break;
	case ASK_USE_MODEL: use_model(t, r->id); break;
	case ASK_ADD_MODEL: add_model(t, r->text, r->number == 1); break;
	case ASK_FETCH_MODEL: tui_post(t, JOB_FETCH, 0, NULL, NULL, 0); break;
	case ASK_REMOVE_MODEL: tui_post(t, JOB_REMOVE_MODEL, r->id, NULL, NULL, 0); break;
	case ASK_SET: tui_set(t, r->text, r->second); break;
	case ASK_PROCEED: proceed(t, r->id, r->number == 1); break;
	case ASK_QUIT: quit(t); break;
	}
}

#include "app/tui_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/path.h"

/* ---- what runs, as the interface shows it ---- */

static void set(char **to, const char *text)
{
	free(*to);
	*to = text ? strdup(text) : NULL;
}

static const char *what_runs(const tui *t)
{
	switch (t->running_kind) {
	case JOB_READ:
	case JOB_SAMPLE: return t->reading_path ? path_base(t->reading_path) : "the sample";
	case JOB_ASK: return "answering";
	case JOB_FETCH: return "the default model";
	case JOB_ADD_MODEL: return "checking the model";
	case JOB_ENGINE: return "opening the model";
	default: return NULL;
	}
}

static ui_document *row_of(tui *t, int64_t id)
{
	for (int i = 0; i < t->m.documents; i++)
		if (t->m.document[i].id == id)
			return &t->m.document[i];
	return NULL;
}

/* The documents whose reading has not begun yet. */
static void mark_waiting(tui *t)
{
	for (int i = 0; i < t->queued; i++)
		for (int k = 0; k < t->m.documents; k++)
			if (!strcmp(t->m.document[k].path, t->queue[i]))
				t->m.document[k].state = DOC_WAITING;
}

/* The read of this path begins. */
static void leave_queue(tui *t, const char *path)
{
	for (int i = 0; i < t->queued; i++)
		if (!strcmp(t->queue[i], path)) {
			free(t->queue[i]);
			memmove(t->queue + i, t->queue + i + 1, (size_t)(--t->queued - i) * sizeof(*t->queue));
			tui_list(t); /* what it is while it does not wait */
			return;
		}
}

void tui_status(tui *t)
{
	ui_work *w = &t->m.work;
	bool reads = t->running && (t->running_kind == JOB_READ || t->running_kind == JOB_SAMPLE);
	ui_document *d = reads ? row_of(t, t->running_id) : NULL;

	set(&w->what, t->running ? what_runs(t) : NULL);
	w->pauses = reads;
	w->waiting = t->waiting;
	if (!t->running)
		w->done = w->left_s = -1;
	mark_waiting(t);
	if (d) {
		d->state = DOC_READING;
		d->done = w->done > 0 ? w->done : 0;
	}
	if (!reads && t->interrupted && (d = row_of(t, t->interrupted)) && d->state != DOC_READ) {
		d->state = DOC_INTERRUPTED;
		d->done = t->interrupted_at;
	}
	ui_changed(t->u);
}

static void begun(tui *t, const event *e)
{
	t->waiting -= t->waiting > 0 && tui_waits(e->of.kind);
	t->running = e->of.number;
	t->running_kind = e->of.kind;
	t->running_id = e->of.kind == JOB_ASK ? e->of.id : 0;
	t->stage[0] = '\0';
	t->m.work.done = t->m.work.left_s = -1;
	t->m.work.rate = 0;
	set(&t->m.work.stage, NULL);
	if (e->of.kind == JOB_READ) {
		set(&t->reading_path, e->of.text);
		leave_queue(t, e->of.text);
	} else if (e->of.kind == JOB_SAMPLE) {
		set(&t->reading_path, NULL);
	} else if (e->of.kind == JOB_ASK && t->m.turns) {
		tui_last_turn(t)->state = TURN_RUNNING;
		set(&tui_last_turn(t)->note, "thinking");
	}
	tui_status(t);
}

static void progressed(tui *t, const event *e)
{
	ui_work *w = &t->m.work;
	double now = clock_s();

	/* A rate needs a while; what was there before costs no time. */
	if (strcmp(t->stage, e->stage)) {
		snprintf(t->stage, sizeof(t->stage), "%s", e->stage);
		t->began = now;
		t->base = e->done > e->before ? e->done : e->before;
	}
	set(&w->stage, e->stage);
	set(&w->unit, e->unit);
	w->done = e->total > 0 ? (double)e->done / (double)e->total : -1;
	w->rate = now - t->began > 0.5 && e->done > t->base ? (double)(e->done - t->base) / (now - t->began) : 0;
	w->left_s = w->rate > 0 ? (double)(e->total - e->done) / w->rate : -1;
	if (!strcmp(e->unit, "layers") || !strcmp(e->unit, "bytes"))
		w->rate = 0; /* nobody counts in these */
	tui_status(t);
}

/* ---- answers ---- */

static void piece(tui *t, const event *e)
{
	ui_turn *turn = tui_last_turn(t);
	str s = STR_INIT;

	if (!turn || turn->state != TURN_RUNNING || e->of.id != t->m.open)
		return;
	str_putf(&s, "%s%s", turn->answer ? turn->answer : "", e->text);
	free(turn->answer);
	turn->answer = str_take(&s);
	set(&turn->note, NULL);
	ui_changed(t->u);
}

static void answered(tui *t, event *e)
{
	ui_turn *turn = tui_last_turn(t);

	t->m.reused = e->reused;
	t->m.budget_read = e->budget_read;
	t->m.rate = e->rate;
	if (e->turn.state == TURN_STOPPED)
		tui_say(t, SAY_PLAIN, "stopped");
	if (turn && turn->state == TURN_RUNNING && e->of.id == t->m.open) {
		ui_turn_free(turn);
		*turn = e->turn;
		e->turn = (ui_turn){ 0 };
		t->m.conversation = e->conversation;
		/* With their numbers from the library, so that they can be asked anew. */
		worker_post(t->w, JOB_CONVERSATIONS, t->m.open, 0, 0, 0, NULL, NULL);
		worker_post(t->w, JOB_CONVERSATION, t->m.open, e->conversation, 0, 1, NULL, NULL);
	}
	ui_changed(t->u);
}

/* ---- parts that the library lane made ---- */

static void open_word(tui *t)
{
	char *word = t->open_word;

	t->open_word = NULL;
	for (int i = 0; word && i < t->m.documents; i++)
		if (!strcmp(t->m.document[i].name, word)) {
			tui_open_document(t, t->m.document[i].id);
			free(word);
			return;
		}
	if (word && path_exists(word))
		tui_read(t, word, false);
	else if (word)
		tui_say(t, SAY_BAD, "'%s' is no file and no document of the library", word);
	free(word);
}

/* The stored turns take the place of those shown, whose ids are not known; what was said
 * about them just now stays. */
static void take_conversation(tui *t, event *e)
{
	bool answering = t->m.turns && tui_last_turn(t)->state <= TURN_RUNNING;

	if (e->of.id != t->m.open || answering)
		return;
	if (e->of.flag == 1 && e->model.turns == t->m.turns) {
		for (int i = 0; i < t->m.turns; i++)
			t->m.turn[i].id = e->model.turn[i].id;
	} else if (e->of.flag == 0) {
		tui_move(&t->m, &e->model, PART_CONVERSATION);
		for (int i = 0; i < t->m.turns; i++)
			ui_history(t->u, t->m.turn[i].question);
		ui_document_opened(t->u);
	}
}

static void take_text(tui *t, event *e)
{
	if (e->id != t->m.open)
		return;
	tui_move(&t->m, &e->model, PART_TEXT);
	for (int i = 0; i < t->m.documents; i++)
		if (t->m.document[i].id == t->m.open)
			t->m.open_tokens = t->m.document[i].tokens;
	ui_document_opened(t->u);
	/* Whoever sat and waited for it wants to ask; whoever pressed a key is at something. */
	if (t->asked_at == ui_keys(t->u))
		ui_show_chat(t->u);
}

/* The engine is opened when it is known whether there is a model: without one, the first
 * screen offers to fetch it and no error needs to. */
static void models_known(tui *t)
{
	if (t->m.fetch_offer)
		open_word(t); /* there will be no engine to wait for */
	else if (!t->engine_asked)
		tui_post(t, JOB_ENGINE, 0, NULL, NULL, 0);
	t->engine_asked = true;
}

static void take_part(tui *t, event *e)
{
	switch (e->part) {
	case PART_TEXT: take_text(t, e); break;
	case PART_CONVERSATION: take_conversation(t, e); break;
	case PART_LIBRARY:
		tui_move(&t->m, &e->model, PART_LIBRARY);
		tui_status(t);
		if (*t->fingerprint || !t->open_word)
			open_word(t);
		break;
	default:
		tui_move(&t->m, &e->model, e->part);
		if (e->part == PART_MODELS)
			models_known(t);
	}
	ui_changed(t->u);
}

/* ---- ends ---- */

static void read_ended(tui *t, const event *e)
{
	if (e->status == ERR_CANCEL && t->running_id) {
		t->interrupted = t->running_id;
		t->interrupted_at = t->m.work.done > 0 ? t->m.work.done : 0;
	}
	tui_list(t);
}

static void ask_ended(tui *t, const event *e)
{
	ui_turn *turn = tui_last_turn(t);

	if (!turn || turn->state != TURN_RUNNING || e->of.id != t->m.open)
		return;
	/* No answer came; what was written of it stays. */
	turn->state = e->status == ERR_CANCEL ? TURN_STOPPED : TURN_FAILED;
	set(&turn->note, e->status == ERR_CANCEL ? "stopped before it was done; r asks again" : e->text);
}

static void ended(tui *t, const event *e)
{
	if (e->of.number == t->running) {
		t->running = 0;
		if (e->of.kind == JOB_READ || e->of.kind == JOB_SAMPLE)
			read_ended(t, e);
		else if (e->of.kind == JOB_ASK)
			ask_ended(t, e);
		else if (e->of.kind == JOB_FETCH || e->of.kind == JOB_ADD_MODEL)
			tui_post(t, JOB_MODELS, 0, NULL, NULL, 0);
		/* The first model is the one in use. */
		if (e->of.kind == JOB_ADD_MODEL && !e->status && (!*t->fingerprint || e->of.flag))
			tui_post(t, JOB_ENGINE, 0, NULL, NULL, 1);
	}
	if (e->status == ERR_CANCEL)
		tui_say(t, SAY_PLAIN, "%s", e->of.kind == JOB_ASK ? "stopped" : e->text);
	/* A document that is not read yet is no news. */
	else if (e->status && e->of.kind != JOB_WARM)
		tui_say(t, SAY_BAD, "%s", e->text);
	if (!e->status && e->of.kind == JOB_USE_MODEL)
		tui_post(t, JOB_ENGINE, 0, NULL, NULL, 1);
	if (!e->status && (e->of.kind == JOB_USE_MODEL || e->of.kind == JOB_REMOVE_MODEL))
		tui_post(t, JOB_MODELS, 0, NULL, NULL, 0);
	/* One that could not be opened is not open. */
	if (e->status && e->of.kind == JOB_OPEN && e->of.id == t->m.open && !t->m.text) {
		ui_model none = { 0 };
		tui_move(&t->m, &none, PART_TEXT);
	}
	if (e->of.kind == JOB_RENAME && !e->status)
		tui_say(t, SAY_GOOD, "it is called %s now", e->of.text);
	tui_status(t);
}

static void row_known(tui *t, const event *e)
{
	t->running_id = e->id;
	if (e->done) {
		if (t->interrupted == e->id)
			t->interrupted = 0;
		/* The person who had it read wants to ask, unless they went elsewhere meanwhile. */
		if (!t->m.open || t->m.open == e->id) {
			t->m.open = e->id;
			tui_post(t, JOB_OPEN, e->id, NULL, NULL, 0);
			tui_post(t, JOB_WARM, e->id, NULL, NULL, 0);
		}
	}
	tui_list(t);
}

void tui_event(tui *t, event *e)
{
	bool of_engine = e->of.kind >= JOB_FIRST_OF_ENGINE;

	switch (e->kind) {
	case EVENT_BEGUN:
		if (of_engine)
			begun(t, e);
		break;
	case EVENT_PROGRESS: progressed(t, e); break;
	case EVENT_PIECE: piece(t, e); break;
	case EVENT_PART: take_part(t, e); break;
	case EVENT_ENGINE:
		set(&t->m.model_name, e->text);
		set(&t->fingerprint, e->second);
		set(&t->m.backend, e->third);
		tui_list(t);
		break;
	case EVENT_PLAN:
		set(&t->plan_path, e->of.text);
		ui_confirm(t->u, CONFIRM_READ, "%s", e->text);
		break;
	case EVENT_ROW: row_known(t, e); break;
	case EVENT_ANSWER: answered(t, e); break;
	case EVENT_SAID: tui_say(t, e->tone, "%s", e->text); break;
	case EVENT_ENDED: ended(t, e); break;
	}
}

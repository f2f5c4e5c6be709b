#include "app/worker_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/assets.h"
#include "app/models.h"
#include "app/read.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"

/* Reading that takes longer than this, or several sections, is told before it begins. */
#define LONG_READ_S 120

/* A document's row comes into the library before its first token is read. */
static void tell_row(lane_state *l)
{
	document_row row;

	if (store_find_document(&row, l->f->lib, l->reading, NULL) == 0) {
		if (!strcmp(row.path, l->reading))
			lane_tell(l, &(event){ .kind = EVENT_ROW, .id = row.id, .text = strdup(row.name) });
		document_row_free(&row);
	}
	l->reading = NULL;
}

static void report(void *ud, const progress_event *p)
{
	lane_state *l = ud;
	event e = { .kind = EVENT_PROGRESS, .done = p->done, .total = p->total, .before = p->before };

	snprintf(e.stage, sizeof(e.stage), "%s", p->stage ? p->stage : "");
	snprintf(e.unit, sizeof(e.unit), "%s", p->unit ? p->unit : "");
	if (l->reading && !strcmp(e.stage, "reading"))
		tell_row(l);
	lane_tell(l, &e);
}

static progress reporter(lane_state *l)
{
	return (progress){ report, l, l->stop };
}

void engine_close_document(lane_state *l)
{
	reading_close(l->open);
	l->open = NULL;
	l->open_id = l->open_conversation = 0;
}

/* The model in use, and word of it. */
static int open_engine(lane_state *l, error *err)
{
	int status = folio_engine(l->f, err);
	str backend = STR_INIT;

	if (status || l->told)
		return status;
	l->told = true;
	str_putf(&backend, "cpu %s, %d thread%s", engine_isa_name(), pool_threads(l->f->eng->pool), pool_threads(l->f->eng->pool) == 1 ? "" : "s");
	event e = { .kind = EVENT_ENGINE, .text = mem_text(l->f->model.name), .second = strdup(l->f->eng->fingerprint),
		    .third = str_take(&backend) };
	lane_tell(l, &e);
	return 0;
}

/* Settings or the model in use changed: the next job opens it anew. */
static void forget_engine(lane_state *l)
{
	engine_close_document(l);
	engine_close(l->f->eng);
	l->f->eng = NULL;
	l->told = false;
}

/* ---- reading ---- */

static int64_t still_to_read(const read_plan *p)
{
	int64_t n = 0;

	for (int i = 0; i < p->sections; i++)
		if (!p->section[i].ready)
			n += (int64_t)p->section[i].tok.len - p->section[i].resumed;
	return n;
}

/* Tell what reading takes, if it is much; true: wait for the person. */
static bool ask_first(lane_state *l, const read_plan *p)
{
	double speed = models_speed(&l->f->model), seconds = speed > 0 ? (double)still_to_read(p) / speed : 0;
	str s = STR_INIT;

	if (p->ready == p->sections || (p->sections == 1 && seconds < LONG_READ_S))
		return false;
	str_putf(&s, "%s: ", p->doc->title);
	number_put_count(&s, p->text_tokens);
	str_puts(&s, " tokens");
	if (p->sections > 1)
		str_putf(&s, " in %d sections", p->sections);
	str_puts(&s, ", ");
	number_put_bytes(&s, p->new_bytes);
	if (seconds > 0) {
		str_puts(&s, ", about ");
		number_put_seconds(&s, seconds);
	}
	str_puts(&s, ". Read it?");
	lane_tell(l, &(event){ .kind = EVENT_PLAN, .text = str_take(&s) });
	return true;
}

static int read_path(lane_state *l, const char *path, bool agreed, bool again, error *err)
{
	progress p = reporter(l);
	read_plan *plan = NULL;
	document_row row = { 0 }, known = { 0 };
	str real = STR_INIT;
	int status = open_engine(l, err);

	/* What was read before keeps the title it was given. */
	bool before = !status && path_real(&real, path, NULL) == 0 && store_find_document(&known, l->f->lib, real.data, NULL) == 0 &&
	              !strcmp(known.path, real.data);
	if (status || (status = read_plan_make(&plan, l->f, path, before ? known.title : NULL, &p, err)))
		goto out;
	if (!agreed && ask_first(l, plan))
		goto out;
	l->reading = str_text(&real);
	int64_t left = still_to_read(plan);
	double start = clock_s();
	/* Contexts of the old text must not be mapped while they are replaced. */
	if (before && known.id == l->open_id)
		engine_close_document(l);
	if ((status = read_run(&row, l->f, plan, NULL, &p, err))) {
		if (status == ERR_CANCEL)
			error_set(err, ERR_CANCEL, "paused: what was read is kept, r goes on");
		goto out;
	}
	double took = clock_s() - start;
	if (left >= 1000 && took >= 1)
		models_learn_speed(l->f, (double)left / took, NULL);
	str done = STR_INIT;
	number_put_seconds(&done, took);
	if (plan->doc->skips)
		str_putf(&done, "; %d file%s left out, such as %s (%s)", plan->doc->skips, plan->doc->skips == 1 ? "" : "s",
		         plan->doc->skip[0].path, plan->doc->skip[0].reason);
	if (left)
		lane_say(l, SAY_GOOD, "%s was read in %s", row.name, str_text(&done));
	else if (again)
		lane_say(l, SAY_PLAIN, "%s is read and has not changed since", row.name);
	str_free(&done);
	lane_tell(l, &(event){ .kind = EVENT_ROW, .id = row.id, .text = strdup(row.name), .done = 1 });
out:
	l->reading = NULL;
	read_plan_free(plan);
	document_row_free(&row);
	document_row_free(&known);
	str_free(&real);
	return status;
}

/* The sample comes out of the program itself. */
static int read_sample(lane_state *l, error *err)
{
	const asset *a = asset_find("sample.md");
	str path = STR_INIT;
	int status;

	if (!a)
		return error_set(err, ERR_NOTFOUND, "this folio was built without its sample document");
	path_join(&path, store_home(l->f->lib), "sample.md");
	if (!(status = str_ok(&path, err)) &&
	    (path_exists(path.data) || !(status = file_write(path.data, a->bytes, a->len, err))))
		status = read_path(l, path.data, true, false, err);
	str_free(&path);
	return status;
}

/* ---- asking ---- */

static int open_contexts(lane_state *l, int64_t id, error *err)
{
	document_row row;
	char word[24];
	int status;

	if (l->open && l->open_id == id)
		return 0;
	engine_close_document(l);
	snprintf(word, sizeof(word), "%lld", (long long)id);
	if ((status = open_engine(l, err)) || (status = store_find_document(&row, l->f->lib, word, err)))
		return status;
	if (!(status = reading_open(&l->open, l->f, &row, err)))
		l->open_id = id;
	document_row_free(&row);
	return status;
}

static void tell_piece(void *ud, const char *text, size_t n)
{
	str s = STR_INIT;

	str_put(&s, text, n);
	lane_tell(ud, &(event){ .kind = EVENT_PIECE, .text = str_take(&s) });
}

static int tell_answer(lane_state *l, const job *j, const answer *a, int64_t conversation, error *err)
{
	event e = { .kind = EVENT_ANSWER, .conversation = conversation, .reused = a->reused_tokens, .budget_read = a->budget_read,
		    .rate = a->tokens_per_s, .turn = { .question = strdup(j->text), .answer = mem_text(a->text),
		    .state = a->stopped ? TURN_STOPPED : TURN_DONE } };
	str note = STR_INIT, sources = STR_INIT;
	int status = answer_sources_json(&sources, a, err);

	tui_note(&note, a);
	e.turn.note = str_take(&note);
	if (!status)
		status = tui_sources_json(&e.turn, str_text(&sources), err);
	str_free(&sources);
	lane_tell(l, &e);
	return status;
}

static int ask(lane_state *l, const job *j, error *err)
{
	progress p = reporter(l), quiet = { .stop = l->stop };
	int64_t conversation = j->conversation;
	answer a = { 0 };
	int status = open_contexts(l, j->id, err);

	if (!status && j->turn && !(status = store_rewind_turns(l->f->lib, conversation, j->turn, err)))
		l->open_conversation = -1; /* the live tokens have turns that are gone */
	if (!status && conversation && conversation != l->open_conversation)
		status = reading_resume(l->open, conversation, &quiet, err);
	if (status)
		return status;
	status = reading_ask(&a, l->open, j->text, conversation == 0, &conversation, tell_piece, l, &p, err);
	/* After a failure nobody knows what the live tokens hold. */
	l->open_conversation = status ? -1 : conversation;
	if (!status)
		status = tell_answer(l, j, &a, conversation, err);
	answer_free(&a);
	return status;
}

/* ---- models ---- */

static int fetch(lane_state *l, error *err)
{
	model_row m = { 0 };
	bool fetched = false;
	progress p = reporter(l);
	progress_event e = { "fetching", "", 0, 0, 0 };

	report(l, &e);
	int status = models_get(&m, &fetched, l->f, NULL, true, &p, err);
	if (!status) {
		lane_say(l, SAY_GOOD, fetched ? "%s was fetched and checked" : "%s is here already", m.name);
		forget_engine(l);
		status = open_engine(l, err);
	}
	model_row_free(&m);
	return status;
}

static int add_model(lane_state *l, const char *path, bool use, error *err)
{
	model_row m = { 0 };
	int status = models_add(&m, l->f, path, NULL, err);

	if (!status && use)
		status = store_use_model(l->f->lib, m.id, err);
	if (!status)
		lane_say(l, SAY_GOOD, use || m.is_default ? "%s is in the library and in use" : "%s is in the library; Enter uses it", m.name);
	model_row_free(&m);
	return status;
}

static int set(lane_state *l, const job *j, error *err)
{
	int status = config_set(&l->f->cfg, j->text, j->second, err);

	if (!strcmp(j->text, "model") || !strcmp(j->text, "adapter") || !strcmp(j->text, "threads"))
		forget_engine(l);
	else if (!strcmp(j->text, "focus") || !strcmp(j->text, "style"))
		engine_close_document(l);
	return status;
}

int engine_job(lane_state *l, const job *j, error *err)
{
	switch (j->kind) {
	case JOB_ENGINE:
		if (j->flag)
			forget_engine(l);
		return open_engine(l, err);
	case JOB_READ: return read_path(l, j->text, j->flag == 1, j->second, err);
	case JOB_SAMPLE: return read_sample(l, err);
	case JOB_ASK: return ask(l, j, err);
	case JOB_WARM: return open_contexts(l, j->id, err);
	case JOB_FORGET:
		if (l->open_id == j->id)
			engine_close_document(l);
		return 0;
	case JOB_FETCH: return fetch(l, err);
	case JOB_ADD_MODEL: return add_model(l, j->text, j->flag == 1, err);
	case JOB_SET: return set(l, j, err);
	default: return 0;
	}
}

/* app/worker.h with a script in place of the store and the engine. What it plays:
 * SCRIPT_DOCUMENTS rows (8 unless told), SCRIPT_TEXT_KB of text (20), a step of long
 * work or a word of an answer every SCRIPT_STEP_MS (5). */

#include "app/worker.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"

enum { MOST_DOCUMENTS = 4000, MOST_TURNS = 64 };

typedef struct {
	int64_t id;
	char *name, *title;
	int64_t tokens;
	ui_document_state state;
	bool removed;
	struct {
		char *question, *answer;
	} turn[MOST_TURNS];
	int turns;
} row;

struct worker {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	cancel stop;
	bool quit, woken, model_gone;
	job *queue;
	size_t jobs, job_cap;
	event *event;
	size_t events, event_cap, event_first;
	int pipe[2], number, step_ms;
	size_t text_bytes;
	row *doc;
	int docs;
};

static long number_of(const char *name, long standard)
{
	const char *value = getenv(name);

	return value && *value ? atol(value) : standard;
}

/* ---- events ---- */

static job job_copy(const job *j)
{
	job own = *j;

	own.text = j->text ? strdup(j->text) : NULL;
	own.second = j->second ? strdup(j->second) : NULL;
	return own;
}

void event_free(event *e)
{
	free(e->of.text);
	free(e->of.second);
	free(e->text);
	free(e->second);
	free(e->third);
	tui_free(&e->model);
	ui_turn_free(&e->turn);
	*e = (event){ 0 };
}

static void tell(worker *w, const job *j, event e)
{
	e.of = job_copy(j);
	pthread_mutex_lock(&w->lock);
	if (MEM_GROW(w->event, w->event_cap, w->events + 1))
		w->event[w->events++] = e;
	if (!w->woken)
		w->woken = write(w->pipe[1], "", 1) == 1;
	pthread_mutex_unlock(&w->lock);
}

static void tell_said(worker *w, const job *j, ui_tone tone, const char *text)
{
	tell(w, j, (event){ .kind = EVENT_SAID, .tone = tone, .text = strdup(text) });
}

static void tell_end(worker *w, const job *j, int status, const char *text)
{
	tell(w, j, (event){ .kind = EVENT_ENDED, .status = status, .text = text ? strdup(text) : NULL });
}

bool worker_next(event *out, worker *w)
{
	char drained[16];

	pthread_mutex_lock(&w->lock);
	bool any = w->event_first < w->events;
	if (any) {
		*out = w->event[w->event_first++];
	} else {
		w->events = w->event_first = 0;
		if (w->woken && read(w->pipe[0], drained, sizeof(drained)) > 0)
			w->woken = false;
	}
	pthread_mutex_unlock(&w->lock);
	return any;
}

int worker_wake_fd(const worker *w)
{
	return w->pipe[0];
}

/* ---- what the library holds ---- */

static const struct {
	const char *name, *title;
	int64_t tokens;
	ui_document_state state;
} shelf[] = {
	{ "lighthouse", "The Lighthouse at Kell Point", 5123, DOC_READ },
	{ "tides", "A Handbook of Tides", 31044, DOC_INTERRUPTED },
	{ "hostile\033[31m\033]0;x\a", "Title\twith \033[2Jcontrol\r\n characters", 777, DOC_READ },
	{ "日本語の文書", "灯台の記録 — 高さ 😀 e\xcc\x81 עברית", 2048, DOC_CHANGED },
	{ "moved", "A file that went elsewhere", 150, DOC_FILE_GONE },
	{ "fresh", "Not read yet", 0, DOC_NOT_READ },
	{ "elsewhere", "Read by another model", 900, DOC_OTHER_MODEL },
	{ "orphan", "Its model is gone", 901, DOC_MODEL_MISSING },
};

enum { SHELF = sizeof(shelf) / sizeof(*shelf) };

static void add_row(worker *w, const char *name, const char *title, int64_t length, ui_document_state state)
{
	w->doc[w->docs] = (row){ .id = w->docs + 1, .name = strdup(name), .title = strdup(title), .tokens = length, .state = state };
	w->docs++;
}

static void drop_turns(row *d, int kept)
{
	while (d->turns > kept) {
		free(d->turn[--d->turns].question);
		free(d->turn[d->turns].answer);
	}
}

static void add_turn(row *d, const char *question, const char *reply)
{
	if (d->turns < MOST_TURNS) {
		d->turn[d->turns].question = strdup(question);
		d->turn[d->turns++].answer = strdup(reply);
	}
}

static void fill(worker *w)
{
	char name[64];
	long n = number_of("SCRIPT_DOCUMENTS", SHELF);

	for (int i = 0; i < n && i < SHELF; i++)
		add_row(w, shelf[i].name, shelf[i].title, shelf[i].tokens, shelf[i].state);
	for (long i = SHELF; i < n && i < MOST_DOCUMENTS - 8; i++) {
		snprintf(name, sizeof(name), "document-%04ld", i);
		add_row(w, name, "One of many", 1000 + i, DOC_READ);
	}
	if (n > 0) {
		add_turn(&w->doc[0], "Who kept the light in 1871?", "Ada Brink");
		add_turn(&w->doc[0], "What does the log say about storms?",
		         "## Storms\n\nThe log names **three** of them:\n\n1. the *Great Storm* of 1859,\n2. that of `1871-11-09`,\n"
		         "3. a nameless one.\n\n```c\nint storms = 3;\n```\n\n| year | wind |\n|---|---:|\n| 1859 | 12 |\n| 1871 | 10 |\n");
	}
}

static row *find(worker *w, int64_t id)
{
	return id >= 1 && id <= w->docs && !w->doc[id - 1].removed ? &w->doc[id - 1] : NULL;
}

static void tell_library(worker *w, const job *j)
{
	event e = { .kind = EVENT_PART, .part = PART_LIBRARY };
	ui_model *m = &e.model;

	m->document = mem_zeroed((size_t)w->docs + 1, sizeof(*m->document));
	m->home = strdup("/home/reader/.local/share/folio");
	m->disk_used = 123456789;
	m->disk_free = 98765432100;
	m->loaded = true;
	for (int i = 0; i < w->docs; i++) {
		const row *d = &w->doc[i];
		if (!d->removed)
			m->document[m->documents++] = (ui_document){ .id = d->id, .name = strdup(d->name), .title = strdup(d->title), .path = strdup(d->name), .model = strdup(d->tokens ? "script-135M" : ""),
				.tokens = d->tokens, .bytes = d->tokens * 25600, .text_bytes = 4 * d->tokens, .used = 1700000000 - 86400 * i,
				.sections = 1, .state = d->state, .done = d->state == DOC_INTERRUPTED ? 0.43 : 0 };
	}
	tell(w, j, e);
}

static ui_source source_make(const char *place, const char *text, double score, size_t from, size_t to)
{
	return (ui_source){ strdup(place), strdup(text), score, from, to };
}

static ui_turn turn_make(int64_t id, const char *question, const char *reply, const char *note)
{
	ui_turn t = { .id = id, .question = strdup(question), .answer = strdup(reply), .note = strdup(note), .state = TURN_DONE };

	t.source = mem_zeroed(2, sizeof(*t.source));
	t.sources = 2;
	t.source[0] = source_make("lighthouse.md:12-13", "Line 12 of the log: Ada Brink kept the light.\nLine 13 of the log.", 0.71, 354, 433);
	t.source[1] = source_make("lighthouse.md:90", "Line 90 of the log: the lamp was lit at dusk.", 0.12, 3200, 3230);
	return t;
}

static void tell_conversation(worker *w, const job *j, row *d)
{
	event e = { .kind = EVENT_PART, .part = PART_CONVERSATION, .id = j->id };

	e.model.conversation = d->turns ? 1 : 0;
	e.model.turn = mem_zeroed((size_t)d->turns + 1, sizeof(*e.model.turn));
	for (int i = 0; i < d->turns; i++)
		e.model.turn[e.model.turns++] = turn_make(i + 1, d->turn[i].question, d->turn[i].answer, "2023-11-14 22:13");
	tell(w, j, e);
}

static void tell_conversations(worker *w, const job *j, row *d)
{
	event e = { .kind = EVENT_PART, .part = PART_CONVERSATIONS, .id = j->id };

	e.model.conversations = mem_zeroed(2, sizeof(*e.model.conversations));
	if (d->turns) {
		e.model.conversation_count = 1;
		e.model.conversations[0] = (ui_conversation){ 1, strdup(d->turn[0].question), 1700000000, d->turns };
	}
	tell(w, j, e);
}

static void tell_text(worker *w, const job *j, row *d)
{
	event e = { .kind = EVENT_PART, .part = PART_TEXT, .id = j->id };
	ui_model *m = &e.model;
	str s = STR_INIT;
	size_t cap = 0;

	for (int i = 1; s.len < w->text_bytes; i++) {
		if (!MEM_GROW(m->line, cap, m->lines + 1))
			break;
		m->line[m->lines++] = (uint32_t)s.len;
		if (i == 12)
			str_puts(&s, "Line 12 of the log: Ada Brink kept the light.\n");
		else if (i == 20)
			str_puts(&s, "Line 20 has \033[31mcolour\033[0m, a \007 bell and 日本語, e\xcc\x81, 😀, עברית.\n");
		else if (i == 30)
			str_puts(&s, "Line 30 is long: it goes on and on, past the edge of every terminal that people have on their desks, and must be wrapped, or its end is never seen by anyone at all.\n");
		else
			str_putf(&s, "Line %d of the log: a quiet day.\n", i);
	}
	m->open = d->id;
	m->open_name = strdup(d->name);
	m->open_title = strdup(d->title);
	m->open_tokens = d->tokens;
	m->page = mem_zeroed(2, sizeof(*m->page));
	m->pages = 2;
	m->page[1] = m->lines > 100 ? m->line[100] : 0;
	m->file = mem_zeroed(1, sizeof(*m->file));
	m->file[0] = (ui_file){ strdup(""), 0 };
	m->files = 1;
	m->text_len = s.len;
	m->text = str_take(&s);
	tell(w, j, e);
}

static void tell_models(worker *w, const job *j)
{
	event e = { .kind = EVENT_PART, .part = PART_MODELS };
	ui_model *m = &e.model;

	m->model = mem_zeroed(3, sizeof(*m->model));
	if (!w->model_gone) {
		m->models = 3;
		m->model[0] = (ui_model_row){ 1, strdup("script-135M"), strdup("/models/script.gguf"), strdup("/models/script.gguf\nreads about 300 tokens/s here"),
			                      98000000, true, false, false };
		m->model[1] = (ui_model_row){ 2, strdup("larger-8B"), strdup("/models/larger.gguf"), strdup("/models/larger.gguf"), 4800000000, false, true, false };
		m->model[2] = (ui_model_row){ 0, strdup("other-1B"), strdup("/elsewhere/other-1B.gguf"), strdup("/elsewhere/other-1B.gguf\nNot in the library yet"),
			                      800000000, false, false, true };
	} else {
		m->fetch_offer = strdup("script-135M, 94 MB, licence Apache-2.0");
	}
	tell(w, j, e);
}

/* ---- the library lane: at once ---- */

static int library_lane(worker *w, const job *j, const char **why)
{
	row *d = find(w, j->id);

	switch (j->kind) {
	case JOB_LIST: tell_library(w, j); break;
	case JOB_MODELS: tell_models(w, j); break;
	case JOB_OPEN:
		if (!d) {
			*why = "there is no such document";
			return ERR_NOTFOUND;
		}
		tell_text(w, j, d);
		tell_conversations(w, j, d);
		tell_conversation(w, j, d);
		break;
	case JOB_CONVERSATION:
		if (d)
			tell_conversation(w, j, d);
		break;
	case JOB_CONVERSATIONS:
		if (d)
			tell_conversations(w, j, d);
		break;
	case JOB_RENAME:
		if (!strcmp(j->text, "taken")) {
			*why = "'taken' is another document's name";
			return ERR_ARG;
		}
		free(d->name);
		d->name = strdup(j->text);
		break;
	case JOB_REMOVE:
		d->removed = true;
		tell_said(w, j, SAY_GOOD, "removed; 125 MB are free again");
		break;
	case JOB_REMOVE_CONVERSATION:
		if (d)
			drop_turns(d, 0);
		break;
	case JOB_EXPORT: tell_said(w, j, SAY_GOOD, j->flag ? "written to lighthouse.json" : "written to lighthouse.md"); break;
	case JOB_SAVE_COPY: tell_said(w, j, SAY_GOOD, "copied to a file"); break;
	case JOB_REMOVE_MODEL: tell_said(w, j, SAY_GOOD, "the model was forgotten; its file stays"); break;
	default: break;
	}
	return 0;
}

/* ---- the engine lane: one job after another, in steps ---- */

static bool step(worker *w)
{
	usleep((useconds_t)w->step_ms * 1000);
	return !cancel_raised(&w->stop);
}

static int read_document(worker *w, const job *j, const char **why)
{
	const char *path = j->kind == JOB_SAMPLE ? "sample.md" : j->text;
	row *d = NULL;

	if (strstr(path, "huge") && !j->flag) {
		tell(w, j, (event){ .kind = EVENT_PLAN, .text = strdup("huge.txt: 99,000 tokens in 14 sections, 2.4 GB, about 6 min. Read it?") });
		return 0;
	}
	if (strstr(path, "broken")) {
		*why = "broken.bin: byte 17 is no text; convert it first";
		return ERR_FORMAT;
	}
	for (int i = 0; i < w->docs; i++)
		if (!strcmp(w->doc[i].name, path_base(path)))
			d = &w->doc[i];
	if (!d) {
		add_row(w, path_base(path), "Just read", 4000, DOC_NOT_READ);
		d = &w->doc[w->docs - 1];
	}
	tell(w, j, (event){ .kind = EVENT_ROW, .id = d->id, .text = strdup(d->name) });
	for (int i = 0; i <= 100; i++) {
		event e = { .kind = EVENT_PROGRESS, .stage = "reading", .unit = "tokens", .done = 40 * i, .total = 4000 };
		tell(w, j, e);
		if (!step(w)) {
			d->state = DOC_INTERRUPTED;
			*why = "paused: what was read is kept, r goes on";
			return ERR_CANCEL;
		}
	}
	d->state = DOC_READ;
	d->tokens = 4000;
	tell_said(w, j, SAY_GOOD, "it was read");
	tell(w, j, (event){ .kind = EVENT_ROW, .id = d->id, .text = strdup(d->name), .done = 1 });
	return 0;
}

static const char *answer_to(const char *question)
{
	if (strstr(question, "hostile"))
		return "Text with \033]0;evil\007 and \033[2J and \x01 bytes \xff\xfe done.";
	if (strstr(question, "long"))
		return "One two three four five six seven eight nine ten. One two three four five six seven eight nine ten. "
		       "One two three four five six seven eight nine ten. One two three four five six seven eight nine ten. "
		       "One two three four five six seven eight nine ten. One two three four five six seven eight nine ten. "
		       "One two three four five six seven eight nine ten. One two three four five six seven eight nine ten. The end.";
	return "Ada Brink kept it.";
}

static int ask(worker *w, const job *j, const char **why)
{
	row *d = find(w, j->id);
	const char *text = answer_to(j->text), *p = text;
	bool stopped = false;

	if (strstr(j->text, "last words"))
		fputs("words on standard error\n", stderr);
	if (strstr(j->text, "lost pointer"))
		raise(SIGSEGV);
	if (strstr(j->text, "crash"))
		abort();
	if (!d || strstr(j->text, "fail")) {
		*why = "the model could not answer: memory ran out; close other programs";
		return ERR_NOMEM;
	}
	if (j->turn)
		drop_turns(d, (int)j->turn - 1);
	while (*p && !stopped) {
		size_t n = strcspn(p, " ") + 1;
		n = n > strlen(p) ? strlen(p) : n;
		tell(w, j, (event){ .kind = EVENT_PIECE, .text = strndup(p, n) });
		p += n;
		stopped = !step(w);
	}
	char *said = strndup(text, (size_t)(p - text));
	event e = { .kind = EVENT_ANSWER, .conversation = 1, .reused = 5123, .budget_read = 0.125, .rate = 61 };
	e.turn = turn_make(0, j->text, said, stopped ? "stopped" : "first word after 0.4 s, 61 tokens/s");
	e.turn.state = stopped ? TURN_STOPPED : TURN_DONE;
	add_turn(d, j->text, said);
	free(said);
	tell(w, j, e);
	return 0;
}

static int fetch(worker *w, const job *j, const char **why)
{
	for (int i = 0; i <= 20; i++) {
		tell(w, j, (event){ .kind = EVENT_PROGRESS, .stage = "fetching", .unit = "bytes", .done = i * 4700000, .total = 94000000 });
		if (!step(w)) {
			*why = "stopped; what was fetched is not kept";
			return ERR_CANCEL;
		}
	}
	w->model_gone = false;
	tell_said(w, j, SAY_GOOD, "script-135M was fetched and checked");
	return 0;
}

static int engine_lane(worker *w, const job *j, const char **why)
{
	switch (j->kind) {
	case JOB_ENGINE:
		if (w->model_gone) {
			*why = "there is no model";
			return ERR_NOTFOUND;
		}
		tell(w, j, (event){ .kind = EVENT_ENGINE, .text = strdup("script-135M"), .second = strdup("script"), .third = strdup("cpu script, 2 threads") });
		return 0;
	case JOB_READ:
	case JOB_SAMPLE: return read_document(w, j, why);
	case JOB_ASK: return ask(w, j, why);
	case JOB_FETCH: return fetch(w, j, why);
	case JOB_ADD_MODEL:
		tell_said(w, j, SAY_GOOD, j->flag ? "it is in the library and in use" : "it is in the library; Enter uses it");
		return 0;
	default: return 0;
	}
}

static void *run(void *ud)
{
	worker *w = ud;

	for (;;) {
		const char *why = NULL;
		pthread_mutex_lock(&w->lock);
		while (!w->jobs && !w->quit)
			pthread_cond_wait(&w->wake, &w->lock);
		if (w->quit) {
			pthread_mutex_unlock(&w->lock);
			return NULL;
		}
		job j = w->queue[0];
		memmove(w->queue, w->queue + 1, --w->jobs * sizeof(*w->queue));
		atomic_store(&w->stop.raised, false);
		pthread_mutex_unlock(&w->lock);
		tell(w, &j, (event){ .kind = EVENT_BEGUN });
		int status = engine_lane(w, &j, &why);
		tell_end(w, &j, status, why);
		free(j.text);
		free(j.second);
	}
}

int worker_open(worker **out, error *err)
{
	worker *w = mem_zeroed(1, sizeof(*w));

	*out = w;
	if (!w || !(w->doc = mem_zeroed(MOST_DOCUMENTS, sizeof(*w->doc))) || pipe2(w->pipe, O_CLOEXEC | O_NONBLOCK))
		return error_nomem(err, "the script");
	w->step_ms = (int)number_of("SCRIPT_STEP_MS", 5);
	w->text_bytes = (size_t)number_of("SCRIPT_TEXT_KB", 20) << 10;
	w->model_gone = number_of("SCRIPT_NO_MODEL", 0) != 0;
	fill(w);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	/* Signals are the interface's, as in the other one. */
	sigset_t all, before;
	sigfillset(&all);
	const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		sigdelset(&all, crashes[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? error_set(err, ERR_NOMEM, "no thread for the script") : 0;
}

void worker_close(worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	cancel_raise(&w->stop);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	for (size_t i = w->event_first; i < w->events; i++)
		event_free(&w->event[i]);
	for (size_t i = 0; i < w->jobs; i++) {
		free(w->queue[i].text);
		free(w->queue[i].second);
	}
	for (int i = 0; i < w->docs; i++) {
		drop_turns(&w->doc[i], 0);
		free(w->doc[i].name);
		free(w->doc[i].title);
	}
	free(w->doc);
	free(w->queue);
	free(w->event);
	close(w->pipe[0]);
	close(w->pipe[1]);
	free(w);
}

int worker_post(worker *w, job_kind kind, int64_t id, int64_t conversation, int64_t turn, int flag, const char *text, const char *second)
{
	job j = { .number = ++w->number, .kind = kind, .id = id, .conversation = conversation, .turn = turn, .flag = flag,
	          .text = text ? strdup(text) : NULL, .second = second ? strdup(second) : NULL };

	if (kind >= JOB_FIRST_OF_ENGINE) {
		pthread_mutex_lock(&w->lock);
		if (MEM_GROW(w->queue, w->job_cap, w->jobs + 1))
			w->queue[w->jobs++] = j;
		pthread_cond_signal(&w->wake);
		pthread_mutex_unlock(&w->lock);
	} else {
		const char *why = NULL;
		int status = library_lane(w, &j, &why);
		tell_end(w, &j, status, why);
		free(j.text);
		free(j.second);
	}
	return j.number;
}

void worker_stop(worker *w)
{
	cancel_raise(&w->stop);
}

int worker_drop(worker *w, job_kind kind)
{
	size_t kept = 0, before;

	pthread_mutex_lock(&w->lock);
	before = w->jobs;
	for (size_t i = 0; i < before; i++)
		if (w->queue[i].kind == kind) {
			free(w->queue[i].text);
			free(w->queue[i].second);
		} else {
			w->queue[kept++] = w->queue[i];
		}
	w->jobs = kept;
	pthread_mutex_unlock(&w->lock);
	return (int)(before - kept);
}

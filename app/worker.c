#include "app/worker_impl.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

typedef struct {
	worker *w;
	pthread_t thread;
	bool started;
	pthread_cond_t wake;
	job *queue;
	size_t n, cap;
	cancel stop;
	int (*run)(lane_state *l, const job *j, error *err);
} lane;

enum { LIBRARY, ENGINE, LANES };

struct worker {
	pthread_mutex_t lock;
	lane lane[LANES];
	event *event;     /* a ring would save moves that nobody would notice */
	size_t events, event_cap, event_first;
	int pipe[2];
	bool woken;       /* a byte is in the pipe */
	int jobs;
	bool quit;
};

static void job_free(job *j)
{
	free(j->text);
	free(j->second);
	*j = (job){ 0 };
}

void event_free(event *e)
{
	job_free(&e->of);
	free(e->text);
	free(e->second);
	free(e->third);
	tui_free(&e->model);
	ui_turn_free(&e->turn);
	*e = (event){ 0 };
}

static bool job_copy(job *to, const job *from)
{
	*to = *from;
	to->text = from->text ? strdup(from->text) : NULL;
	to->second = from->second ? strdup(from->second) : NULL;
	return (!from->text || to->text) && (!from->second || to->second);
}

/* ---- events ---- */

void lane_tell(lane_state *l, event *e)
{
	worker *w = l->w;

	job_copy(&e->of, l->now);
	pthread_mutex_lock(&w->lock);
	if (MEM_GROW(w->event, w->event_cap, w->events + 1))
		w->event[w->events++] = *e;
	else
		event_free(e);
	if (!w->woken)
		w->woken = write(w->pipe[1], "", 1) == 1;
	pthread_mutex_unlock(&w->lock);
}

void lane_say(lane_state *l, ui_tone tone, const char *fmt, ...)
{
	str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vputf(&s, fmt, ap);
	va_end(ap);
	lane_tell(l, &(event){ .kind = EVENT_SAID, .tone = tone, .text = str_take(&s) });
}

bool worker_next(event *out, worker *w)
{
	char drained[16];
	bool any;

	pthread_mutex_lock(&w->lock);
	any = w->event_first < w->events;
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

/* ---- lanes ---- */

/* The next job; false when it is time to go. */
static bool take_job(job *out, lane *l)
{
	worker *w = l->w;
	bool any;

	pthread_mutex_lock(&w->lock);
	while (!l->n && !w->quit)
		pthread_cond_wait(&l->wake, &w->lock);
	any = !w->quit;
	if (any) {
		*out = l->queue[0];
		memmove(l->queue, l->queue + 1, --l->n * sizeof(*l->queue));
		atomic_store(&l->stop.raised, false);
	}
	pthread_mutex_unlock(&w->lock);
	return any;
}

static void run_job(lane_state *s, lane *l, job *j)
{
	error err = { 0 };
	int status = 0;

	s->now = j;
	lane_tell(s, &(event){ .kind = EVENT_BEGUN });
	if (!s->f)
		status = folio_open(&s->f, &err);
	if (!status)
		status = l->run(s, j, &err);
	lane_tell(s, &(event){ .kind = EVENT_ENDED, .status = status, .text = status ? strdup(err.msg) : NULL });
	job_free(j);
}

static void *run_lane(void *ud)
{
	lane *l = ud;
	lane_state s = { .w = l->w, .stop = &l->stop };
	job j;

	/* Threads started from here on inherit it: the interface goes before the engine. */
	if (l == &l->w->lane[ENGINE])
		setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 5);
	while (take_job(&j, l))
		run_job(&s, l, &j);
	engine_close_document(&s);
	folio_close(s.f);
	return NULL;
}

int worker_open(worker **out, error *err)
{
	worker *w = mem_zeroed(1, sizeof(*w));
	sigset_t all, before;
	int status = 0;

	*out = NULL;
	if (!w)
		return error_nomem(err, "the worker");
	if (pipe2(w->pipe, O_CLOEXEC | O_NONBLOCK)) {
		free(w);
		return error_errno(err, ERR_IO, "no pipe could be made");
	}
	pthread_mutex_init(&w->lock, NULL);
	/* Signals are the interface's, but for crashes: one that a thread blocks ends the program
	 * before the terminal is given back. */
	sigfillset(&all);
	const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	for (size_t i = 0; i < sizeof(crashes) / sizeof(*crashes); i++)
		sigdelset(&all, crashes[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < LANES && !status; i++) {
		lane *l = &w->lane[i];
		l->w = w;
		l->run = i == LIBRARY ? library_job : engine_job;
		pthread_cond_init(&l->wake, NULL);
		l->started = pthread_create(&l->thread, NULL, run_lane, l) == 0;
		if (!l->started)
			status = error_set(err, ERR_NOMEM, "a thread could not be started");
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status)
		worker_close(w);
	else
		*out = w;
	return status;
}

void worker_close(worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	for (int i = 0; i < LANES; i++) {
		cancel_raise(&w->lane[i].stop);
		pthread_cond_signal(&w->lane[i].wake);
	}
	pthread_mutex_unlock(&w->lock);
	for (int i = 0; i < LANES; i++) {
		lane *l = &w->lane[i];
		if (l->started)
			pthread_join(l->thread, NULL);
		for (size_t k = 0; k < l->n; k++)
			job_free(&l->queue[k]);
		free(l->queue);
	}
	for (size_t i = w->event_first; i < w->events; i++)
		event_free(&w->event[i]);
	free(w->event);
	close(w->pipe[0]);
	close(w->pipe[1]);
	free(w);
}

static bool push(worker *w, int i, const job *j)
{
	lane *l = &w->lane[i];
	job own;

	if (!job_copy(&own, j) || !MEM_GROW(l->queue, l->cap, l->n + 1)) {
		job_free(&own);
		return false;
	}
	l->queue[l->n++] = own;
	pthread_cond_signal(&l->wake);
	return true;
}

int worker_post(worker *w, job_kind kind, int64_t id, int64_t conversation, int64_t turn, int flag, const char *text,
                const char *second)
{
	job j = { .kind = kind, .id = id, .conversation = conversation, .turn = turn, .flag = flag,
	          .text = (char *)(uintptr_t)text, .second = (char *)(uintptr_t)second };
	bool fine = true;

	pthread_mutex_lock(&w->lock);
	j.number = ++w->jobs;
	if (kind < JOB_FIRST_OF_ENGINE)
		fine = push(w, LIBRARY, &j);
	if (kind >= JOB_FIRST_OF_ENGINE || kind == JOB_SET)
		fine = push(w, ENGINE, &j) && fine;
	pthread_mutex_unlock(&w->lock);
	return fine ? j.number : 0;
}

void worker_stop(worker *w)
{
	cancel_raise(&w->lane[ENGINE].stop);
}

int worker_drop(worker *w, job_kind kind)
{
	lane *l = &w->lane[ENGINE];
	size_t kept = 0, before;

	pthread_mutex_lock(&w->lock);
	before = l->n;
	for (size_t i = 0; i < l->n; i++)
		if (l->queue[i].kind == kind)
			job_free(&l->queue[i]);
		else
			l->queue[kept++] = l->queue[i];
	l->n = kept;
	pthread_mutex_unlock(&w->lock);
	return (int)(before - kept);
}

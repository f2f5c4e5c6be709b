#include "app/tui_impl.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"

enum { LOG_KEPT = 1000 };

void tui_say(tui *t, ui_tone tone, const char *fmt, ...)
{
	str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vputf(&s, fmt, ap);
	va_end(ap);
	ui_say(t->u, tone, "%s", str_text(&s));
	if (t->m.logs == LOG_KEPT) {
		free(t->m.log[0].text);
		memmove(t->m.log, t->m.log + 1, --t->m.logs * sizeof(*t->m.log));
	}
	if (!t->m.log)
		t->m.log = mem_zeroed(LOG_KEPT, sizeof(*t->m.log));
	if (t->m.log)
		t->m.log[t->m.logs++] = (ui_log_line){ clock_unix(), tone, strdup(str_text(&s)) };
	str_free(&s);
	ui_changed(t->u);
}

bool tui_waits(job_kind kind)
{
	return kind == JOB_READ || kind == JOB_SAMPLE || kind == JOB_ASK || kind == JOB_FETCH || kind == JOB_ADD_MODEL;
}

int tui_post(tui *t, job_kind kind, int64_t id, const char *text, const char *second, int flag)
{
	int number = worker_post(t->w, kind, id, t->m.conversation, 0, flag, text, second);

	if (!number)
		tui_say(t, SAY_BAD, "memory ran out");
	if (number && tui_waits(kind))
		t->waiting++;
	return number;
}

void tui_list(tui *t)
{
	tui_post(t, JOB_LIST, 0, t->fingerprint ? t->fingerprint : "", NULL, 0);
}

/* ---- turns ---- */

ui_turn *tui_last_turn(tui *t)
{
	return t->m.turns ? &t->m.turn[t->m.turns - 1] : NULL;
}

bool tui_add_turn(tui *t, const char *question, const char *note)
{
	ui_turn *grown = realloc(t->m.turn, (size_t)(t->m.turns + 1) * sizeof(*grown));

	if (!grown)
		return false;
	t->m.turn = grown;
	grown[t->m.turns++] = (ui_turn){ .question = strdup(question), .answer = strdup(""), .note = strdup(note), .state = TURN_WAITING };
	ui_changed(t->u);
	return true;
}

void tui_drop_turns(tui *t, int kept)
{
	while (t->m.turns > kept)
		ui_turn_free(&t->m.turn[--t->m.turns]);
	ui_changed(t->u);
}

/* ---- settings ---- */

static void show_settings(tui *t)
{
	ui_model fresh = { 0 };
	error err;

	if (tui_settings(&fresh, &t->cfg, &err)) {
		tui_free(&fresh);
		return;
	}
	tui_move(&t->m, &fresh, PART_SETTINGS);
	t->m.budget = t->cfg.budget;
	ui_changed(t->u);
}

void tui_set(tui *t, const char *key, const char *value)
{
	str standard = STR_INIT;
	config built_in;
	error err;

	if (!value && config_defaults(&built_in, &err) == 0) {
		config_value(&standard, &built_in, key, &err);
		config_free(&built_in);
		value = str_text(&standard);
	}
	if (config_set(&t->cfg, key, value, &err) || config_save(key, value, &err)) {
		tui_say(t, SAY_BAD, "%s", err.msg);
	} else {
		tui_post(t, JOB_SET, 0, key, value, 0);
		if (!strcmp(key, "theme"))
			ui_set_theme(t->u, t->cfg.theme);
		if (!strcmp(key, "model") || !strcmp(key, "adapter") || !strcmp(key, "threads")) {
			tui_post(t, JOB_ENGINE, 0, NULL, NULL, 0);
			tui_post(t, JOB_MODELS, 0, NULL, NULL, 0);
		}
		tui_say(t, SAY_GOOD, "%s is %s from now on", key, *value ? value : "automatic");
	}
	show_settings(t);
	str_free(&standard);
}

/* The file's [keys]; one that makes no sense is told, the others hold. */
static void bind_keys(tui *t)
{
	str name = STR_INIT, keys = STR_INIT;
	size_t at = 0;
	error err;

	while (config_next_binding(&t->cfg, &at, &name, &keys))
		if (ui_bind(t->u, str_text(&name), str_text(&keys), &err))
			tui_say(t, SAY_WARN, "the configuration's [keys]: %s", err.msg);
	str_free(&name);
	str_free(&keys);
}

/* ---- the loop ---- */

static void take_events(tui *t)
{
	event e;

	while (worker_next(&e, t->w)) {
		tui_event(t, &e);
		event_free(&e);
	}
}

/* A signal, as that of a resize or one to end, comes only while waiting and ends it: one
 * that came just before would be noticed with the next key. */
static void hold_signals(sigset_t *before)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGHUP);
	sigaddset(&held, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &held, before);
}

static void loop(tui *t, const cancel *stop)
{
	struct pollfd p[2] = { { STDIN_FILENO, POLLIN, 0 }, { worker_wake_fd(t->w), POLLIN, 0 } };
	sigset_t before;

	hold_signals(&before);
	while (!t->quit && !cancel_raised(stop)) {
		ui_draw(t->u);
		int ms = ui_timeout(t->u);
		struct timespec left = { ms / 1000, ms % 1000 * 1000000L };
		if (ppoll(p, 2, ms < 0 ? NULL : &left, &before) < 0 && errno != EINTR)
			break;
		if (!ui_input(t->u))
			break;
		take_events(t);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int begin(tui *t, const char *word, error *err)
{
	int status = ui_open(&t->u, &t->m, (ui_host){ tui_request, t }, err);

	if (status)
		return status;
	ui_set_theme(t->u, t->cfg.theme);
	bind_keys(t);
	if (t->cfg.notes.len)
		tui_say(t, SAY_WARN, "%.*s", (int)strcspn(t->cfg.notes.data, "\n"), t->cfg.notes.data);
	show_settings(t);
	t->open_word = word ? strdup(word) : NULL;
	tui_list(t);
	tui_post(t, JOB_MODELS, 0, NULL, NULL, 0); /* then JOB_ENGINE */
	ui_draw(t->u);
	return 0;
}

int tui_run(const char *word, const cancel *stop, error *err)
{
	tui t = { .m = { .reused = -1, .budget_read = -1, .rate = -1 }, .fingerprint = strdup("") };
	int status;

	if (!(status = config_load(&t.cfg, err)) && !(status = worker_open(&t.w, err)) && !(status = begin(&t, word, err)))
		loop(&t, stop);
	ui_close(t.u);
	if (t.running && t.running_kind != JOB_ASK && !status)
		fputs("folio: putting away what is being read; it goes on next time\n", stderr);
	worker_close(t.w);
	tui_free(&t.m);
	free(t.m.model_name);
	free(t.m.backend);
	free(t.m.work.what);
	free(t.m.work.stage);
	free(t.m.work.unit);
	config_free(&t.cfg);
	free(t.fingerprint);
	free(t.reading_path);
	free(t.plan_path);
	for (int i = 0; i < t.queued; i++)
		free(t.queue[i]);
	free(t.open_word);
	return status;
}

#include "ui/ui_impl.h"

#include <string.h>

#include "base/clock.h"
#include "base/columns.h"
#include "base/number.h"

/* ---- pieces ---- */

/* Text in at most so many columns. */
static void put_cut(str *s, const char *text, int columns)
{
	size_t n = strlen(text);

	if (columns_text(text, n) <= columns) {
		str_put(s, text, n);
		return;
	}
	str_put(s, text, columns_fit(text, n, columns - 1));
	str_puts(s, "…");
}

static void put_separator(str *s)
{
	str_puts(s, s->len ? " │ " : " ");
}

/* ---- what runs ---- */

/* How much is said of it: the less room, the higher the level. */
static const struct {
	int what, cells;
	bool stage, rate;
} work_levels[] = { { 60, 20, true, true }, { 40, 10, true, true }, { 24, 5, true, true }, { 16, 5, false, true }, { 12, 5, false, false } };

enum { WORK_LEVELS = sizeof(work_levels) / sizeof(*work_levels) };

static void put_left(str *s, double seconds)
{
	enum { ROUND_S = 120 };

	str_puts(s, "  ");
	if (seconds >= ROUND_S && seconds < 3600)
		str_putf(s, "%.0f min", seconds / 60);
	else
		number_put_seconds(s, seconds);
	str_puts(s, " left");
}

static void put_work(str *s, const ui_work *w, int level, bool esc)
{
	put_cut(s, w->what, work_levels[level].what);
	if (w->stage && *w->stage && work_levels[level].stage)
		str_putf(s, ": %s", w->stage);
	if (w->done >= 0) {
		int cells = work_levels[level].cells, on = (int)(w->done * cells + 0.5);
		str_puts(s, " ");
		for (int i = 0; i < cells; i++)
			str_puts(s, i < on ? "█" : "░");
		str_putf(s, " %d %%", (int)(w->done * 100));
	}
	if (w->rate > 0 && work_levels[level].rate) {
		str_puts(s, "  ");
		number_put_count(s, (int64_t)w->rate);
		str_putf(s, " %s/s", w->unit ? w->unit : "");
	}
	if (w->left_s >= 0)
		put_left(s, w->left_s);
	if (w->waiting)
		str_putf(s, "  (%d waiting)", w->waiting);
	if (esc)
		str_puts(s, w->pauses ? "  Esc pauses" : "  Esc stops");
}

/* ---- the message line ---- */

static bool says(const ui *u)
{
	/* Over what runs it stands for a while; news only until somebody does something. */
	bool passed = clock_s() - u->said >= MESSAGE_S || (u->news && u->handled != u->said_at);

	return !u->ask.kind && u->message.len && !(u->m->work.what && passed);
}

int status_message_rows(const ui *u)
{
	enum { MOST = 4 };
	rich r = { 0 };

	if (!says(u) && u->ask.kind != PROMPT_CONFIRM)
		return 1;
	rich_begin(&r, u->columns - 1);
	rich_puts(&r, ROLE_PLAIN, u->ask.kind ? u->ask.label : str_text(&u->message));
	rich_end(&r);
	int n = r.lines < 1 ? 1 : r.lines > MOST ? MOST : (int)r.lines;
	rich_free(&r);
	return n;
}

void status_draw_message(const ui *u, const canvas *c)
{
	static const ui_role tones[] = { ROLE_PLAIN, ROLE_GOOD, ROLE_WARN, ROLE_BAD };
	str s = STR_INIT;

	if (u->ask.kind) {
		prompt_draw(u, c);
	} else if (says(u)) {
		ui_paragraph(c, 0, 0, tones[u->tone], str_text(&u->message));
	} else if (u->m->work.what) {
		for (int level = 0; level < WORK_LEVELS; level++) {
			str_clear(&s);
			put_work(&s, &u->m->work, level, ui_esc_stops(u));
			if (columns_text(str_text(&s), s.len) <= c->columns)
				break;
		}
		canvas_put(c, 0, 0, ROLE_PLAIN, str_text(&s), s.len);
	}
	str_free(&s);
}

/* ---- the status line ---- */

enum { BACKEND_WORD, BACKEND_KIND, BACKEND_FULL };

static const struct {
	int name, model;
	bool words;
	int backend;
} status_levels[] = { { 40, 40, true, BACKEND_FULL }, { 40, 24, true, BACKEND_KIND }, { 24, 16, true, BACKEND_WORD },
	              { 20, 14, false, BACKEND_KIND }, { 20, 14, false, BACKEND_WORD }, { 12, 10, false, BACKEND_WORD } };

enum { STATUS_LEVELS = sizeof(status_levels) / sizeof(*status_levels) };

static void put_status(str *s, const ui_model *m, int level)
{
	bool words = status_levels[level].words;
	const char *backend = m->backend ? m->backend : "";

	if (m->open && m->open_name) {
		put_separator(s);
		put_cut(s, m->open_name, status_levels[level].name);
	}
	put_separator(s);
	put_cut(s, m->model_name && *m->model_name ? m->model_name : "no model", status_levels[level].model);
	if (m->reused >= 0) {
		put_separator(s);
		number_put_count(s, m->reused);
		str_puts(s, words ? " tokens reused" : " reused");
	}
	put_separator(s);
	if (words || m->budget_read < 0)
		str_putf(s, "budget %.3g", m->budget);
	if (m->budget_read >= 0)
		str_putf(s, "%sread %.0f %%", words ? ", " : "", 100 * m->budget_read);
	if (m->rate > 0) {
		put_separator(s);
		str_putf(s, words ? "%.0f tokens/s" : "%.0f/s", m->rate);
	}
	put_separator(s);
	number_put_bytes(s, m->disk_used);
	if (*backend) {
		put_separator(s);
		str_put(s, backend, status_levels[level].backend == BACKEND_FULL ? strlen(backend) :
		                    strcspn(backend, status_levels[level].backend == BACKEND_KIND ? "," : " ,"));
	}
}

void status_draw(const ui *u, const canvas *c)
{
	str s = STR_INIT;

	for (int level = 0; level < STATUS_LEVELS; level++) {
		str_clear(&s);
		put_status(&s, u->m, level);
		if (columns_text(str_text(&s), s.len) <= c->columns)
			break;
	}
	canvas_fill(c, 0, 0, ROLE_BAR);
	canvas_put(c, 0, 0, ROLE_BAR, str_text(&s), s.len);
	str_free(&s);
}

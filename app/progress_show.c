#include "app/progress_show.h"

#include <string.h>
#include <unistd.h>

#include "app/show.h"
#include "base/clock.h"
#include "base/columns.h"
#include "base/number.h"

#define REDRAW_S 0.2 /* on a terminal; what is over sooner is not shown at all */
#define PLAIN_S  5.0 /* otherwise */
#define RATE_S   0.5 /* a rate over less says nothing */
#define SHORT_S  1.0 /* a stage not worth a line of its own */

void progress_show_init(progress_show *s, FILE *to, bool quiet)
{
	*s = (progress_show){ .to = to, .quiet = quiet, .terminal = isatty(fileno(to)) };
}

static void put_bar(str *out, double share, int cells)
{
	str_puts(out, "  [");
	for (int i = 0; i < cells; i++)
		str_putc(out, i < (int)(share * cells + 0.5) ? '#' : '.');
	str_putc(out, ']');
}

static void put_amount(str *out, const progress_show *s)
{
	if (strcmp(s->unit, "bytes") == 0) {
		str_puts(out, "  ");
		number_put_bytes(out, s->done);
		str_puts(out, " of ");
		number_put_bytes(out, s->total);
		return;
	}
	str_puts(out, "  ");
	number_put_count(out, s->done);
	str_puts(out, " of ");
	number_put_count(out, s->total);
	str_putf(out, " %s", s->unit);
}

static void put_rate(str *out, const progress_show *s, double seconds)
{
	double rate = (double)(s->done - s->base) / seconds;

	if (seconds < RATE_S || !(rate > 0))
		return;
	if (strcmp(s->unit, "tokens") == 0)
		str_putf(out, rate < 100 ? "  %.1f %s/s" : "  %.0f %s/s", rate, s->unit);
	if (s->done < s->total) {
		str_puts(out, "  ");
		number_put_seconds(out, (double)(s->total - s->done) / rate);
		str_puts(out, " left");
	} else {
		str_puts(out, "  ");
		number_put_seconds(out, seconds);
	}
}

void progress_show_put(str *out, const progress_show *s, double now, int bar)
{
	double share = s->total > 0 ? (double)s->done / (double)s->total : 0;

	if (share > 1)
		share = 1;
	str_putf(out, "%-11s", s->stage);
	if (s->total <= 0)
		return;
	if (bar)
		put_bar(out, share, bar);
	str_putf(out, "  %3.0f %%", 100 * share);
	put_amount(out, s);
	put_rate(out, s, now - s->began);
}

static void draw(progress_show *s, double now)
{
	str line = STR_INIT, cut = STR_INIT;
	int width = show_width(s->to);

	progress_show_put(&line, s, now, 0);
	int room = width - 1 - columns_text(str_text(&line), line.len) - 4; /* "  [" and "]" */
	if (s->terminal && room >= 6) {
		str_clear(&line);
		progress_show_put(&line, s, now, room > 24 ? 24 : room);
	}
	if (s->terminal) {
		show_put_cut(&cut, str_text(&line), width - 1);
		fprintf(s->to, "\r%s\033[K", str_text(&cut));
		s->open = true;
	} else {
		fprintf(s->to, "%s\n", str_text(&line));
	}
	fflush(s->to);
	s->said = now;
	str_free(&line);
	str_free(&cut);
}

static bool is_main(const progress_event *e)
{
	return e->unit && strcmp(e->unit, "tokens") == 0;
}

static void begin(progress_show *s, const progress_event *e, double now)
{
	bool again = s->main_stage && strcmp(s->main_stage, e->stage) == 0 && e->done >= s->main_base;

	if (!s->stage)
		s->said = now;
	s->stage = again ? s->main_stage : e->stage;
	s->began = again ? s->main_began : now;
	s->base = again ? s->main_base : e->done;
	snprintf(s->unit, sizeof(s->unit), "%s", e->unit ? e->unit : "");
	if (is_main(e) && !again) {
		s->main_stage = e->stage;
		s->main_began = s->began;
		s->main_base = s->base;
	}
}

/* Without a terminal a stage that was over at once is not worth a line. */
static void finish_stage(progress_show *s, double now)
{
	if (!s->terminal && s->stage && now - s->began >= SHORT_S)
		draw(s, now);
}

void progress_show_report(void *ud, const progress_event *e)
{
	progress_show *s = ud;
	double now = clock_s();

	if (s->quiet)
		return;
	if (!s->stage || strcmp(s->stage, e->stage) || e->done < s->done) {
		/* Another stage begins only when the one before is whole, told so or not. */
		if (s->stage && s->stage != s->main_stage)
			s->done = s->total;
		if (s->stage != s->main_stage || s->done == s->total)
			finish_stage(s, now);
		begin(s, e, now);
	}
	s->done = e->done;
	s->total = e->total;
	if (now - s->said >= (s->terminal ? REDRAW_S : PLAIN_S))
		draw(s, now);
}

void progress_show_end(progress_show *s)
{
	double now = clock_s();

	if (!s->quiet)
		finish_stage(s, now);
	if (s->open)
		draw(s, now);
	if (s->open)
		fputc('\n', s->to);
	*s = (progress_show){ .to = s->to, .quiet = s->quiet, .terminal = s->terminal };
}

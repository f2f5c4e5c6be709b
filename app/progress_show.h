/* app/progress_show.h - long work shown on standard error: one line that is redrawn
 * on a terminal, a plain line every few seconds otherwise, nothing when quiet. */

#ifndef APP_PROGRESS_SHOW_H
#define APP_PROGRESS_SHOW_H

#include <stdio.h>

#include "base/progress.h"
#include "base/str.h"

typedef struct {
	FILE *to;
	bool quiet, terminal;
	const char *stage; /* the one that runs; NULL: none */
	char unit[16];
	double began;       /* clock_s of the stage's first report */
	int64_t base;       /* done at the stage's first report */
	int64_t done, total;
	double said;        /* clock_s of the last line or redrawing, of the work's begin at first */
	bool open;          /* a line stands that has no newline yet */
	/* The stage that counts tokens comes back for every section of a document. Its
	 * rate goes over all that was done since, so that the time left is honest. */
	const char *main_stage;
	double main_began;
	int64_t main_base;
} progress_show;

void progress_show_init(progress_show *s, FILE *to, bool quiet);

/* For progress.report; ud is the progress_show. */
void progress_show_report(void *ud, const progress_event *e);

/* The work is over or something else wants to write: finish the line. */
void progress_show_end(progress_show *s);

/* One line without newline: "reading   [#####.....]  50 %  3,500 of 7,000 tokens
 * 410 tokens/s  9 s left"; bar cells of 0 leave the bar out. s must have a stage. */
void progress_show_put(str *out, const progress_show *s, double now, int bar);

#endif

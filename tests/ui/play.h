/* tests/ui/play.h - a case being played: its terminal, and the steps that cases are
 * written in (README). */

#ifndef TESTS_UI_PLAY_H
#define TESTS_UI_PLAY_H

#include "tests/ui/terminal.h"

enum { PLAY_SKIPPED = 77, PLAY_MASKS = 32 };

typedef struct {
	const char *file;    /* the case */
	int line;
	char folder[64];     /* $T: the case's own, removed after */
	const char *programs; /* where the programs under test lie */
	const char *screens; /* where golden screens lie */
	bool update;         /* write them instead */
	terminal *t;
	int rows, columns;
	char *term;
	char *mask[PLAY_MASKS];
	int masks;
	int shots;
	double started;
} play;

/* Why it failed, to standard error, with the screen. Always false. */
bool play_fail(play *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

typedef struct {
	const char *name;
	bool (*run)(play *p, char *argument); /* false: failed, and said why */
} step;

/* Ended by a NULL name. */
extern const step steps_basic[], steps_measure[];

/* Take in output until the screen has text (or no more has it); false when it takes longer. */
bool play_until(play *p, const char *text, bool there, double seconds);
/* Until nothing came for a moment, or some moments passed. */
void play_settle(play *p);
/* Bytes that a key sends; false: there is no such key. */
bool play_key(str *out, const char *name);

#endif

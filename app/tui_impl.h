/* app/tui_impl.h - the interface's program: requests in (tui_request.c), events in
 * (tui_event.c), one ui_model between them. */

#ifndef APP_TUI_IMPL_H
#define APP_TUI_IMPL_H

#include "app/tui.h"
#include "app/worker.h"
#include "ui/ui.h"

/* Ids of ui_confirm's questions. */
enum { CONFIRM_READ = 1, CONFIRM_QUIT };

typedef struct {
	ui *u;
	ui_model m;
	worker *w;
	config cfg;
	char *fingerprint;      /* of the engine in use; "" before it is open */
	bool quit;
	bool engine_asked;
	unsigned asked_at;      /* ui_keys when the last reading was asked for */
	int running;            /* number of the engine lane's job; 0: none */
	job_kind running_kind;
	int64_t running_id;     /* document it is about */
	int waiting;            /* reads, questions and the like posted and not begun */
	double began;           /* of the running stage */
	int64_t base;           /* done when it began */
	char stage[24];
	char *reading_path;     /* of the read that runs */
	char *queue[32];        /* paths of the reads posted and not begun, as far as they have room */
	int queued;
	char *plan_path;        /* of the read that waits for a yes */
	char *open_word;        /* from the command line, until the first listing */
	int64_t interrupted;    /* document whose reading was paused in this session */
	double interrupted_at;  /* its share */
} tui;

void tui_request(void *ud, const ui_request *r); /* ui_host's */
void tui_event(tui *t, event *e);

void tui_say(tui *t, ui_tone tone, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool tui_waits(job_kind kind);     /* jobs that a person waits for, one after another */
int tui_post(tui *t, job_kind kind, int64_t id, const char *text, const char *second, int flag);
void tui_list(tui *t);             /* ask for a fresh listing */
void tui_open_document(tui *t, int64_t id);
void tui_read(tui *t, const char *path, bool agreed);
void tui_set(tui *t, const char *key, const char *value);
void tui_status(tui *t);           /* bring the model's work and states up to date */
ui_turn *tui_last_turn(tui *t);
bool tui_add_turn(tui *t, const char *question, const char *note);
void tui_drop_turns(tui *t, int kept);

#endif

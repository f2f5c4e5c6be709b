/* app/worker.h - who works while the interface draws. Two threads, each with a library
 * handle of its own: the library lane answers at once (lists, texts, conversations, small
 * changes), the engine lane owns the model, the sessions and the open document's contexts
 * and does what takes long, one job after another. Jobs go in, events come out, each
 * through one locked queue; a pipe wakes whoever polls.
 *
 * tests/ui has a second implementation of this header that plays a script. */

#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "app/tui_model.h"

typedef struct worker worker;

typedef enum {
	/* library lane */
	JOB_LIST,            /* text: the engine's fingerprint or "" */
	JOB_MODELS,
	JOB_OPEN,            /* id: document; its text and its latest conversation */
	JOB_CONVERSATION,    /* id, conversation */
	JOB_CONVERSATIONS,   /* id */
	JOB_RENAME,          /* id, text */
	JOB_REMOVE,          /* id */
	JOB_REMOVE_CONVERSATION, /* conversation */
	JOB_EXPORT,          /* id, conversation; text: file or ""; number: 1 for JSON */
	JOB_SAVE_COPY,       /* text */
	JOB_USE_MODEL,       /* id */
	JOB_REMOVE_MODEL,    /* id */
	JOB_SET,             /* text, second: a setting, in both lanes */
	JOB_FIRST_OF_ENGINE,
	/* engine lane */
	JOB_ENGINE = JOB_FIRST_OF_ENGINE, /* open the model in use */
	JOB_READ,            /* text: path; flag: 1 when the person agreed to its size; second: "again" says so when nothing changed */
	JOB_SAMPLE,
	JOB_ASK,             /* id, conversation (0: a new one), text; turn: turns from this one on are forgotten first, 0: none */
	JOB_WARM,            /* id: open the document's contexts */
	JOB_FORGET,          /* id: of a document that changed or went; its contexts are closed */
	JOB_FETCH,
	JOB_ADD_MODEL,       /* text; flag: 1 to use it from then on */
} job_kind;

typedef struct {
	int number;          /* set by worker_post, from 1 */
	job_kind kind;
	int64_t id, conversation, turn;
	int flag;
	char *text, *second; /* the job's own */
} job;

typedef enum {
	EVENT_BEGUN,         /* of job */
	EVENT_PROGRESS,      /* stage, unit, done, total, before */
	EVENT_PIECE,         /* text: of the answer */
	EVENT_PART,          /* part of model */
	EVENT_ENGINE,        /* text: the model's name, second: fingerprint, third: backend */
	EVENT_PLAN,          /* text: what reading would take; reading waits for the person */
	EVENT_ROW,           /* id, text: name of the document that is read or was */
	EVENT_ANSWER,        /* turn, conversation, reused, budget_read, rate */
	EVENT_SAID,          /* tone, text */
	EVENT_ENDED,         /* of job; status, text: the error's sentence or NULL */
} event_kind;

typedef struct {
	event_kind kind;
	job of;              /* the job it belongs to; its strings too */
	int status;
	char *text, *second, *third;
	int64_t id, conversation;
	char stage[24], unit[16];
	int64_t done, total, before;
	tui_part part;
	ui_model model;
	ui_turn turn;
	int reused;
	double budget_read, rate;
	ui_tone tone;
} event;

int worker_open(worker **out, error *err);
/* Stops what runs, keeping what is done, and waits for it. NULL is fine. */
void worker_close(worker *w);

int worker_wake_fd(const worker *w); /* readable when events are there */
/* Takes text and second over as copies. The job's number; 0: no memory. */
int worker_post(worker *w, job_kind kind, int64_t id, int64_t conversation, int64_t turn, int flag, const char *text,
                const char *second);
/* The next event, or false. Free it with event_free. */
bool worker_next(event *out, worker *w);
void event_free(event *e);

/* Stop the engine lane's running job; those behind it go on. */
void worker_stop(worker *w);
/* Take jobs of a kind that have not begun out of the engine lane; how many there were. */
int worker_drop(worker *w, job_kind kind);

#endif

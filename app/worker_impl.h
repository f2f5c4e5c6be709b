/* app/worker_impl.h - between the queues (worker.c) and the jobs (worker_*.c). */

#ifndef APP_WORKER_IMPL_H
#define APP_WORKER_IMPL_H

#include "app/worker.h"

/* What a lane's jobs work with; used by its thread alone. */
typedef struct {
	worker *w;
	folio *f;
	const job *now;
	cancel *stop;
	/* engine lane */
	reading *open;         /* the document asked last; NULL: none */
	int64_t open_id, open_conversation;
	bool told;             /* EVENT_ENGINE for this engine */
	const char *reading;   /* path being read whose row was not told yet; NULL: none */
} lane_state;

/* Queue an event of the running job; what it points at is taken over. */
void lane_tell(lane_state *l, event *e);
void lane_say(lane_state *l, ui_tone tone, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

int library_job(lane_state *l, const job *j, error *err);
int engine_job(lane_state *l, const job *j, error *err);
void engine_close_document(lane_state *l);

#endif

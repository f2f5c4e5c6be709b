/* base/progress.h - how long work reports to a person and learns to stop.
 *
 * A cancel token may be raised from any thread or a signal handler; the work
 * looks at it between blocks and returns ERR_CANCEL. A progress callback runs
 * on the thread that does the work; it must not block. */

#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	atomic_bool raised;
} cancel;

static inline void cancel_raise(cancel *c)
{
	atomic_store_explicit(&c->raised, true, memory_order_relaxed);
}

/* NULL never cancels. */
static inline bool cancel_raised(const cancel *c)
{
	return c && atomic_load_explicit(&c->raised, memory_order_relaxed);
}

typedef struct {
	const char *stage; /* "extracting", "reading", "clustering", "calibrating", "writing" */
	const char *unit;  /* what done and total count: "tokens", "layers", "bytes" */
	int64_t done, total;
	int64_t before;    /* of done, already there when the stage began (resumed) */
} progress_event;

typedef struct {
	void (*report)(void *ud, const progress_event *e); /* NULL: nobody listens */
	void *ud;
	cancel *stop; /* NULL: cannot be stopped */
} progress;

/* Report, then say whether to stop. p may be NULL. */
static inline bool progress_report(const progress *p, const progress_event *e)
{
	if (p && p->report)
		p->report(p->ud, e);
	return p && cancel_raised(p->stop);
}

#endif

/* base/pool.h - a fixed team of threads that shares one loop at a time.
 *
 * The calling thread is worker 0 and works along. Every worker has a run of
 * neighbouring items, so that what they read lies together, and takes them one by
 * one in order; whoever is done helps the others, so uneven items balance
 * themselves. A pool serves one caller at a time and loops do not nest. A NULL pool
 * runs everything on the caller. */

#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

#include "base/error.h"

typedef struct pool pool;
typedef void (*pool_fn)(void *ud, int item, int worker);

/* threads >= 1 counts the caller; 0 means one for each core we may run on. */
int pool_open(pool **out, int threads, error *err);
void pool_close(pool *p); /* NULL is fine */

int pool_threads(const pool *p); /* 1 for NULL */

/* Call fn(ud, item, worker) for every item 0..n-1; returns when all are done.
 * worker is 0..pool_threads-1, for per-thread scratch memory. */
void pool_run(pool *p, int n, pool_fn fn, void *ud);

/* The same in two stages without a pause between: items 0..first-1 come before the
 * others, which may wait until all of those are done and then read what they wrote. */
void pool_run_staged(pool *p, int first, int n, pool_fn fn, void *ud);
void pool_wait_first(pool *p, int worker);

/* The items [begin, end) of a loop or stage of n that a worker takes before it helps others. */
void pool_share(const pool *p, int n, int worker, int *begin, int *end);

/* Memory of the caller's for what a loop shares, aligned to 64: kept from call to call
 * and grown when need be, so that nothing is allocated in a steady state. Valid until
 * the next call with more bytes, or pool_close. NULL when memory is exhausted. */
void *pool_memory(pool *p, size_t bytes);

#endif

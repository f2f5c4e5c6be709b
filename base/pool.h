/* base/pool.h - a fixed team of threads that shares one loop at a time.
 *
 * The calling thread is worker 0 and works along. Items are handed out one by
 * one, so uneven items balance themselves. A pool serves one caller at a time
 * and loops do not nest. A NULL pool runs everything on the caller. */

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

/* Memory of the caller's for what a loop shares, aligned to 64: kept from call to call
 * and grown when need be, so that nothing is allocated in a steady state. Valid until
 * the next call with more bytes, or pool_close. NULL when memory is exhausted. */
void *pool_memory(pool *p, size_t bytes);

#endif

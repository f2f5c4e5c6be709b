/* app/bench_machine.h - what this machine can do at most, measured: the floor under
 * every other measurement. */

#ifndef APP_BENCH_MACHINE_H
#define APP_BENCH_MACHINE_H

#include "base/error.h"
#include "base/pool.h"

typedef struct {
	double bytes_per_s; /* read from memory by all threads, beyond the caches */
	double flop_per_s;  /* multiply and add of f32 matrices, all threads: the best of a few sizes */
} machine_rates;

/* About a second of work. */
int machine_measure(machine_rates *out, pool *p, error *err);

#endif

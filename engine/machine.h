/* engine/machine.h - what this machine can do at most, measured: the floor under
 * every other measurement. */

#ifndef ENGINE_MACHINE_H
#define ENGINE_MACHINE_H

#include "base/error.h"
#include "base/pool.h"

typedef struct {
	double bytes_per_s; /* read from memory by all threads, beyond the caches */
	double flop_per_s;  /* multiply and add in products of f32 matrices as the kernels do them, all threads */
} machine_rates;

/* About a second of work. */
int machine_measure(machine_rates *out, pool *p, error *err);

#endif

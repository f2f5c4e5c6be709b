/* kernels/attention_impl.h - the inner loops of cpu_attention, once an instruction set. */

#ifndef KERNELS_ATTENTION_IMPL_H
#define KERNELS_ATTENTION_IMPL_H

#include <stdbool.h>

#include "kernels/attention.h"
#include "kernels/cpu.h"

enum {
	ATTENTION_TILE = 64, /* keys of a tile */
	ATTENTION_FEW = 8,   /* up to so many rows, keys are used as they lie */
};

/* A tile of up to 64 keys gathered from spans. In a causal one token t sees the
 * first visible + t + 1 of them, which may be none. */
typedef struct {
	const void *k[ATTENTION_TILE], *v[ATTENTION_TILE];
	int n, visible;
	bool causal, wide;
} attention_tile;

/* How many keys of the tile row r sees. */
static inline int attention_seen(const attention_tile *t, int r, int group)
{
	int n = t->causal ? t->visible + r / group + 1 : t->n;

	return n < 0 ? 0 : n > t->n ? t->n : n;
}

ISA_DECLARE(void, attention_many, attention_state *s, const float *q, const attention_tile *t, float scale, float *scratch);
ISA_DECLARE(void, attention_few, attention_state *s, const float *q, const attention_tile *t, float scale);

#endif

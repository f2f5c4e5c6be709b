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

#ifdef FOLIO_AMX

/* By tiles, for many rows. A pass over all tiles of keys keeps its own state, in which
 * rows lie side by side: queries are columns, so maxima and sums need nothing but
 * operations between whole vectors. It is merged into the caller's at the end. */
typedef struct {
	attention_state *s;
	int blocks, inner, outer; /* of 16 rows; of 32 elements of a key; of 64 of a value */
	float factor;             /* scores to powers of two */
	float *most, *sum;        /* [blocks, 16]; most times factor */
	float *acc;               /* [blocks, 4 outer, 16 elements, 16 rows] */
	uint16_t *query;          /* [blocks, inner, 2, 16 pairs of elements, 16 rows, 2] */
	uint16_t *key;            /* [4, inner, 2, 16 keys, 32 elements] */
	uint16_t *value;          /* [outer, 2 halves of the tile, 4, 2, 16 elements, 32 keys] */
	float *score;             /* [64 keys, 16 rows] */
	uint16_t *share;          /* [2, 2, 16 pairs of keys, 16 rows, 2] */
} attention_pass;

size_t amx_attention_floats(int rows, int dim);
void amx_attention_begin(attention_pass *a, attention_state *s, const float *q, float scale, float *scratch);
void amx_attention_tile(const attention_pass *a, const attention_tile *t);
void amx_attention_end(const attention_pass *a);

#endif
#endif

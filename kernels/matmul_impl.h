/* kernels/matmul_impl.h - the pieces of cpu_matmul that exist once an instruction
 * set (matmul_isa.c) and the dispatcher (matmul_cpu.c). */

#ifndef KERNELS_MATMUL_IMPL_H
#define KERNELS_MATMUL_IMPL_H

#include <stdbool.h>

#include "kernels/cpu.h"
#include "kernels/matmul.h"

enum {
	MATMUL_FEW = 5,    /* up to so many rows of x, weights are used as they are unpacked */
	MATMUL_PANEL = 32, /* rows of w in a packed panel */
	MATMUL_AHEAD = 8192, /* bytes between a weight's use and the request for it, few rows */
};

typedef struct {
	float *y;
	const float *x, *bias;
	const weights *w;
	int y_stride, x_stride, rows;
	const low_rank *low; /* or NULL */
} matmul_args;

/* The rows of w that are read in a row end at stop; then next is read, NULL: unknown. */
typedef struct {
	const uint8_t *stop, *next;
} matmul_ahead;

/* Outputs [from, to) of every row, by dot products / by one panel. */
ISA_DECLARE(void, matmul_dots, const matmul_args *a, const matmul_ahead *ahead, int from, int to);
ISA_DECLARE(void, matmul_panel, const matmul_args *a, int from, int to);

/* One product of up to MATMUL_FEW rows of x (matmul_few.c). */
void matmul_few(const matmul_args *a, pool *p);

/* Rows of x as high and low bf16 (kernels/tiles.h), in the order in which tiles are
 * loaded; rows are filled up to MATMUL_PANEL and inputs to a tile with zeros. */
typedef struct {
	uint16_t *tile;      /* [row blocks, input blocks, 2, 16, 32] */
	int from, blocks;    /* first input, blocks of 32 inputs */
} matmul_split;

/* Inputs that a split of n takes, in blocks; bytes of a split. */
static inline int matmul_split_blocks(int n)
{
	return (n + 31) / 32;
}

static inline size_t matmul_split_bytes(int rows, int blocks)
{
	return (size_t)((rows + MATMUL_PANEL - 1) / MATMUL_PANEL * MATMUL_PANEL) * (size_t)blocks * 32 * 2 * sizeof(uint16_t);
}

/* Split rows [from, to) of x [rows, n], n inputs from the split's first on; a row
 * beyond the last is zero. */
void amx_split_rows(const matmul_split *s, const float *x, int x_stride, int rows, int n, int from, int to);

/* Outputs [from, to) of all rows; low: the split of a->low->t, or NULL. add: to what
 * y holds already. */
void amx_matmul_panel(const matmul_args *a, const matmul_split *x, const matmul_split *low, bool add, int from, int to);

#endif

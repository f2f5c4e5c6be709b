/* kernels/matmul_impl.h - the pieces of cpu_matmul that exist once an instruction
 * set (matmul_isa.c) and the dispatcher (matmul_cpu.c). */

#ifndef KERNELS_MATMUL_IMPL_H
#define KERNELS_MATMUL_IMPL_H

#include "kernels/cpu.h"
#include "kernels/matmul.h"

enum {
	MATMUL_FEW = 5,    /* up to so many rows of x, weights are used as they are unpacked */
	MATMUL_PANEL = 32, /* rows of w in a packed panel */
	MATMUL_DOTS = 64,  /* rows of w one item of the few-rows loop does at most, */
	MATMUL_LEAST = 16, /* and at least: small products are shared out too */
};

typedef struct {
	float *y;
	const float *x, *bias;
	const weights *w;
	int y_stride, x_stride, rows;
	const low_rank *low; /* or NULL */
	int dots;            /* rows of w an item of the few-rows loop does */
} matmul_args;

/* Outputs [from, to) of every row, by dot products / by one panel. */
ISA_DECLARE(void, matmul_dots, const matmul_args *a, int from, int to);
ISA_DECLARE(void, matmul_panel, const matmul_args *a, int from, int to);

#endif

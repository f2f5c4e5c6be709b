/* kernels/dtype.h - the number formats that weights come in.
 *
 * A row of n weights is stored as n / block blocks of so many bytes. Block
 * layouts are those of GGUF (ggml's quantisation formats, little-endian). */

#ifndef KERNELS_DTYPE_H
#define KERNELS_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/half.h"

typedef enum {
	DT_F32,
	DT_F16,
	DT_BF16,
	DT_Q4_0,
	DT_Q4_1,
	DT_Q5_0,
	DT_Q5_1,
	DT_Q8_0,
	DT_Q4_K,
	DT_Q5_K,
	DT_Q6_K,
	DT_COUNT,
} dtype;

typedef struct {
	const char *name; /* "Q4_1" */
	int block;        /* weights a block: 1, 32 or 256 */
	int bytes;        /* bytes a block */
} dtype_info;

const dtype_info *dtype_get(dtype t);

/* Bytes of a row of n weights; 0 if n is negative or no multiple of the block. */
size_t dtype_row_bytes(dtype t, int64_t n);

/* out[0..n) = the row's values. row needs no alignment. n is a multiple of the
 * block. The reference decodes one weight at a time, straight from the format. */
void ref_dequantize(float *out, const void *row, dtype t, int64_t n);
void cpu_dequantize(float *out, const void *row, dtype t, int64_t n);

/* The other way, for tests and for models made by them: nearest representable
 * values for F32, F16, BF16, Q8_0, Q4_0, Q4_1; false for the rest. */
bool ref_quantize(void *row, const float *in, dtype t, int64_t n);

#endif

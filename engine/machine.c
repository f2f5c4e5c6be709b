#include "engine/machine.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernels/matmul.h"
#include "kernels/shares.h"

/* The matrices stay in the second cache: the rate is the arithmetic's. */
enum { READ_MB = 256, PIECES = 64, READS = 8, PRODUCTS = 200, ROWS = 256, SIDE = 512 };

typedef struct {
	const float *data;
	int n; /* of a piece */
	float most[PIECES];
} reader;

/* Whole vectors, as the kernels read. */
static void read_piece(void *ud, int item, int who)
{
	reader *r = ud;

	(void)who;
	r->most[item] = cpu_largest(r->data + (size_t)item * (size_t)r->n, r->n);
}

static int measure_memory(double *out, pool *p, error *err)
{
	size_t bytes = (size_t)READ_MB << 20;
	float *data = mem_aligned(bytes / sizeof(*data), sizeof(*data));
	reader r = { .data = data, .n = (int)(bytes / sizeof(*data) / PIECES) };

	if (!data)
		return error_nomem(err, "the measurement");
	for (size_t i = 0; i < bytes / sizeof(*data); i++)
		data[i] = (float)(i % 1000);
	*out = 0;
	for (int t = 0; t < READS; t++) {
		double start = clock_s();
		pool_run(p, PIECES, read_piece, &r);
		double rate = (double)bytes / (clock_s() - start);
		*out = rate > *out ? rate : *out;
	}
	free(data);
	return 0;
}

static int measure_matmul(double *out, pool *p, error *err)
{
	size_t n = (size_t)SIDE * SIDE;
	float *w = mem_aligned(n, sizeof(*w)), *x = mem_aligned((size_t)ROWS * SIDE, sizeof(*x)), *y = mem_aligned((size_t)ROWS * SIDE, sizeof(*y));
	int status = w && x && y ? 0 : error_nomem(err, "the measurement");

	*out = 0;
	for (size_t i = 0; !status && i < n; i++)
		w[i] = (float)(i % 17) * 0.01f;
	for (size_t i = 0; !status && i < (size_t)ROWS * SIDE; i++)
		x[i] = (float)(i % 13) * 0.01f;
	for (int t = 0; t < PRODUCTS && !status; t++) {
		weights m = { w, DT_F32, SIDE, SIDE };
		double start = clock_s();
		status = cpu_matmul(y, SIDE, x, SIDE, ROWS, &m, NULL, p, err);
		double rate = 2.0 * ROWS * SIDE * SIDE / (clock_s() - start);
		*out = rate > *out ? rate : *out;
	}
	free(w);
	free(x);
	free(y);
	return status;
}

int machine_measure(machine_rates *out, pool *p, error *err)
{
	int status = measure_memory(&out->bytes_per_s, p, err);

	return status ? status : measure_matmul(&out->flop_per_s, p, err);
}

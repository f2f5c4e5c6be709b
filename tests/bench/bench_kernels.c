/* Times the CPU kernels at the default model's shapes; prints the best of several
 * runs, since other programs share the machine. Not part of the test run:
 * cmake --build build --target bench_kernels && build/bench_kernels [threads] */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernels/attention.h"
#include "kernels/cpu.h"
#include "kernels/kmeans.h"
#include "kernels/matmul.h"

static float *noise(size_t n)
{
	static rng r = { 1 };
	float *x = mem_aligned(n, sizeof(*x));

	for (size_t i = 0; x && i < n; i++)
		x[i] = (float)rng_unit(&r) - 0.5f;
	return x;
}

static void bench_matmul(dtype t, int rows, int out, int in, pool *p)
{
	size_t row = dtype_row_bytes(t, in);
	float *w = noise((size_t)out * (size_t)in), *x = noise((size_t)rows * (size_t)in), *y = noise((size_t)rows * (size_t)out);
	char *q = mem_aligned(row * (size_t)out, 1);
	weights ws = { q, t, out, in };
	double best = 1e9;

	for (int j = 0; j < out; j++)
		ref_quantize(q + (size_t)j * row, w + (size_t)j * (size_t)in, t, in);
	for (int i = 0; i < 7; i++) {
		double t0 = clock_s();
		int n = rows > 8 ? 1 : 20;
		for (int k = 0; k < n; k++)
			cpu_matmul(y, out, x, in, rows, &ws, NULL, p, NULL);
		best = fmin(best, (clock_s() - t0) / n);
	}
	printf("matmul %-5s rows %4d out %5d in %4d  %8.3f ms  %7.1f GFLOP/s  %6.1f GB/s of weights\n", dtype_get(t)->name, rows,
	       out, in, 1e3 * best, 2e-9 * rows * out * in / best, 1e-9 * (double)row * out / best);
	free(w), free(x), free(y), free(q);
}

static void bench_attention(const char *name, int rows, int group, int dim, int keys, int each, int first_visible)
{
	float *q = noise((size_t)(rows * dim)), *mem = noise(attention_state_floats(rows, dim)), *scratch = noise(attention_scratch_floats(rows, dim));
	f16 *k = mem_zeroed((size_t)keys * (size_t)dim, 2), *v = mem_zeroed((size_t)keys * (size_t)dim, 2);
	int spans = 0;
	attention_span *span = mem_array((size_t)(keys / each + 1), sizeof(*span));
	double best = 1e9;

	for (size_t i = 0; i < (size_t)keys * (size_t)dim; i++)
		k[i] = v[i] = f16_from_f32((float)((int)(i * 7919 % 1000) - 500) / 500);
	for (int at = 0; at < keys; at += each)
		span[spans++] = (attention_span){ k + at * dim, v + at * dim, keys - at < each ? keys - at : each, first_visible, false };
	for (int i = 0; i < 7; i++) {
		attention_state s;
		attention_state_init(&s, mem, rows, dim, group);
		double t0 = clock_s();
		cpu_attention(&s, q, span, spans, 0.125f, scratch);
		best = fmin(best, clock_s() - t0);
	}
	printf("attention %-22s %8.3f ms  %6.1f GFLOP/s on one core\n", name, 1e3 * best, 4e-9 * rows * keys * dim / best);
	free(q), free(mem), free(scratch), free(k), free(v), free(span);
}

static void bench_kmeans(void)
{
	int n = 7000, dim = 64, k = 350, *assign = mem_array((size_t)n, sizeof(int));
	float *x = noise((size_t)(n * dim));
	kmeans_options o = { k, 10, 160, 1, 0 };
	double t0 = clock_s();

	for (int i = 0; i < n; i++) {
		double s = 0;
		for (int d = 0; d < dim; d++)
			s += (double)x[i * dim + d] * x[i * dim + d];
		for (int d = 0; d < dim; d++)
			x[i * dim + d] /= (float)sqrt(s);
	}
	cpu_kmeans(assign, x, NULL, n, dim, &o, NULL, NULL);
	printf("kmeans 7000 x 64 into 350, 10 rounds: %.1f ms on one core\n", 1e3 * (clock_s() - t0));
	free(assign), free(x);
}

int main(int argc, char **argv)
{
	pool *p = NULL;

	pool_open(&p, argc > 1 ? atoi(argv[1]) : 0, NULL);
	for (int i = 0; i <= (int)cpu_isa_best(); i++) {
		cpu_isa_force((cpu_isa)i, NULL);
		printf("--- %s, %d threads\n", cpu_isa_name((cpu_isa)i), pool_threads(p));
		bench_matmul(DT_Q4_1, 512, 1536, 576, p);
		bench_matmul(DT_Q4_1, 512, 576, 1536, p);
		bench_matmul(DT_F32, 240, 350, 64, NULL);
		bench_matmul(DT_Q4_1, 1, 1536, 576, p);
		bench_matmul(DT_Q8_0, 1, 49152, 576, p);
		bench_attention("prefill 192 x 4096", 192, 3, 64, 4096, 4096, -1);
		bench_attention("question 48 x 900/8", 48, 3, 64, 900, 8, -1);
		bench_attention("decode 3 x 7000", 3, 3, 64, 7000, 7000, -1);
		bench_attention("decode 3 x 900/8", 3, 3, 64, 900, 8, -1);
		bench_kmeans();
	}
	pool_close(p);
	return 0;
}

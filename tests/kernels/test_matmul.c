#include "tests/kernels/kernel_test.h"

#include "kernels/matmul.h"

/* Random bytes make valid blocks of every format as long as the scales are finite. */
static void any_weights(uint8_t *w, dtype t, size_t row, int out, int in, rng *r)
{
	float *f = any_floats(r, (size_t)in);
	const dtype_info *info = dtype_get(t);

	for (int j = 0; j < out; j++, w += row) {
		for (int i = 0; i < in; i++)
			f[i] = any_float(r);
		if (ref_quantize(w, f, t, in))
			continue;
		for (size_t b = 0; b < row; b++)
			w[b] = (uint8_t)rng_next(r);
		for (int i = 0; i < in / info->block; i++) {
			uint8_t *block = w + i * info->bytes;
			f16 d = f16_from_f32(0.01f * (1 + (float)rng_unit(r))), m = f16_from_f32(0.02f);
			memcpy(t == DT_Q6_K ? block + 208 : block, &d, 2);
			if (t == DT_Q5_1 || t == DT_Q4_K || t == DT_Q5_K)
				memcpy(block + 2, &m, 2);
		}
	}
	free(f);
}

static double magnitude(const float *x, const float *w, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += fabs((double)x[i] * w[i]);
	return sum;
}

/* Of matmul.h, relative to the sum of magnitudes. */
static double tolerance(void)
{
	return cpu_isa_used() == CPU_AMX ? 2e-5 : 1e-5;
}

static void check(dtype t, int rows, int out, int in, pool *p)
{
	rng r = { (uint64_t)t * 1000 + (uint64_t)(rows * 7 + out * 3 + in) };
	size_t row = dtype_row_bytes(t, in);
	uint8_t *w = mem_aligned(row * (size_t)out, 1);
	float *x = any_floats(&r, (size_t)rows * (size_t)(in + 3)), *bias = any_floats(&r, (size_t)out);
	float *want = any_floats(&r, (size_t)rows * (size_t)(out + 1)), *got = any_floats(&r, (size_t)rows * (size_t)(out + 1));
	float *line = any_floats(&r, (size_t)in);
	weights ws = { w, t, out, in };
	error err;

	any_weights(w, t, row, out, in, &r);
	ref_matmul(want, out + 1, x, in + 3, rows, &ws, bias);
	OK(cpu_matmul(got, out + 1, x, in + 3, rows, &ws, bias, p, &err));
	for (int j = 0; j < out; j++) {
		ref_dequantize(line, w + (size_t)j * row, t, in);
		for (int i = 0; i < rows; i++) {
			double sum = fabs(bias[j]) + magnitude(x + (size_t)i * (size_t)(in + 3), line, in);
			double diff = fabs((double)got[i * (out + 1) + j] - want[i * (out + 1) + j]);
			if (!(diff <= tolerance() * sum))
				fail_msg("%s %dx%dx%d isa %s row %d col %d: %g not %g", dtype_get(t)->name, rows, out, in,
				         cpu_isa_name(cpu_isa_used()), i, j, got[i * (out + 1) + j], want[i * (out + 1) + j]);
		}
	}
	free(w);
	free(x);
	free(bias);
	free(want);
	free(got);
	free(line);
}

static void every_format_at_odd_sizes(void **unused)
{
	(void)unused;
	static const int rows[] = { 1, 2, 5, 6, 7, 13, 33 }, outs[] = { 1, 31, 65 };
	EACH_ISA(i)
		for (int t = 0; t < DT_COUNT; t++)
			for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++)
				for (size_t o = 0; o < sizeof(outs) / sizeof(*outs); o++)
					check((dtype)t, rows[r], outs[o], dtype_get((dtype)t)->block == 256 ? 768 : 96, NULL);
}

/* With a difference of some rank: below and above what a panel of its own holds. */
static void check_low_rank(dtype t, int rows, int out, int in, int rank, pool *p)
{
	rng r = { (uint64_t)(rows * 7 + out * 3 + in + rank) };
	size_t row = dtype_row_bytes(DT_Q4_1, in), low_row = dtype_row_bytes(t, rank);
	uint8_t *w = mem_aligned(row * (size_t)out, 1), *b = mem_aligned(low_row * (size_t)out, 1);
	float *x = any_floats(&r, (size_t)(rows * in)), *t_rows = any_floats(&r, (size_t)(rows * (rank + 5)));
	float *want = any_floats(&r, (size_t)(rows * out)), *got = any_floats(&r, (size_t)(rows * out));
	weights ws = { w, DT_Q4_1, out, in }, bs = { b, t, out, rank };
	low_rank low = { &bs, t_rows, rank + 5 };
	float *line = any_floats(&r, (size_t)(in + rank));
	error err;

	any_weights(w, DT_Q4_1, row, out, in, &r);
	any_weights(b, t, low_row, out, rank, &r);
	ref_matmul(want, out, x, in, rows, &ws, NULL);
	ref_matmul_low_rank(want, out, rows, &low);
	OK(cpu_matmul_low_rank(got, out, x, in, rows, &ws, NULL, &low, p, &err));
	for (int j = 0; j < out; j++) {
		ref_dequantize(line, w + (size_t)j * row, DT_Q4_1, in);
		ref_dequantize(line + in, b + (size_t)j * low_row, t, rank);
		for (int i = 0; i < rows; i++) {
			double sum = magnitude(x + (size_t)i * (size_t)in, line, in) +
			             magnitude(t_rows + (size_t)i * (size_t)(rank + 5), line + in, rank);
			double diff = fabs((double)got[i * out + j] - want[i * out + j]);
			if (!(diff <= tolerance() * sum))
				fail_msg("rank %d rows %d isa %s row %d col %d: %g not %g, of %g", rank, rows, cpu_isa_name(cpu_isa_used()), i, j,
				         got[i * out + j], want[i * out + j], sum);
		}
	}
	free(line);
	free(w);
	free(b);
	free(x);
	free(t_rows);
	free(want);
	free(got);
}

static void low_rank_differences_are_added(void **unused)
{
	(void)unused;
	static const int rows[] = { 1, 5, 6, 13, 300 }, ranks[] = { 1, 32, 64, 96, 600 };
	pool *p;
	error err;
	OK(pool_open(&p, 2, &err));
	EACH_ISA(i)
		for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++)
			for (size_t k = 0; k < sizeof(ranks) / sizeof(*ranks); k++) {
				check_low_rank(DT_F16, rows[r], 65, 96, ranks[k], NULL);
				check_low_rank(DT_F16, rows[r], 33, 1536, ranks[k], NULL);
				check_low_rank(DT_F16, rows[r], 33, 1536, ranks[k], p);
				if (ranks[k] % 32 == 0)
					check_low_rank(DT_Q8_0, rows[r], 65, 96, ranks[k], p);
			}
	pool_close(p);
}

enum { MAPS_IN = 576, MAPS_RANKS = 96 };

/* got against the reference with t as it was computed, which is held to a's product. */
static void check_maps(const matmul_maps *m, const float *x, int rows)
{
	float *want = mem_array((size_t)rows * 700, sizeof(*want));

	ref_matmul(want, MAPS_RANKS, x, MAPS_IN, rows, m->a, NULL);
	for (int i = 0; i < rows * MAPS_RANKS; i++)
		assert_true(fabs((double)m->t[i] - want[i]) <= 1e-3);
	for (int k = 0; k < m->n; k++) {
		const matmul_map *map = &m->map[k];
		low_rank low = { map->b, m->t + map->at, MAPS_RANKS };
		ref_matmul(want, map->w->out, x, MAPS_IN, rows, map->w, map->bias);
		if (map->b)
			ref_matmul_low_rank(want, map->w->out, rows, &low);
		for (int i = 0; i < rows * map->w->out; i++)
			if (!(fabs((double)map->y[i] - want[i]) <= 2e-3))
				fail_msg("isa %s rows %d map %d at %d: %g not %g", cpu_isa_name(cpu_isa_used()), rows, k, i, map->y[i], want[i]);
	}
	free(want);
}

/* Three maps of one input, the second without a difference; what follows is known or
 * not. The results of the last time are wiped: who does not wait for t meets NaN. Threads
 * and time change no bit. */
static void maps_of_one_input(void **unused)
{
	(void)unused;
	static const int out[] = { 600, 33, 200 }, rank[] = { 64, 0, 32 };
	enum { ROWS = 7 };
	rng r = { 11 };
	uint8_t *w[3], *b[3], *a = mem_aligned(dtype_row_bytes(DT_Q8_0, MAPS_IN) * MAPS_RANKS, 1);
	weights ws[3], bs[3], as = { a, DT_Q8_0, MAPS_RANKS, MAPS_IN };
	float once[CPU_ISA_COUNT][600] = { { 0 } }, *y[3], *bias = any_floats(&r, 33);
	float *x = any_floats(&r, ROWS * MAPS_IN), *t = any_floats(&r, ROWS * MAPS_RANKS);
	matmul_maps m = { .n = 3, .a = &as, .t = t }, next = { .n = 1, .a = &as };
	error err;

	any_weights(a, DT_Q8_0, dtype_row_bytes(DT_Q8_0, MAPS_IN), MAPS_RANKS, MAPS_IN, &r);
	for (int k = 0; k < 3; k++) {
		size_t row = dtype_row_bytes(DT_Q4_1, MAPS_IN), low = dtype_row_bytes(DT_Q8_0, rank[k]);
		w[k] = mem_aligned(row * (size_t)out[k], 1);
		b[k] = mem_aligned(low * (size_t)out[k], 1);
		y[k] = any_floats(&r, (size_t)(ROWS * out[k]));
		ws[k] = (weights){ w[k], DT_Q4_1, out[k], MAPS_IN };
		bs[k] = (weights){ b[k], DT_Q8_0, out[k], rank[k] };
		any_weights(w[k], DT_Q4_1, row, out[k], MAPS_IN, &r);
		any_weights(b[k], DT_Q8_0, low, out[k], rank[k], &r);
		m.map[k] = (matmul_map){ y[k], &ws[k], rank[k] ? &bs[k] : NULL, k == 1 ? bias : NULL, k == 2 ? 64 : 0 };
	}
	next.map[0] = m.map[2];
	for (int threads = 1; threads <= 3; threads++) {
		pool *p;
		OK(pool_open(&p, threads, &err));
		EACH_ISA(i)
			for (int round = 0; round < 20; round++) {
				int rows = round % 4 == 3 ? ROWS : 1 + round % 4;
				memset(t, 0xff, ROWS * MAPS_RANKS * sizeof(*t));
				for (int k = 0; k < 3; k++)
					memset(y[k], 0xff, (size_t)(ROWS * out[k]) * sizeof(*t));
				OK(cpu_matmul_maps(&m, x, MAPS_IN, rows, round % 2 ? &next : NULL, p, &err));
				check_maps(&m, x, rows);
				if (rows == 1 && threads == 1)
					memcpy(once[i], y[0], sizeof(once[i]));
				else if (rows == 1)
					assert_memory_equal(once[i], y[0], sizeof(once[i]));
			}
		pool_close(p);
	}
	for (int k = 0; k < 3; k++) {
		free(w[k]);
		free(b[k]);
		free(y[k]);
	}
	free(a);
	free(x);
	free(t);
	free(bias);
}

static void long_rows_and_many(void **unused)
{
	(void)unused;
	pool *p;
	error err;
	OK(pool_open(&p, 2, &err));
	EACH_ISA(i) {
		check(DT_Q4_1, 100, 40, 1536, p);
		check(DT_F32, 47, 97, 1111, p);
		check(DT_F32, 47, 97, 1111, NULL);
		check(DT_Q4_1, 600, 32, 576, NULL);
		check(DT_Q4_1, 100, 40, 1536, NULL);
		check(DT_F32, 250, 33, 64, NULL);
		check(DT_F16, 3, 7, 4128, NULL);
		check(DT_F16, 48, 70, 64, NULL);
		check(DT_F32, 9, 5, 17, NULL);
	}
	pool_close(p);
}

static void threads_change_nothing(void **unused)
{
	(void)unused;
	rng r = { 5 };
	int rows = 40, out = 300, in = 576;
	size_t row = dtype_row_bytes(DT_Q4_1, in);
	uint8_t *w = mem_aligned(row * (size_t)out, 1);
	float *x = any_floats(&r, (size_t)(rows * in)), *a = any_floats(&r, (size_t)(rows * out)), *b = any_floats(&r, (size_t)(rows * out));
	weights ws = { w, DT_Q4_1, out, in };
	pool *p;
	error err;

	any_weights(w, DT_Q4_1, row, out, in, &r);
	OK(pool_open(&p, 3, &err));
	for (int n = 1; n <= rows; n += 39) {
		OK(cpu_matmul(a, out, x, in, n, &ws, NULL, NULL, &err));
		OK(cpu_matmul(b, out, x, in, n, &ws, NULL, p, &err));
		assert_memory_equal(a, b, (size_t)(n * out) * sizeof(float));
	}
	pool_close(p);
	free(w);
	free(x);
	free(a);
	free(b);
}

static void nan_reaches_the_result(void **unused)
{
	(void)unused;
	float x[8 * 32] = { 0 }, w[3 * 32] = { 0 }, y[8 * 3];
	weights ws = { w, DT_F32, 3, 32 };

	x[5 * 32 + 31] = NAN;
	x[0] = NAN;
	EACH_ISA(i) {
		cpu_matmul(y, 3, x, 32, 8, &ws, NULL, NULL, NULL);
		assert_true(isnan(y[5 * 3 + 2]));
		assert_false(isnan(y[4 * 3]));
		cpu_matmul(y, 3, x, 32, 1, &ws, NULL, NULL, NULL);
		assert_true(isnan(y[0]));
		w[32 + 7] = NAN; /* in a weight it is in one column alone */
		cpu_matmul(y, 3, x, 32, 8, &ws, NULL, NULL, NULL);
		assert_true(isnan(y[4 * 3 + 1]));
		assert_false(isnan(y[4 * 3]) || isnan(y[4 * 3 + 2]));
		w[32 + 7] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_format_at_odd_sizes),
		cmocka_unit_test(low_rank_differences_are_added),
		cmocka_unit_test(maps_of_one_input),
		cmocka_unit_test(long_rows_and_many),
		cmocka_unit_test(threads_change_nothing),
		cmocka_unit_test(nan_reaches_the_result),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

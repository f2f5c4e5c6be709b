#include "tests/kernels/kernel_test.h"

#include "kernels/attention.h"

typedef struct {
	float *mem, *out, *lse;
	attention_state s;
} run;

static run run_open(int rows, int dim, int group)
{
	run r;

	r.mem = mem_aligned(attention_state_floats(rows, dim), sizeof(float));
	r.out = mem_aligned((size_t)(rows * dim), sizeof(float));
	r.lse = mem_aligned((size_t)rows, sizeof(float));
	attention_state_init(&r.s, r.mem, rows, dim, group);
	return r;
}

static void run_close(run *r)
{
	free(r->mem);
	free(r->out);
	free(r->lse);
}

static void finish(run *r)
{
	error err;
	OK(attention_finish(r->out, r->s.dim, r->lse, &r->s, &err));
}

/* loose: scores in the hundreds, which AMX's pairs of bf16 hold to 2^-17 of the sum of
 * magnitudes; a share is as wrong as its score. */
static void same(const run *got, const run *want, bool loose)
{
	size_t n = (size_t)got->s.rows * (size_t)got->s.dim;
	double tolerance = loose && cpu_isa_used() == CPU_AMX ? 4e-3 : 1e-4;
	comparison c = compare_f32(got->out, want->out, n, tolerance, tolerance);
	if (c.bad)
		fail_msg("isa %s rows %d dim %d: %zu of %zu differ, first %zu, worst %g", cpu_isa_name(cpu_isa_used()),
		         got->s.rows, got->s.dim, c.bad, n, c.first, c.worst);
	assert_int_equal(compare_f32(got->lse, want->lse, (size_t)got->s.rows, tolerance, 1e-5).bad, 0);
}

/* gain: how much larger than 1 the queries are. */
static void check_gain(int tokens, int group, int dim, const attention_span *span, int spans, uint64_t seed, float gain)
{
	rng r = { seed };
	bool loose = gain >= 1;
	int rows = tokens * group;
	float *q = any_floats(&r, (size_t)(rows * dim)), *scratch = mem_aligned(attention_scratch_floats(rows, dim), sizeof(float));
	run want = run_open(rows, dim, group), got = run_open(rows, dim, group), half = run_open(rows, dim, group);
	float scale = 1 / sqrtf((float)dim);

	for (int i = 0; i < rows * dim; i++)
		q[i] *= gain;
	ref_attention(&want.s, q, span, spans, scale);
	finish(&want);
	cpu_attention(&got.s, q, span, spans, scale, scratch);
	finish(&got);
	same(&got, &want, loose);

	/* The same keys in two states, merged; and one state after the other. */
	attention_state_init(&got.s, got.mem, rows, dim, group);
	int cut = spans / 2;
	cpu_attention(&got.s, q, span, cut, scale, scratch);
	cpu_attention(&half.s, q, span + cut, spans - cut, scale, scratch);
	attention_merge(&got.s, &half.s);
	finish(&got);
	same(&got, &want, loose);
	attention_state_init(&got.s, got.mem, rows, dim, group);
	cpu_attention(&got.s, q, span + cut, spans - cut, scale, scratch);
	cpu_attention(&got.s, q, span, cut, scale, scratch);
	finish(&got);
	same(&got, &want, loose);
	run_close(&want);
	run_close(&got);
	run_close(&half);
	free(q);
	free(scratch);
}

static void check(int tokens, int group, int dim, const attention_span *span, int spans, uint64_t seed)
{
	check_gain(tokens, group, dim, span, spans, seed, 1);
	check_gain(tokens, group, dim, span, spans, seed, 1.0f / 16);
}

static void spans_of_all_lengths(void **unused)
{
	(void)unused;
	static const int dims[] = { 64, 80, 96, 128, 48, 16, 256, 18 }, tokens[] = { 1, 2, 3, 11, 33 };
	rng r = { 9 };
	f16 *k = any_halves(&r, 600 * 256), *v = any_halves(&r, 600 * 256);

	EACH_ISA(i)
		for (size_t d = 0; d < 8; d++)
			for (size_t t = 0; t < 5; t++) {
				int dim = dims[d], at = 0, n = 0;
				attention_span span[40];
				static const int len[] = { 1, 2, 0, 63, 5, 64, 65, 3, 40, 1, 130 };
				for (; n < 11; at += len[n++])
					span[n] = (attention_span){ k + at * dim, v + at * dim, len[n], -1, false };
				/* live keys, causal: 20 before the block, then the block's own */
				span[n++] = (attention_span){ k + at * dim, v + at * dim, 20 + tokens[t], 20, false };
				check(tokens[t], 3, dim, span, n, (uint64_t)(d * 10 + t));
				check(tokens[t], 1, dim, span, n, (uint64_t)(d * 10 + t));
			}
	free(k);
	free(v);
}

static void causal_from_nothing(void **unused)
{
	(void)unused;
	rng r = { 10 };
	f16 *k = any_halves(&r, 300 * 64), *v = any_halves(&r, 300 * 64);

	EACH_ISA(i) {
		attention_span span[2] = { { k, v, 0, -1, false }, { k, v, 200, 0, false } };
		check(200, 3, 64, span, 2, 1);
		span[1] = (attention_span){ k, v, 299, 99, false };
		check(200, 2, 64, span, 2, 2);
	}
	free(k);
	free(v);
}

static void large_scores(void **unused)
{
	(void)unused;
	rng r = { 11 };
	f16 *k = any_halves(&r, 200 * 64), *v = any_halves(&r, 200 * 64);

	for (int i = 0; i < 64; i++) /* one key a hundred times stronger than the rest */
		k[150 * 64 + i] = f16_from_f32(100 * f16_to_f32(k[150 * 64 + i]));
	EACH_ISA(i) {
		attention_span span[2] = { { k, v, 100, -1, false }, { k + 100 * 64, v + 100 * 64, 100, -1, false } };
		check(7, 3, 64, span, 2, 3);
		check(1, 3, 64, span, 2, 4);
	}
	free(k);
	free(v);
}

static void wide_keys_beside_narrow_ones(void **unused)
{
	(void)unused;
	rng r = { 13 };
	f16 *k = any_halves(&r, 100 * 80), *v = any_halves(&r, 100 * 80);
	float *wk = any_floats(&r, 90 * 80), *wv = any_floats(&r, 90 * 80);

	EACH_ISA(i)
		for (int tokens = 1; tokens < 40; tokens += 19) {
			attention_span span[] = { { k, v, 70, -1, false }, { wk, wv, 30, -1, true }, { k, v, 3, -1, false },
			                          { wk + 30 * 80, wv + 30 * 80, 60, 20, true } };
			check(tokens, 3, 80, span, 4, (uint64_t)tokens);
		}
	free(k), free(v), free(wk), free(wv);
}

static void nan_is_an_error(void **unused)
{
	(void)unused;
	rng r = { 12 };
	f16 *k = any_halves(&r, 100 * 64), *v = any_halves(&r, 100 * 64);
	float *q = any_floats(&r, 12 * 64), *scratch = mem_aligned(attention_scratch_floats(12, 64), sizeof(float));
	attention_span span = { k, v, 100, -1, false };

	k[70 * 64 + 3] = (f16){ 0x7e00 };
	EACH_ISA(i)
		for (int rows = 3; rows <= 12; rows += 9) {
			run got = run_open(rows, 64, 3);
			cpu_attention(&got.s, q, &span, 1, 0.125f, scratch);
			assert_int_equal(attention_finish(got.out, 64, NULL, &got.s, NULL), ERR_NUMERIC);
			run_close(&got);
		}
	run none = run_open(3, 64, 3);
	assert_int_equal(attention_finish(none.out, 64, NULL, &none.s, NULL), ERR_NUMERIC); /* saw no key */
	run_close(&none);
	free(k);
	free(v);
	free(q);
	free(scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_of_all_lengths),
		cmocka_unit_test(causal_from_nothing),
		cmocka_unit_test(large_scores),
		cmocka_unit_test(wide_keys_beside_narrow_ones),
		cmocka_unit_test(nan_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support.h"

#include <math.h>

#include "base/mem.h"
#include "engine/sampler.h"

static const sampler_options plain = { .temperature = 1, .top_p = 1, .repeat = 1, .repeat_last = 64, .seed = 7 };

enum { N = 6 };
static const float logit[N] = { 1.0f, 3.0f, -2.0f, 3.0f, 0.0f, 2.5f };

static int once(const sampler_options *o, const int *recent, int n, float *logprob)
{
	float l[N];
	error err = { 0 };
	sampler *s;
	int id = -1;

	memcpy(l, logit, sizeof(l));
	OK(sampler_open(&s, o, N, &err));
	OK(sampler_next(&id, logprob, s, l, recent, n, &err));
	sampler_close(s);
	return id;
}

/* How often each token comes. */
static void count(int hits[N], const sampler_options *o, int draws)
{
	float l[N];
	error err = { 0 };
	sampler *s;

	memset(hits, 0, N * sizeof(*hits));
	OK(sampler_open(&s, o, N, &err));
	for (int i = 0; i < draws; i++) {
		int id;
		memcpy(l, logit, sizeof(l));
		OK(sampler_next(&id, NULL, s, l, NULL, 0, &err));
		assert_in_range(id, 0, N - 1);
		hits[id]++;
	}
	sampler_close(s);
}

static double probability(int id, double temperature)
{
	double sum = 0;

	for (int i = 0; i < N; i++)
		sum += exp((double)logit[i] / temperature);
	return exp((double)logit[id] / temperature) / sum;
}

static void greedy_takes_the_lowest_of_the_best(void **state)
{
	sampler_options o = plain;
	float logprob;

	(void)state;
	o.temperature = 0;
	assert_int_equal(once(&o, NULL, 0, &logprob), 1);
	assert_true(fabs((double)logprob - log(probability(1, 1))) < 1e-6);
}

static void the_penalty_moves_the_choice_but_not_its_probability(void **state)
{
	const int recent[] = { 1, 3, 1, 1 };
	sampler_options o = plain;
	float logprob;

	(void)state;
	o.temperature = 0;
	o.repeat = 1.5f; /* 3 / 1.5 < 2.5 */
	assert_int_equal(once(&o, recent, 4, &logprob), 5);
	assert_true(fabs((double)logprob - log(probability(5, 1))) < 1e-6);
	o.repeat = 1.1f; /* once only: 3 / 1.1 > 2.5 */
	assert_int_equal(once(&o, recent, 4, &logprob), 1);
	assert_true(fabs((double)logprob - log(probability(1, 1))) < 1e-5);
	o.repeat = 1.5f;
	o.repeat_last = 2; /* token 3 is out of sight */
	assert_int_equal(once(&o, recent, 4, NULL), 3);
}

static void draws_follow_the_distribution(void **state)
{
	enum { DRAWS = 40000 };
	sampler_options o = plain;
	int hits[N];

	(void)state;
	for (int t = 0; t < 2; t++) {
		o.temperature = t ? 0.5f : 1.5f;
		count(hits, &o, DRAWS);
		for (int i = 0; i < N; i++) {
			double p = probability(i, (double)o.temperature);
			assert_true(fabs(hits[i] / (double)DRAWS - p) < 5 * sqrt(p * (1 - p) / DRAWS) + 1e-6);
		}
	}
}

static void cuts_leave_what_they_should(void **state)
{
	sampler_options o = plain;
	int hits[N];

	(void)state;
	o.top_k = 2;
	count(hits, &o, 2000);
	assert_true(hits[1] > 800 && hits[3] > 800 && hits[1] + hits[3] == 2000);
	o = plain;
	o.min_p = 0.5f; /* e^-0.5 = 0.61 stays, e^-2 goes */
	count(hits, &o, 2000);
	assert_true(hits[5] > 0 && hits[0] == 0 && hits[2] == 0 && hits[4] == 0);
	o = plain;
	o.top_p = 0.3f; /* the first of the two best has 0.36 */
	count(hits, &o, 500);
	assert_int_equal(hits[1], 500);
}

static void the_seed_decides(void **state)
{
	sampler_options o = plain;
	int a[N], b[N];

	(void)state;
	count(a, &o, 50);
	count(b, &o, 50);
	assert_memory_equal(a, b, sizeof(a));
	o.seed = 8;
	count(b, &o, 50);
	assert_true(memcmp(a, b, sizeof(a)) != 0);
}

static void numbers_that_are_none_are_told(void **state)
{
	const float bad[] = { NAN, INFINITY };
	error err = { 0 };
	sampler *s;
	int id;

	(void)state;
	OK(sampler_open(&s, &plain, N, &err));
	for (int i = 0; i < 2; i++) {
		float l[N] = { 0 };
		l[3] = bad[i];
		assert_int_equal(sampler_next(&id, NULL, s, l, NULL, 0, &err), ERR_NUMERIC);
	}
	float none[N];
	for (int i = 0; i < N; i++)
		none[i] = -INFINITY;
	assert_int_equal(sampler_next(&id, NULL, s, none, NULL, 0, &err), ERR_NUMERIC);
	none[4] = -3; /* one that is possible is taken */
	OK(sampler_next(&id, NULL, s, none, NULL, 0, &err));
	assert_int_equal(id, 4);
	sampler_close(s);
}

static void one_token_s_probability_is_the_softmax_s(void **state)
{
	float l[N];
	double got;
	error err = { 0 };

	(void)state;
	for (int i = 0; i < N; i++) {
		OK(sampler_logprob(&got, logit, N, i, &err));
		assert_true(fabs(got - log(probability(i, 1))) < 1e-12);
	}
	/* Where e to the logit is past every double, and where a token has no chance. */
	for (int i = 0; i < N; i++)
		l[i] = logit[i] + 2000;
	l[0] = -INFINITY;
	OK(sampler_logprob(&got, l, N, 1, &err));
	assert_true(fabs(got - log(probability(1, 1) / (1 - probability(0, 1)))) < 1e-9);
	OK(sampler_logprob(&got, l, N, 0, &err));
	assert_true(got == -INFINITY);
	for (int i = 0; i < 2; i++) {
		l[3] = i ? INFINITY : NAN;
		err = (error){ 0 };
		assert_int_equal(sampler_logprob(&got, l, N, 1, &err), ERR_NUMERIC);
		assert_int_equal(err.code, ERR_NUMERIC);
	}
}

static void options_that_make_no_sense_are_refused(void **state)
{
	sampler_options wrong[8];
	error err = { 0 };
	sampler *s;

	(void)state;
	for (int i = 0; i < 8; i++)
		wrong[i] = plain;
	wrong[0].temperature = -1;
	wrong[1].temperature = NAN;
	wrong[2].top_k = -1;
	wrong[3].top_p = 0;
	wrong[4].top_p = NAN;
	wrong[5].min_p = 2;
	wrong[6].repeat = 0;
	wrong[7].repeat_last = -1;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(sampler_open(&s, &wrong[i], N, &err), ERR_ARG);
		assert_null(s);
	}
	sampler_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greedy_takes_the_lowest_of_the_best),
		cmocka_unit_test(the_penalty_moves_the_choice_but_not_its_probability),
		cmocka_unit_test(draws_follow_the_distribution),
		cmocka_unit_test(cuts_leave_what_they_should),
		cmocka_unit_test(the_seed_decides),
		cmocka_unit_test(numbers_that_are_none_are_told),
		cmocka_unit_test(one_token_s_probability_is_the_softmax_s),
		cmocka_unit_test(options_that_make_no_sense_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support.h"

#include <math.h>

#include "app/focus.h"

static document doc = { .text = (char[]){ "alpha beta\n\ngamma delta\n\nepsilon lens\n\nzeta lens eta" }, .len = 50 };

static void passages(ranked_passage p[4])
{
	static const size_t at[4][2] = { { 0, 10 }, { 12, 23 }, { 25, 37 }, { 39, 52 } };

	doc.len = strlen(doc.text);
	for (int i = 0; i < 4; i++)
		p[i] = (ranked_passage){ { at[i][0], at[i][1] }, 0, 0 };
}

static void both_signals_count(void **state)
{
	ranked_passage p[4];
	error err = { 0 };
	double sum = 0;

	(void)state;
	passages(p); /* attention alone: no word is shared */
	p[1].mass = 0.7;
	p[3].mass = 0.3;
	OK(focus_rank(p, 4, &doc, "something", &err));
	assert_int_equal(p[0].at.from, 12);
	assert_true(fabs(p[0].mass - 0.7) < 1e-9);

	passages(p); /* words alone: attention gave nothing */
	OK(focus_rank(p, 4, &doc, "epsilon", &err));
	assert_int_equal(p[0].at.from, 25);
	assert_true(fabs(p[0].mass - 1) < 1e-9);

	passages(p); /* together: words tie, attention decides */
	p[3].mass = 0.02;
	p[0].mass = 0.03;
	OK(focus_rank(p, 4, &doc, "the lens", &err));
	assert_int_equal(p[0].at.from, 39);
	for (int i = 0; i < 4; i++)
		sum += p[i].mass;
	assert_true(fabs(sum - 1) < 1e-9);

	passages(p); /* neither */
	OK(focus_rank(p, 4, &doc, "?", &err));
	for (int i = 0; i < 4; i++)
		assert_true(p[i].mass == 0 && (!i || p[i].at.from > p[i - 1].at.from));
}

static void holders_of_the_answer_count_for_more(void **state)
{
	static const double mass[4] = { 0.5, 0.1, 0.2, 0.1 };
	ranked_passage p[4];

	(void)state;
	passages(p);
	for (int i = 0; i < 4; i++)
		p[i].mass = mass[i];
	focus_prefer_holders(p, 4, &doc, "lens.\n"); /* in the last two */
	assert_int_equal(p[0].at.from, 25);
	assert_int_equal(p[1].at.from, 0);
	assert_int_equal(p[2].at.from, 39);
	assert_int_equal(p[3].at.from, 12);
	assert_true(p[0].mass == 0.2);
	focus_prefer_holders(p, 2, &doc, ""); /* nothing holds nothing: by mass, only the first two */
	assert_int_equal(p[0].at.from, 0);
	assert_int_equal(p[1].at.from, 25);
	assert_int_equal(p[2].at.from, 39);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_signals_count),
		cmocka_unit_test(holders_of_the_answer_count_for_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

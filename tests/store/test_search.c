#include "tests/support.h"

#include "store/search.h"

static const char *const text[] = {
	"The keeper Angus Merrow carved chess pieces from whale teeth.",
	"The lens was made in Lyon by the firm of Auguste Perrault.",
	"Keepers carve wood in winter, and the \"keeper\" sleeps.",
	"Über die Brücke führt der Weg nach Süden.",
	"   ...   ",
};
enum { N = sizeof(text) / sizeof(*text) };

static document *doc_of(document_passage p[N])
{
	static char all[1000];
	static document d;
	size_t at = 0;

	for (int i = 0; i < N; i++) {
		p[i].from = at;
		at += (size_t)sprintf(all + at, "%s", text[i]);
		p[i].to = at;
		at += (size_t)sprintf(all + at, "\n\n");
	}
	d = (document){ .text = all, .len = at };
	return &d;
}

static int best(const double *s)
{
	int at = 0;

	for (int i = 1; i < N; i++)
		at = s[i] > s[at] ? i : at;
	return at;
}

static void rare_shared_words_decide(void **state)
{
	static const struct {
		const char *q;
		int best;
	} cases[] = {
		{ "Who carved the chess pieces?", 0 },
		{ "Where was the lens made?", 1 },
		{ "sleeping keepers", 2 },           /* stems */
		{ "Wohin führt die BRÜCKE", 3 },     /* case beyond ASCII */
	};
	document_passage p[N];
	document *d = doc_of(p);
	double score[N];
	error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		OK(search_passages(score, d, p, N, cases[i].q, &err));
		assert_int_equal(best(score), cases[i].best);
		assert_true(score[cases[i].best] > 0 && score[4] == 0);
	}
}

/* What the search engine would take for operators are words, or nothing. */
static void hostile_questions_are_only_words(void **state)
{
	static const char *const q[] = { "", "?!", "\"", "lens OR NOT", "body:lens", "lens* NEAR(a b)", "') DROP TABLE passage; --",
	                                 "\x80\xff lens", "AND", "-lens ^chess" };
	document_passage p[N];
	document *d = doc_of(p);
	double score[N];
	error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(q) / sizeof(*q); i++) {
		OK(search_passages(score, d, p, N, q[i], &err));
		for (int k = 0; k < N; k++)
			assert_true(score[k] >= 0);
		assert_int_equal(score[1] > 0, strstr(q[i], "lens") != NULL);
	}
	OK(search_passages(score, d, p, 0, "lens", &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rare_shared_words_decide),
		cmocka_unit_test(hostile_questions_are_only_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

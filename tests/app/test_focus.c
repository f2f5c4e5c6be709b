#include "tests/support.h"

#include <math.h>

#include "app/focus.h"
#include "app/read.h"
#include "base/mem.h"
#include "tests/engine/book.h"

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

/* ---- over a model ---- */

enum { PARAGRAPHS = 14 };

/* A document whose paragraphs say different things in much the same words. */
static document *load(const char *folder)
{
	static const char *const who[] = { "dog", "cat", "bird", "girl", "boy", "frog", "fox" }, *const what[] = { "ball", "cake", "hat" };
	char path[256];
	str text = STR_INIT;
	document *d;
	error err;

	for (int i = 0; i < PARAGRAPHS; i++)
		str_putf(&text, "%sOnce there was a little %s who had a red %s. The %s liked to play with it in the park all day long. One day it was "
		         "lost, and the %s was very sad.", i ? "\n\n" : "", who[i % 7], what[i % 3], who[i % 7], who[i % 7]);
	snprintf(path, sizeof(path), "%s/animals.txt", folder);
	OK(file_write(path, text.data, text.len, &err));
	OK(document_load(&d, path, NULL, NULL, &err));
	str_free(&text);
	return d;
}

typedef struct {
	document *d;
	engine *e;
	context *c;
	tokens text, prompt;
	head_ref *head;
	int heads;
} in_context;

static void read_in(in_context *s, const char *folder)
{
	session *plain;
	error err;

	*s = (in_context){ .d = load(folder), .e = open_engine(test_data("models/stories15M"), 2) };
	OK(read_encode(&s->text, s->e, s->d->title, s->d->text, 0, s->d->len, &err));
	OK(generate_prompt(&s->prompt, s->e, "Who lost the cake?", CHAT_PHRASE, true, &err));
	OK(session_open(&plain, s->e, NULL, (int)s->text.len, &err));
	OK(session_eval(plain, s->text.id, (int)s->text.len, NULL, NULL, NULL, &err));
	OK(session_squeeze(&s->c, plain, 0, 7, NULL, &err));
	session_close(plain);
	s->heads = s->e->model->p.heads;
	s->head = mem_array((size_t)s->heads, sizeof(*s->head));
	for (int i = 0; i < s->heads; i++)
		s->head[i] = (head_ref){ s->e->model->p.layers / 2, i };
}

static void context_close(in_context *s)
{
	tokens_free(&s->text), tokens_free(&s->prompt);
	context_free(s->c);
	engine_close(s->e);
	document_free(s->d);
	free(s->head);
}

static int lead(session *q, const in_context *s, const progress *p, error *err)
{
	return focus_lead(q, s->d, 0, s->d->len, s->text.at, s->head, s->heads, &s->prompt, p, err);
}

/* The same in its single steps. */
static void lead_by_hand(session *q, const in_context *s)
{
	uint8_t *want = mem_zeroed(s->text.len, 1);
	ranked_passage *p;
	error err;
	int n;

	OK(session_watch(q, s->head, s->heads, false, &err));
	OK(session_eval(q, s->prompt.id, (int)s->prompt.len, NULL, NULL, NULL, &err));
	OK(sources_rank(&p, &n, s->d, 0, s->d->len, 0, session_watched(q), s->text.at, (int)s->text.len, &err));
	assert_true(n == PARAGRAPHS && p[2].mass > 0);
	for (int i = 0; i < 3; i++)
		for (size_t t = 0; t < s->text.len; t++)
			want[t] |= s->text.at[t] != READ_NOT_TEXT && s->text.at[t] >= p[i].at.from && s->text.at[t] < p[i].at.to;
	OK(session_favour(q, want, &err));
	session_rewind(q, 0);
	free(want);
	free(p);
}

static void a_smaller_budget_is_led_to_passages(void **state)
{
	(void)state;
	NEED(test_data("models/stories15M"), "models/stories15M");
	const char *folder = test_folder();
	in_context s;
	read_in(&s, folder);
	size_t vocab = (size_t)s.e->model->p.vocab;
	float *alone = mem_array(vocab, sizeof(float)), *want = mem_array(vocab, sizeof(float)), *got = mem_array(vocab, sizeof(float));
	cancel stop = { false };
	progress p = { .stop = &stop };
	session *q;
	error err;

	OK(session_open(&q, s.e, s.c, 64, &err));
	OK(session_set_budget(q, 0.2, CALIBRATION_ERROR, &err));
	OK(session_eval(q, s.prompt.id, (int)s.prompt.len, alone, NULL, NULL, &err));
	session_rewind(q, 0);
	lead_by_hand(q, &s);
	OK(session_eval(q, s.prompt.id, (int)s.prompt.len, want, NULL, NULL, &err));
	session_rewind(q, 0);
	for (int again = 0; again < 2; again++) { /* what led the question before does not lead the look at this one */
		OK(lead(q, &s, &p, &err));
		assert_int_equal(session_live_tokens(q), 0);
		OK(session_eval(q, s.prompt.id, (int)s.prompt.len, got, NULL, NULL, &err));
		session_rewind(q, 0);
		assert_memory_equal(got, want, vocab * sizeof(float));
		assert_memory_not_equal(got, alone, vocab * sizeof(float));
	}
	/* Stopped: nobody is led, and the session stands where it was. */
	OK(session_eval(q, s.prompt.id, 3, NULL, NULL, NULL, &err));
	cancel_raise(&stop);
	assert_int_equal(lead(q, &s, &p, &err), ERR_CANCEL);
	assert_int_equal(session_live_tokens(q), 3);
	session_rewind(q, 0);
	OK(session_eval(q, s.prompt.id, (int)s.prompt.len, got, NULL, NULL, &err));
	session_rewind(q, 0);
	assert_memory_equal(got, alone, vocab * sizeof(float));
	/* Where all is read there is nothing to look for. */
	OK(session_set_budget(q, 1, CALIBRATION_ERROR, &err));
	OK(lead(q, &s, &p, &err));
	session_close(q);
	context_close(&s);
	free(alone), free(want), free(got);
	test_remove(folder);
}

/* An adapter that changes nothing but says from which probability on it refuses. */
static void a_question_that_comes_first_has_its_own_bar(void **state)
{
	static const struct {
		double least, first_least, refuse_at;
		bool first, refused;
	} cases[] = {
		{ 1, 1e-30, 0, true, true }, { 1e-30, 1, 0, true, false }, { 1, 1e-30, 0, false, false }, { 1e-30, 1, 0, false, true },
		{ 1, 1, 1e-30, true, true }, { 1e-30, 1e-30, 2, true, false },
	};

	(void)state;
	NEED(test_data("models/stories15M"), "models/stories15M");
	const char *folder = test_folder();
	in_context s;
	read_in(&s, folder);
	adapter a = { .layer = mem_zeroed((size_t)s.e->model->p.layers, sizeof(*a.layer)), .refusal = "The little dog" };
	ranked_passage p = { { 0, 60 }, 1, 0 };

	s.e->adapter = &a;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		generate_options o = { CHAT_PHRASE, 2, { .top_p = 1, .repeat = 1 }, cases[i].refuse_at };
		generated g = { 0 };
		error err;
		int used;
		a.refuse_at = cases[i].least;
		a.first_refuse_at = cases[i].first_least;
		a.question_first = cases[i].first;
		OK(focus_answer(&g, &used, s.e, s.d, &p, 1, &(tokens){ 0 }, "Who lost the cake?", &s.prompt, &o, NULL, NULL, NULL, &err));
		if (g.refused != cases[i].refused)
			fail_msg("case %zu: refused %d with probability %g", i, g.refused, g.refusal);
		generated_free(&g);
	}
	s.e->adapter = NULL;
	free(a.layer);
	context_close(&s);
	test_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_signals_count),
		cmocka_unit_test(holders_of_the_answer_count_for_more),
		cmocka_unit_test(a_smaller_budget_is_led_to_passages),
		cmocka_unit_test(a_question_that_comes_first_has_its_own_bar),
	};
	return cmocka_run_group_tests(tests, read_words, free_words);
}

/* Which queries calibrate a squeezed context, and where the session stands after it. */

#include "tests/compare.h"
#include "tests/engine/book.h"

#include <math.h>

#include "base/mem.h"
#include "engine/session.h"

static void same_curves(const context *a, const context *b)
{
	for (int h = 0; h < a->layers * a->kv_heads; h++) {
		assert_memory_equal(a->head[h].cost, b->head[h].cost, CONTEXT_CURVE * sizeof(float));
		assert_int_equal(compare_f32(a->head[h].loss, b->head[h].loss, CONTEXT_CURVE, 1e-6, 1e-4).bad, 0);
	}
}

/* Calibration uses the queries of this text, whatever was there before it. */
static void queries_are_those_of_the_text(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	enum { N = 230, TURN = 140 };
	engine *e = open_engine(test_data("models/stories15M"), 2);
	tokens t = encode_book(e, 2 * N);
	context *straight, *turned, *restored;
	session *s;
	error err;

	OK(session_open(&s, e, NULL, N, &err));
	OK(session_eval(s, t.id, N, NULL, NULL, NULL, &err));
	OK(session_squeeze(&straight, s, 0, 7, NULL, &err));
	void *kv = mem_array(session_kv_bytes(s, N), 1);
	session_kv_get(s, 0, N, kv);
	session_rewind(s, TURN);
	OK(session_eval(s, t.id + N, N - TURN, NULL, NULL, NULL, &err));
	session_rewind(s, TURN);
	OK(session_eval(s, t.id + TURN, N - TURN, NULL, NULL, NULL, &err));
	OK(session_squeeze(&turned, s, 0, 7, NULL, &err));
	same_curves(turned, straight);
	/* Queries of another text, then keys that were stored: the text is looked at again. */
	session_rewind(s, 0);
	OK(session_eval(s, t.id + N, N, NULL, NULL, NULL, &err));
	session_rewind(s, 0);
	OK(session_kv_put(s, t.id, N, kv, &err));
	OK(session_squeeze(&restored, s, 0, 7, NULL, &err));
	same_curves(restored, straight);
	context_free(straight), context_free(turned), context_free(restored);
	session_close(s);
	tokens_free(&t);
	free(kv);
	engine_close(e);
}

/* ---- questions behind the text ---- */

static void same_keys(const context *a, const context *b)
{
	size_t body = (size_t)a->body, edge = (size_t)(a->sinks + a->window), row = (size_t)a->head_dim * sizeof(f16);

	assert_int_equal(a->tokens, b->tokens);
	for (int h = 0; h < a->layers * a->kv_heads; h++) {
		assert_memory_equal(a->head[h].position, b->head[h].position, body * sizeof(uint32_t));
		assert_memory_equal(a->head[h].k, b->head[h].k, body * row);
		assert_memory_equal(a->head[h].v, b->head[h].v, body * row);
		assert_memory_equal(a->head[h].edge_k, b->head[h].edge_k, edge * row);
		assert_memory_equal(a->head[h].edge_v, b->head[h].edge_v, edge * row);
	}
}

static double curves_differ(const context *a, const context *b)
{
	double sum = 0;

	for (int h = 0; h < a->layers * a->kv_heads; h++)
		for (int i = 0; i < CONTEXT_CURVE; i++)
			sum += fabs((double)a->head[h].loss[i] - (double)b->head[h].loss[i]);
	return sum;
}

/* One query reads whole keys and centroids, a mean over several would not. */
static void calibrated_by_one_query(const context *c)
{
	for (int h = 0; h < c->layers * c->kv_heads; h++)
		for (int i = 0; i < CONTEXT_CURVE; i++) {
			double halves = 2.0 * c->body * (double)c->head[h].cost[i];
			assert_true(fabs(halves - round(halves)) < 1e-3);
		}
}

static void questions_are_no_part_of_the_context(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	enum { N = 126 };
	static const int asked[] = { 1, 19, 40, 100, 130 }; /* fewer than queries are taken, more than are kept */
	engine *e = open_engine(test_data("models/stories15M"), 2);
	tokens t = encode_book(e, 2 * N + 130);
	size_t vocab = (size_t)e->model->p.vocab;
	float *want = mem_array(vocab, sizeof(float)), *got = mem_array(vocab, sizeof(float));
	session *s, *r;
	error err;

	OK(session_open(&s, e, NULL, N + 130, &err));
	OK(session_open(&r, e, NULL, N + 130, &err));
	OK(session_eval(s, t.id, N, NULL, NULL, NULL, &err));
	void *kv = mem_array(session_kv_bytes(s, N + 130), 1);
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		context *own, *by_questions, *restored;
		OK(session_squeeze(&own, s, 0, 7, NULL, &err));
		OK(session_eval(s, t.id + N, asked[i], want, NULL, NULL, &err));
		session_kv_get(s, 0, N + asked[i], kv);
		OK(session_squeeze(&by_questions, s, asked[i], 7, NULL, &err));
		assert_int_equal(session_live_tokens(s), N);
		same_keys(by_questions, own);
		assert_true(curves_differ(by_questions, own) > 1e-3);
		if (asked[i] == 1)
			calibrated_by_one_query(by_questions);
		/* The session goes on from the text as if nothing had been asked. */
		OK(session_eval(s, t.id + N, asked[i], got, NULL, NULL, &err));
		assert_memory_equal(got, want, vocab * sizeof(float));
		session_rewind(s, N);
		/* Questions that were restored are looked at again. */
		session_rewind(r, 0);
		OK(session_kv_put(r, t.id, N + asked[i], kv, &err));
		OK(session_squeeze(&restored, r, asked[i], 7, NULL, &err));
		assert_int_equal(session_live_tokens(r), N);
		same_curves(restored, by_questions);
		context_free(own), context_free(by_questions), context_free(restored);
	}
	session_close(s), session_close(r);
	tokens_free(&t);
	free(kv), free(want), free(got);
	engine_close(e);
}

/* Of the wanted tokens, how many one step reads in how many heads; the logits and the budget read. */
static int wanted_read(float *logits, double *read, session *s, int token, const uint8_t *want, const head_ref *head, int heads)
{
	int live = session_live_tokens(s), n = 0, held = session_context_tokens(s);
	error err;

	OK(session_watch(s, head, heads, true, &err));
	session_stats_reset(s);
	OK(session_eval(s, &token, 1, logits, NULL, NULL, &err));
	for (int i = 0; i < heads * held; i++)
		n += want[i % held] && session_watched(s)[i] > 0;
	*read = session_get_stats(s).budget_read;
	session_rewind(s, live);
	return n;
}

static void heads_are_led_to_tokens(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	enum { N = 600, FROM = 150, TO = 190 };
	engine *e = open_engine(test_data("models/stories15M"), 2);
	const model_params *m = &e->model->p;
	tokens t = encode_book(e, N + 1);
	size_t vocab = (size_t)m->vocab;
	float *alone = mem_array(vocab, sizeof(float)), *led = mem_array(vocab, sizeof(float));
	head_ref *head = mem_array((size_t)(m->layers * m->heads), sizeof(*head));
	uint8_t *want = mem_zeroed(N, 1);
	session *s, *q;
	context *c;
	double read, read_led;
	error err;

	for (int i = 0; i < m->layers * m->heads; i++)
		head[i] = (head_ref){ i / m->heads, i % m->heads };
	memset(want + FROM, 1, TO - FROM);
	OK(session_open(&s, e, NULL, N, &err));
	OK(session_eval(s, t.id, N, NULL, NULL, NULL, &err));
	OK(session_squeeze(&c, s, 0, 7, NULL, &err));
	OK(session_open(&q, e, c, 8, &err));
	assert_true(session_unled(s) && session_unled(q)); /* nothing stored; all is read */
	OK(session_set_budget(q, 0.2, CALIBRATION_ERROR, &err));
	assert_false(session_unled(q));
	int without = wanted_read(alone, &read, q, t.id[N], want, head, m->layers * m->heads);
	OK(session_favour(q, want, &err));
	int with = wanted_read(led, &read_led, q, t.id[N], want, head, m->layers * m->heads);
	assert_true(with > 2 * without);
	assert_true(fabs(read_led - read) < 0.02);
	assert_memory_not_equal(led, alone, vocab * sizeof(float));
	/* It outlasts a change of the budget, ... */
	OK(session_set_budget(q, 0.3, CALIBRATION_ERROR, &err));
	OK(session_set_budget(q, 0.2, CALIBRATION_ERROR, &err));
	assert_int_equal(wanted_read(led, &read_led, q, t.id[N], want, head, m->layers * m->heads), with);
	/* leads nobody where all is read or the paper's threshold says what is, ... */
	for (int i = 0; i < 2; i++) {
		OK(session_set_budget(q, i ? 0.2 : 1, i ? CALIBRATION_THRESHOLD : CALIBRATION_ERROR, &err));
		assert_true(session_unled(q));
		OK(session_favour(q, want, &err));
		wanted_read(led, &read_led, q, t.id[N], want, head, m->layers * m->heads);
		OK(session_favour(q, NULL, &err));
		wanted_read(alone, &read, q, t.id[N], want, head, m->layers * m->heads);
		assert_memory_equal(led, alone, vocab * sizeof(float));
	}
	/* and is over when it is taken back. */
	OK(session_set_budget(q, 0.2, CALIBRATION_ERROR, &err));
	assert_int_equal(wanted_read(led, &read_led, q, t.id[N], want, head, m->layers * m->heads), without);
	session_close(q), session_close(s);
	context_free(c);
	tokens_free(&t);
	free(alone), free(led), free(head), free(want);
	engine_close(e);
}

static void a_failed_squeeze_leaves_the_text(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	enum { N = 150, ASKED = 40 };
	engine *e = open_engine(test_data("models/stories15M"), 2);
	tokens t = encode_book(e, N + ASKED);
	static const int senseless[] = { -1, N + ASKED, N + ASKED + 1 };
	cancel stop = { false };
	progress p = { .stop = &stop };
	context *straight, *after, *none;
	session *s;
	error err;

	OK(session_open(&s, e, NULL, N + ASKED, &err));
	OK(session_eval(s, t.id, N, NULL, NULL, NULL, &err));
	OK(session_squeeze(&straight, s, 0, 7, NULL, &err));
	OK(session_eval(s, t.id + N, ASKED, NULL, NULL, NULL, &err));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(session_squeeze(&none, s, senseless[i], 7, NULL, &err), ERR_ARG);
		assert_null(none);
		assert_int_equal(session_live_tokens(s), N + ASKED);
	}
	void *kv = mem_array(session_kv_bytes(s, N + ASKED), 1);
	session_kv_get(s, 0, N + ASKED, kv);
	cancel_raise(&stop);
	/* Stopped while clustering; while restored questions, or a text's end, are looked at again. */
	for (int i = 0; i < 3; i++) {
		int asked = i < 2 ? ASKED : 0;
		assert_int_equal(session_squeeze(&none, s, asked, 7, &p, &err), ERR_CANCEL);
		assert_null(none);
		assert_int_equal(session_live_tokens(s), N + ASKED - asked);
		session_rewind(s, 0);
		OK(session_kv_put(s, t.id, N + ASKED, kv, &err));
	}
	session_rewind(s, N);
	OK(session_squeeze(&after, s, 0, 7, NULL, &err));
	same_curves(after, straight);
	context_free(straight), context_free(after);
	session_close(s);
	tokens_free(&t);
	free(kv);
	engine_close(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_are_those_of_the_text),
		cmocka_unit_test(questions_are_no_part_of_the_context),
		cmocka_unit_test(heads_are_led_to_tokens),
		cmocka_unit_test(a_failed_squeeze_leaves_the_text),
	};
	return cmocka_run_group_tests(tests, read_words, free_words);
}

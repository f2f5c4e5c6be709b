/* The whole engine on real models: against float64 log-probabilities, against itself
 * over block sizes and threads, and the squeezed context against dense attention. */

#include "tests/compare.h"
#include "tests/engine/book.h"

#include <jansson.h>
#include <math.h>

#include "base/mem.h"
#include "engine/lookup.h"
#include "engine/session.h"

static double log_sum(const float *x, int n)
{
	double most = -INFINITY, sum = 0;

	for (int i = 0; i < n; i++)
		most = fmax(most, (double)x[i]);
	for (int i = 0; i < n; i++)
		sum += exp((double)x[i] - most);
	return most + log(sum);
}

/* ---- stories15M against reference.json ---- */

static double check_case(engine *e, const json_t *c, bool f32)
{
	const json_t *ids = json_object_get(c, "ids"), *top = json_object_get(c, "top5_logprobs");
	int n = (int)json_array_size(ids), vocab = e->model->p.vocab, id[256];
	float *logits = mem_array((size_t)n * (size_t)vocab, sizeof(float));
	double worst = 0;
	session *s;
	error err;

	assert_true(n > 0 && n <= 256);
	for (int i = 0; i < n; i++)
		id[i] = (int)json_integer_value(json_array_get(ids, (size_t)i));
	OK(session_open(&s, e, NULL, n, &err));
	if (f32)
		OK(session_use_f32(s, &err));
	OK(session_eval(s, id, n, NULL, logits, NULL, &err));
	for (size_t i = 0; i < json_array_size(top); i++) {
		double lse = log_sum(logits + i * (size_t)vocab, vocab);
		const json_t *five = json_array_get(top, i);
		for (size_t k = 0; k < json_array_size(five); k++) {
			json_int_t t = json_integer_value(json_array_get(json_array_get(five, k), 0));
			double want = json_number_value(json_array_get(json_array_get(five, k), 1));
			double diff = fabs((double)logits[i * (size_t)vocab + (size_t)t] - lse - want);
			worst = diff <= worst ? worst : diff; /* NaN replaces worst and fails below */
		}
	}
	session_close(s);
	free(logits);
	return worst;
}

static void stories_match_float64(void **unused)
{
	(void)unused;
	const char *folder = test_data("models/stories15M"), *ref = test_data("models/stories15M/reference.json");
	NEED(ref, "models/stories15M");
	engine *e = open_engine(folder, 1);
	json_t *j = json_load_file(ref, 0, NULL), *cases = json_object_get(j, "cases");

	assert_true(json_array_size(cases) > 0);
	for (size_t i = 0; i < json_array_size(cases); i++) {
		double worst = check_case(e, json_array_get(cases, i), true), half = check_case(e, json_array_get(cases, i), false);
		print_message("case %zu: largest log-probability difference %.2g, with f16 keys %.2g\n", i, worst, half);
		assert_true(worst <= 1e-4);
		assert_true(half <= 5e-3);
	}
	json_decref(j);
	engine_close(e);
}

/* ---- blocks and threads ---- */

static float *eval_all(engine *e, const context *ctx, const tokens *t, int block, double budget, error *err)
{
	size_t vocab = (size_t)e->model->p.vocab;
	float *logits = mem_array(t->len * vocab, sizeof(float));
	session *s;

	assert_int_equal(session_open(&s, e, ctx, (int)t->len, err), 0);
	assert_int_equal(session_set_budget(s, budget, CALIBRATION_ERROR, err), 0);
	for (size_t at = 0; at < t->len; at += (size_t)block) {
		int m = (int)(t->len - at) < block ? (int)(t->len - at) : block;
		assert_int_equal(session_eval(s, t->id + at, m, NULL, logits + at * vocab, NULL, err), 0);
	}
	session_close(s);
	return logits;
}

static double mean_kl(const float *p, const float *q, size_t n, int vocab)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++, p += vocab, q += vocab) {
		double a = log_sum(p, vocab), b = log_sum(q, vocab);
		for (int k = 0; k < vocab; k++)
			sum += exp((double)p[k] - a) * ((double)p[k] - a - (double)q[k] + b);
	}
	return sum / (double)n;
}

static void blocks_and_threads_change_little(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	error err;
	engine *one = open_engine(test_data("models/stories15M"), 1), *three = open_engine(test_data("models/stories15M"), 3);
	tokens t = encode_book(one, 200);
	float *a = eval_all(one, NULL, &t, 200, 1, &err), *b = eval_all(three, NULL, &t, 200, 1, &err);
	float *c = eval_all(one, NULL, &t, 1, 1, &err), *d = eval_all(one, NULL, &t, 37, 1, &err);
	size_t n = t.len * (size_t)one->model->p.vocab;

	assert_memory_equal(a, b, n * sizeof(float)); /* threads: to the bit */
	assert_true(mean_kl(a, c, t.len, one->model->p.vocab) < 1e-5);
	assert_true(mean_kl(a, d, t.len, one->model->p.vocab) < 1e-5);
	free(a), free(b), free(c), free(d);
	tokens_free(&t);
	engine_close(one);
	engine_close(three);
}

/* ---- squeezing ---- */

typedef struct {
	void *bytes[16][64]; /* section, layer + 1 */
	size_t n[16][64];
} shelf;

static int put(void *ud, int section, int layer, const void *bytes, size_t n, error *err)
{
	shelf *s = ud;

	(void)err;
	assert_true(section < 16 && layer + 1 < 64);
	s->bytes[section][layer + 1] = mem_aligned(n, 1);
	memcpy(s->bytes[section][layer + 1], bytes, n);
	s->n[section][layer + 1] = n;
	return 0;
}

static int get(void *ud, int section, int layer, const void **bytes, size_t *n, error *err)
{
	shelf *s = ud;

	if (!s->bytes[section][layer + 1])
		return error_set(err, ERR_FORMAT, "no such section");
	*bytes = s->bytes[section][layer + 1];
	*n = s->n[section][layer + 1];
	return 0;
}

static void shelf_free(shelf *s)
{
	for (int i = 0; i < 16; i++)
		for (int l = 0; l < 64; l++)
			free(s->bytes[i][l]);
	free(s);
}

/* Every body token exactly once in every head; ranges cover the slots. */
static void check_clusters(const context *c)
{
	bool *seen = mem_array((size_t)c->tokens, sizeof(bool));

	for (int i = 0; i < c->layers * c->kv_heads; i++) {
		const context_head *h = &c->head[i];
		memset(seen, 0, (size_t)c->tokens * sizeof(bool));
		for (int k = 0; k < c->body; k++) {
			assert_in_range(h->position[k], c->sinks, c->tokens - c->window - 1);
			assert_false(seen[h->position[k]]);
			seen[h->position[k]] = true;
		}
		for (int k = 0; k < c->k2; k++)
			assert_true(h->range2[k] < h->range2[k + 1]);
		for (int k = 0; k < c->k1; k++)
			assert_true(h->range1[k] < h->range1[k + 1]);
		assert_int_equal(h->range2[c->k2], c->body);
		assert_int_equal(h->range1[c->k1], c->k2);
		for (int k = 1; k < CONTEXT_CURVE; k++)
			assert_true(h->cost[k] >= h->cost[k - 1] - 0.02f && h->loss[k] >= 0);
		assert_true(h->loss[CONTEXT_CURVE - 1] < 1e-6f); /* all keys: exact */
	}
	free(seen);
}

typedef struct {
	engine *e;
	session *plain;
	context *ctx;
	tokens doc, more;
	float *dense; /* logits of more after doc */
} squeezed;

static squeezed squeeze(const char *path, size_t n, size_t more)
{
	squeezed q = { .e = open_engine(path, 2) };
	tokens all = encode_book(q.e, n + more);
	error err;

	q.doc = all;
	q.doc.len = n;
	q.more = (tokens){ .id = all.id + n, .at = all.at + n, .len = more };
	q.dense = mem_array(more * (size_t)q.e->model->p.vocab, sizeof(float));
	OK(session_open(&q.plain, q.e, NULL, (int)(n + more), &err));
	OK(session_eval(q.plain, q.doc.id, (int)n, NULL, NULL, NULL, &err));
	OK(session_squeeze(&q.ctx, q.plain, 0, 42, NULL, &err));
	OK(session_eval(q.plain, q.more.id, (int)more, NULL, q.dense, NULL, &err));
	return q;
}

static void squeezed_free(squeezed *q)
{
	context_free(q->ctx);
	session_close(q->plain);
	tokens_free(&q->doc);
	free(q->dense);
	engine_close(q->e);
}

static double budget_kl(squeezed *q, double budget, calibration how, double *read)
{
	session *s;
	error err;
	float *logits = mem_array(q->more.len * (size_t)q->e->model->p.vocab, sizeof(float));

	OK(session_open(&s, q->e, q->ctx, (int)q->more.len, &err));
	OK(session_set_budget(s, budget, how, &err));
	for (size_t i = 0; i < q->more.len; i++)
		OK(session_eval(s, &q->more.id[i], 1, NULL, logits + i * (size_t)q->e->model->p.vocab, NULL, &err));
	*read = session_get_stats(s).budget_read;
	double kl = mean_kl(q->dense, logits, q->more.len, q->e->model->p.vocab);
	session_close(s);
	free(logits);
	return kl;
}

static void budgets_keep_what_they_promise(squeezed *q, const double *most_kl)
{
	static const double budgets[] = { 1.0, 0.325, 0.125, 0.0625 };
	double read;

	check_clusters(q->ctx);
	for (int i = 0; i < 4; i++) {
		double kl = budget_kl(q, budgets[i], CALIBRATION_ERROR, &read);
		print_message("budget %.4f: read %.4f, KL to dense %.2g\n", budgets[i], read, kl);
		assert_true(kl <= most_kl[i]);
		assert_true(fabs(read - budgets[i]) <= 0.05 * budgets[i] + 0.005);
	}
	assert_true(budget_kl(q, 0.25, CALIBRATION_THRESHOLD, &read) < 2);
	assert_true(read > 0.05 && read < 0.7);
}

static void stories_squeezed(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	static const double most[] = { 1e-5, 0.2, 0.6, 1.2 };
	squeezed q = squeeze(test_data("models/stories15M"), 220, 30);
	budgets_keep_what_they_promise(&q, most);

	/* Stored and loaded: the same to the bit, whatever the threads. */
	shelf *s = mem_zeroed(1, sizeof(*s));
	context *back;
	error err;
	OK(context_save(q.ctx, put, s, &err));
	OK(context_load(&back, &q.e->model->p, get, s, &err));
	engine *other = open_engine(test_data("models/stories15M"), 3);
	float *a = eval_all(q.e, q.ctx, &q.more, 30, 0.2, &err), *b = eval_all(other, back, &q.more, 30, 0.2, &err);
	assert_memory_equal(a, b, q.more.len * (size_t)q.e->model->p.vocab * sizeof(float));
	context_free(back);

	/* Hostile numbers in every steering section are refused, never followed. */
	static const int steering[] = { CONTEXT_SEC_SHAPE, CONTEXT_SEC_INDEX, CONTEXT_SEC_CURVES, CONTEXT_SEC_THRESHOLD };
	for (int k = 0; k < 4; k++) {
		int layer = k == 0 || k == 3 ? 0 : 1;
		uint8_t *bytes = s->bytes[steering[k]][layer];
		for (size_t at = 0; at + 4 <= s->n[steering[k]][layer]; at += 4) {
			uint8_t kept[4], bad[4] = { 0xff, 0xff, 0xff, 0x7f }; /* a huge count, a NaN */
			memcpy(kept, bytes + at, 4);
			memcpy(bytes + at, bad, 4);
			int status = context_load(&back, &q.e->model->p, get, s, &err);
			assert_int_equal(status, ERR_FORMAT);
			memcpy(bytes + at, kept, 4);
		}
		s->n[steering[k]][layer] -= 4;
		assert_int_equal(context_load(&back, &q.e->model->p, get, s, &err), ERR_FORMAT);
		s->n[steering[k]][layer] += 4;
	}
	shelf_free(s);
	free(a), free(b);
	engine_close(other);
	squeezed_free(&q);
}

static void default_model_squeezed(void **unused)
{
	(void)unused;
	NEED(test_model(), "the default model");
	NEED(test_data("text/alice_in_wonderland.txt"), "text/alice_in_wonderland.txt");
	static const double most[] = { 1e-5, 0.03, 0.15, 0.4 };
	squeezed q = squeeze(test_model(), 1500, 24);
	budgets_keep_what_they_promise(&q, most);
	squeezed_free(&q);
}

static void short_texts_squeeze_too(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	static const size_t lengths[] = { 1, 3, 4, 5, 104, 105, 106, 130 };
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		squeezed q = squeeze(test_data("models/stories15M"), lengths[i], 5);
		double read;
		assert_true(budget_kl(&q, 1.0, CALIBRATION_ERROR, &read) < 1e-5);
		budget_kl(&q, 0.1, CALIBRATION_ERROR, &read);
		squeezed_free(&q);
	}
}

/* ---- the session's own promises ---- */

static void saved_keys_resume_a_read(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	engine *e = open_engine(test_data("models/stories15M"), 1);
	tokens t = encode_book(e, 150);
	size_t vocab = (size_t)e->model->p.vocab;
	float *a = mem_array(vocab, sizeof(float)), *b = mem_array(vocab, sizeof(float));
	session *s, *r;
	error err;

	OK(session_open(&s, e, NULL, 150, &err));
	OK(session_eval(s, t.id, 100, NULL, NULL, NULL, &err));
	OK(session_eval(s, t.id + 100, 50, a, NULL, NULL, &err));
	void *kv = mem_array(session_kv_bytes(s, 100), 1);
	session_kv_get(s, 0, 100, kv);
	OK(session_open(&r, e, NULL, 150, &err));
	OK(session_kv_put(r, t.id, 100, kv, &err));
	OK(session_eval(r, t.id + 100, 50, b, NULL, NULL, &err));
	assert_memory_equal(a, b, vocab * sizeof(float));
	session_rewind(r, 100);
	OK(session_eval(r, t.id + 100, 50, b, NULL, NULL, &err));
	assert_memory_equal(a, b, vocab * sizeof(float));

	int bad = (int)vocab;
	assert_int_equal(session_eval(r, &bad, 1, NULL, NULL, NULL, &err), ERR_ARG);
	assert_int_equal(session_eval(r, t.id, 1, NULL, NULL, NULL, &err), ERR_ARG); /* no room left */
	assert_int_equal(session_set_budget(r, 0, CALIBRATION_ERROR, &err), ERR_ARG);
	assert_int_equal(session_set_budget(r, NAN, CALIBRATION_ERROR, &err), ERR_ARG);
	cancel stop = { false };
	progress p = { .stop = &stop };
	cancel_raise(&stop);
	session_rewind(r, 100);
	assert_int_equal(session_eval(r, t.id + 100, 50, b, NULL, &p, &err), ERR_CANCEL);
	assert_int_equal(session_live_tokens(r), 100);
	session_close(s);
	session_close(r);
	tokens_free(&t);
	free(kv), free(a), free(b);
	engine_close(e);
}

static void watched_attention_adds_up(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	squeezed q = squeeze(test_data("models/stories15M"), 220, 20);
	head_ref heads[] = { { 1, 0 }, { 4, 5 } };
	session *s;
	error err;

	OK(session_open(&s, q.e, q.ctx, 20, &err));
	OK(session_watch(s, heads, 2, true, &err));
	OK(session_eval(s, q.more.id, 20, NULL, NULL, NULL, &err));
	for (int h = 0; h < 2; h++) {
		double sum = 0;
		for (int i = 0; i < 220; i++)
			sum += (double)session_watched(s)[h * 220 + i];
		/* 20 tokens give at most all their attention, and some of it, to the context. */
		assert_true(sum > 1 && sum < 20.001);
	}
	heads[0].layer = 99;
	assert_int_equal(session_watch(s, heads, 2, true, &err), ERR_ARG);
	session_close(s);
	squeezed_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stories_match_float64), cmocka_unit_test(blocks_and_threads_change_little),
		cmocka_unit_test(stories_squeezed), cmocka_unit_test(short_texts_squeeze_too),
		cmocka_unit_test(default_model_squeezed), cmocka_unit_test(saved_keys_resume_a_read),
		cmocka_unit_test(watched_attention_adds_up),
	};
	return cmocka_run_group_tests(tests, read_words, free_words);
}

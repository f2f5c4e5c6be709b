/* A reading adapter's refusal over the tiny model, whose answers are nonsense but
 * whose probabilities can be worked out again. */

#include "tests/support.h"

#include <math.h>

#include "app/generate.h"
#include "base/file.h"
#include "tests/engine/tiny_model.h"

enum { WINDOW = 512, ANSWER = 6, FIRST = 2 };

/* After these the model says FIRST with 0.44, then 1 with 0.31: "abbabbabb" in the end. */
static const int prompt_ids[] = { 3, 1, 1, 3, 3, 1 };
#define PLAIN "abbabbabb"
static const tokens prompt = { .id = (int *)(uintptr_t)prompt_ids, .len = sizeof(prompt_ids) / sizeof(*prompt_ids) };

static const char *folder;

typedef struct {
	const char *refusal; /* NULL: an adapter without one */
	float least;
	double refuse_at;
	float temperature;
	uint64_t seed;
	int max_tokens;      /* 0: ANSWER */
	bool stop_when_told;
} situation;

typedef struct {
	generated g;
	str told;
	int live;            /* tokens in the session at the end */
	float next[TINY_VOCAB]; /* logits of a token more */
	cancel stop;
	bool stop_when_told;
} outcome;

static int make_model(void **state)
{
	char path[256];
	str file = STR_INIT;

	(void)state;
	folder = test_folder();
	tiny_gguf(&file, "llama", &(tiny_change){ "context_length", WINDOW });
	snprintf(path, sizeof(path), "%s/m.gguf", folder);
	int status = file_write(path, file.data, file.len, NULL);
	str_free(&file);
	return status;
}

static int remove_model(void **state)
{
	(void)state;
	test_remove(folder);
	return 0;
}

static engine *open_engine(const situation *w)
{
	char path[256];
	str words = STR_INIT, lora = STR_INIT;
	error err = { 0 };
	tiny t = { 0 };
	engine *e;

	snprintf(path, sizeof(path), "%s/m.gguf", folder);
	OK(file_read(&words, FOLIO_SOURCE_DIR "/assets/prompts.ini", 0, &err));
	OK(engine_open(&e, path, &(engine_options){ .threads = 1, .prompts = words.data, .prompts_len = words.len }, &err));
	tiny_text(&t, "general.type", "adapter");
	tiny_text(&t, "adapter.type", "lora");
	tiny_text(&t, "general.architecture", "llama");
	tiny_f32(&t, "adapter.lora.alpha", 1);
	if (w->refusal) {
		tiny_text(&t, "folio.refusal.text", w->refusal);
		tiny_f32(&t, "folio.refusal.least", w->least);
	}
	tiny_tensor(&t, "blk.0.attn_q.weight.lora_a", 2, TINY_DIM);
	tiny_tensor(&t, "blk.0.attn_q.weight.lora_b", TINY_HEADS * TINY_HEAD, 2);
	tiny_end(&t, &lora);
	OK(engine_adapt(e, "the reader", lora.data, lora.len, &err));
	str_free(&words);
	str_free(&lora);
	return e;
}

static void hear(void *ud, const char *text, size_t n)
{
	outcome *r = ud;

	str_put(&r->told, text, n);
	if (r->stop_when_told)
		cancel_raise(&r->stop);
}

static int answer_on(outcome *r, session *s, engine *e, const situation *w, error *err)
{
	generate_options o = { CHAT_PHRASE, w->max_tokens ? w->max_tokens : ANSWER,
		               { .temperature = w->temperature, .top_p = 1, .repeat = 1, .seed = w->seed }, w->refuse_at };
	progress p = { .stop = &r->stop };
	int more = 0, status;

	r->stop_when_told = w->stop_when_told;
	status = generate(&r->g, s, e, &prompt, &o, hear, r, &p, err);
	r->live = session_live_tokens(s);
	return status ? status : session_eval(s, &more, 1, r->next, NULL, NULL, err);
}

static void free_outcome(outcome *r)
{
	generated_free(&r->g);
	str_free(&r->told);
}

/* The logits after prompt, answer and a token more, in a new session; apart by what f16
 * keys leave when blocks are cut otherwise. */
static void check_session(const outcome *r, engine *e)
{
	float want[TINY_VOCAB];
	int more = 0;
	error err = { 0 };
	session *s;

	assert_int_equal(r->live, prompt.len + r->g.id.len);
	OK(session_open(&s, e, NULL, WINDOW, &err));
	OK(session_eval(s, prompt.id, (int)prompt.len, NULL, NULL, NULL, &err));
	for (size_t i = 0; i < r->g.id.len; i++)
		OK(session_eval(s, &r->g.id.id[i], 1, NULL, NULL, NULL, &err));
	OK(session_eval(s, &more, 1, want, NULL, NULL, &err));
	for (int i = 0; i < TINY_VOCAB; i++)
		assert_true(fabsf(r->next[i] - want[i]) < 5e-3f);
	session_close(s);
}

/* Asked and held against what must always be so. */
static outcome answer_in(const situation *w)
{
	outcome r = { 0 };
	error err = { 0 };
	engine *e = open_engine(w);
	session *s;

	OK(session_open(&s, e, NULL, WINDOW, &err));
	OK(answer_on(&r, s, e, w, &err));
	assert_string_equal(str_text(&r.told), str_text(&r.g.text));
	if (!r.g.stopped)
		check_session(&r, e);
	session_close(s);
	engine_close(e);
	return r;
}

/* Probability of the tokens after the prompt. */
static double probability(const int *id, int n)
{
	engine *e = open_engine(&(situation){ 0 });
	float logits[TINY_VOCAB];
	double p = 1;
	error err = { 0 };
	session *s;

	OK(session_open(&s, e, NULL, WINDOW, &err));
	OK(session_eval(s, prompt.id, (int)prompt.len, logits, NULL, NULL, &err));
	for (int i = 0; i < n; i++) {
		double sum = 0;
		for (int k = 0; k < TINY_VOCAB; k++)
			sum += exp((double)logits[k]);
		p *= exp((double)logits[id[i]]) / sum;
		OK(session_eval(s, &id[i], 1, logits, NULL, NULL, &err));
	}
	session_close(s);
	engine_close(e);
	return p;
}

static void a_probable_refusal_is_the_answer(void **state)
{
	static const int abb[] = { FIRST, 1 };
	double p = probability(abb, 2);

	(void)state;
	assert_true(p > 0.12 && p < 0.15);
	/* Whatever the model would have said first, and at any temperature. */
	static const situation given[] = {
		{ .refusal = "abb", .least = 0.12f }, { .refusal = "abb", .least = 1, .refuse_at = 0.12 }, { .refusal = "a", .least = 0.1f },
		{ .refusal = "abb", .least = 0.12f, .temperature = 1.5f, .seed = 3 },
	};
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
		outcome r = answer_in(&given[i]);
		assert_string_equal(str_text(&r.g.text), given[i].refusal);
		assert_true(r.g.refused && !r.g.cut && !r.g.stopped);
		assert_true(r.g.first_token_s > 0 && r.g.decode_s > 0);
		if (r.g.id.len == 2) {
			assert_true(fabs(r.g.refusal - p) < 1e-5);
			assert_true(fabs(r.g.logprob - log(p) / 2) < 1e-4);
		}
		free_outcome(&r);
	}
}

static void an_improbable_one_changes_nothing(void **state)
{
	outcome plain = answer_in(&(situation){ 0 });
	/* Not probable enough by a little; it begins as the answer does and goes on otherwise,
	 * its first token above the threshold and below it. */
	static const situation not_given[] = {
		{ .refusal = "a", .least = 0.2f }, { .refusal = "aba", .least = 0.3f }, { .refusal = "aba", .least = 0.5f }, { .refusal = "ab ab", .least = 1 },
	};

	(void)state;
	assert_string_equal(str_text(&plain.g.text), PLAIN);
	assert_true(plain.g.refusal == 0 && !plain.g.refused);
	for (size_t i = 0; i < sizeof(not_given) / sizeof(*not_given); i++) {
		outcome r = answer_in(&not_given[i]);
		assert_string_equal(str_text(&r.g.text), PLAIN);
		assert_int_equal(r.live, plain.live);
		assert_memory_equal(r.next, plain.next, sizeof(r.next));
		assert_true(!r.g.refused && r.g.refusal > 0 && r.g.refusal < (double)not_given[i].least);
		assert_true(fabs(r.g.logprob - plain.g.logprob) < 1e-6);
		free_outcome(&r);
	}
	free_outcome(&plain);
}

/* The model's own first choice is the refusal, and the threshold says no. */
static void another_answer_comes_instead(void **state)
{
	(void)state;
	/* All that begins so is the refusal: the answer begins otherwise. */
	outcome r = answer_in(&(situation){ .refusal = "ab", .least = 0.6f });
	assert_true(r.g.id.len > 0 && r.g.id.id[0] != FIRST && !r.g.refused);
	free_outcome(&r);
	/* Most of what begins so goes on otherwise: so does the answer. */
	r = answer_in(&(situation){ .refusal = "abb", .least = 0.2f });
	assert_true(r.g.id.len > 0 && r.g.id.id[0] == FIRST && (r.g.id.len == 1 || r.g.id.id[1] != 1) && !r.g.refused);
	free_outcome(&r);
	r = answer_in(&(situation){ .refusal = PLAIN, .least = 0.5f });
	assert_string_not_equal(str_text(&r.g.text), PLAIN);
	free_outcome(&r);
	for (uint64_t seed = 0; seed < 60; seed++) {
		r = answer_in(&(situation){ .refusal = "ab", .least = 0.6f, .temperature = 1, .seed = seed });
		assert_string_not_equal(str_text(&r.g.text), "ab");
		free_outcome(&r);
	}
}

static void above_one_it_is_only_told(void **state)
{
	static const int abb[] = { FIRST, 1 };
	outcome r = answer_in(&(situation){ .refusal = "abb", .least = 0.01f, .refuse_at = 2 });

	(void)state;
	assert_true(fabs(r.g.refusal - probability(abb, 2)) < 1e-5);
	assert_false(r.g.refused);
	assert_string_not_equal(str_text(&r.g.text), "abb");
	free_outcome(&r);
}

static void a_refusal_keeps_the_limits_of_an_answer(void **state)
{
	outcome r = answer_in(&(situation){ .refusal = "abb", .least = 0.12f, .max_tokens = 1 });
	error err = { 0 };
	session *s;

	(void)state;
	assert_string_equal(str_text(&r.g.text), "ab");
	assert_true(r.g.refused && r.g.cut && r.g.id.len == 1);
	free_outcome(&r);
	/* Stopped while it is said: what there was is the answer. Stopped before: there is none. */
	r = answer_in(&(situation){ .refusal = "abb", .least = 0.12f, .stop_when_told = true });
	assert_true(r.g.refused && r.g.stopped);
	free_outcome(&r);
	engine *e = open_engine(&(situation){ .refusal = "abb", .least = 0.12f });
	r = (outcome){ 0 };
	cancel_raise(&r.stop);
	OK(session_open(&s, e, NULL, WINDOW, &err));
	assert_int_equal(answer_on(&r, s, e, &(situation){ 0 }, &err), ERR_CANCEL);
	assert_true(!r.g.text.data && !r.told.len);
	session_close(s);
	engine_close(e);
}

/* Over a stored context: what was weighed and not said is not among what was read. */
static void what_is_only_weighed_is_not_watched(void **state)
{
	enum { STORED = 200 };
	static const head_ref head = { 0, 1 };
	float mass[2][STORED];
	session_stats stats[2];
	outcome r[2] = { 0 };
	int id[STORED];
	error err = { 0 };

	(void)state;
	for (int i = 0; i < STORED; i++)
		id[i] = (i * i + i / 7) % 4;
	for (int i = 0; i < 2; i++) {
		situation w = { .refusal = i ? "bbbbbbbb" : NULL, .least = 1e-3f };
		engine *e = open_engine(&w);
		context *c;
		session *s;
		OK(session_open(&s, e, NULL, STORED, &err));
		OK(session_eval(s, id, STORED, NULL, NULL, NULL, &err));
		OK(session_squeeze(&c, s, 0, 1, NULL, &err));
		session_close(s);
		OK(session_open(&s, e, c, WINDOW - STORED, &err));
		OK(session_watch(s, &head, 1, false, &err));
		OK(answer_on(&r[i], s, e, &w, &err));
		memcpy(mass[i], session_watched(s), sizeof(mass[i]));
		stats[i] = session_get_stats(s);
		session_close(s);
		context_free(c);
		engine_close(e);
	}
	assert_string_equal(str_text(&r[1].g.text), str_text(&r[0].g.text));
	assert_true(r[1].g.refusal > 0 && !r[1].g.refused);
	assert_true(stats[0].steps > 0);
	assert_int_equal(stats[1].steps, stats[0].steps);
	assert_memory_equal(mass[1], mass[0], sizeof(mass[0]));
	free_outcome(&r[0]);
	free_outcome(&r[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probable_refusal_is_the_answer),
		cmocka_unit_test(an_improbable_one_changes_nothing),
		cmocka_unit_test(another_answer_comes_instead),
		cmocka_unit_test(above_one_it_is_only_told),
		cmocka_unit_test(a_refusal_keeps_the_limits_of_an_answer),
		cmocka_unit_test(what_is_only_weighed_is_not_watched),
	};
	return cmocka_run_group_tests(tests, make_model, remove_model);
}

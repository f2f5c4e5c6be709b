#include "tests/support.h"

#include <math.h>

#include "base/file.h"
#include "engine/adapter.h"
#include "engine/engine.h"
#include "engine/session.h"
#include "tests/engine/tiny_model.h"

/* A rank that is kept in f16 and one that is kept in Q8_0. */
static int rank = 2;
static const float ALPHA = 3;

typedef struct {
	const char *map;
	int out, in;
} shape;

/* Maps with inputs of their own and with a shared one; not all of them. */
static const shape adapted[] = {
	{ "attn_q", TINY_HEADS * TINY_HEAD, TINY_DIM }, { "attn_v", TINY_KV * TINY_HEAD, TINY_DIM },
	{ "attn_output", TINY_DIM, TINY_HEADS * TINY_HEAD }, { "ffn_up", TINY_FF, TINY_DIM }, { "ffn_down", TINY_DIM, TINY_FF },
};

/* What the case makes wrong; zero and NULL: nothing. */
typedef struct {
	const char *type, *kind, *arch, *extra, *leave_out;
	float alpha;
	int rank_of_b, out_of_b;
	float value;
	const char *refusal; /* folio.refusal.text */
	const char *least;   /* folio.refusal.least, a number in words */
	const char *first;   /* folio.question.first: "true", "false", "half" a boolean, or some text */
	const char *first_least; /* folio.question.least, a number in words */
} fault;

static float factor(int i, int salt)
{
	return (float)((i * 5 + salt * 3) % 7) * 0.125f - 0.375f; /* exact in f16 */
}

static void lora_tensor(tiny *t, const char *name, int out, int in, int salt, float first)
{
	put_tensor(&t->infos, name, (uint64_t)in, (uint64_t)out, 0, t->data.len);
	t->n_tensors++;
	for (int i = 0; i < out * in; i++) {
		float v = i == 0 && first != 0 ? first : factor(i, salt);
		str_put(&t->data, &v, sizeof(v));
	}
	put_padding(&t->data, 32);
}

static void adapter_bytes(str *out, const fault *w)
{
	tiny t = { 0 };
	char name[64];
	float alpha = w->alpha != 0 ? w->alpha : ALPHA;

	tiny_text(&t, "general.type", w->type ? w->type : "adapter");
	tiny_text(&t, "adapter.type", w->kind ? w->kind : "lora");
	tiny_text(&t, "general.architecture", w->arch ? w->arch : "llama");
	tiny_f32(&t, "adapter.lora.alpha", alpha);
	if (w->refusal)
		tiny_text(&t, "folio.refusal.text", w->refusal);
	if (w->least)
		tiny_f32(&t, "folio.refusal.least", strtof(w->least, NULL));
	if (w->first && (strcmp(w->first, "true") == 0 || strcmp(w->first, "false") == 0 || strcmp(w->first, "half") == 0))
		tiny_bool(&t, "folio.question.first", w->first[0] == 'h' ? 2 : w->first[0] == 't');
	else if (w->first)
		tiny_text(&t, "folio.question.first", w->first);
	if (w->first_least)
		tiny_f32(&t, "folio.question.least", strtof(w->first_least, NULL));
	for (size_t i = 0; i < sizeof(adapted) / sizeof(*adapted); i++) {
		const shape *s = &adapted[i];
		snprintf(name, sizeof(name), "blk.0.%s.weight.lora_a", s->map);
		if (!w->leave_out || strcmp(w->leave_out, name))
			lora_tensor(&t, name, rank, s->in, (int)i, i ? 0 : w->value);
		snprintf(name, sizeof(name), "blk.0.%s.weight.lora_b", s->map);
		if (!w->leave_out || strcmp(w->leave_out, name))
			lora_tensor(&t, name, s->out + w->out_of_b, rank + w->rank_of_b, (int)i + 10, 0);
	}
	if (w->extra)
		lora_tensor(&t, w->extra, rank, TINY_DIM, 1, 0);
	tiny_end(&t, out);
}

/* The tiny model with the difference in its weights. */
static void merge(str *model_file)
{
	gguf g = { 0 };
	error err = { 0 };
	char name[64];

	OK(gguf_parse(&g, (const uint8_t *)model_file->data, model_file->len, "tiny", &err));
	for (size_t k = 0; k < sizeof(adapted) / sizeof(*adapted); k++) {
		const shape *s = &adapted[k];
		snprintf(name, sizeof(name), "blk.0.%s.weight", s->map);
		const gguf_tensor *t = gguf_find_tensor(&g, name);
		float *w = (float *)(model_file->data + ((const char *)t->data - model_file->data));
		for (int o = 0; o < s->out; o++)
			for (int i = 0; i < s->in; i++)
				for (int r = 0; r < rank; r++)
					w[o * s->in + i] += ALPHA / rank * factor(o * rank + r, (int)k + 10) * factor(r * s->in + i, (int)k);
	}
	gguf_close(&g);
}

static void engine_of(engine **e, const char *folder, const char *name, const str *file)
{
	char path[256];
	str words = STR_INIT;
	error err = { 0 };

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	OK(file_write(path, file->data, file->len, &err));
	OK(file_read(&words, FOLIO_SOURCE_DIR "/assets/prompts.ini", 0, &err));
	engine_options o = { .threads = 2, .prompts = words.data, .prompts_len = words.len };
	OK(engine_open(e, path, &o, &err));
	str_free(&words);
}

static void logits_of(float *out, engine *e, int n, int step)
{
	int id[64];
	error err = { 0 };
	session *s;

	for (int i = 0; i < n; i++)
		id[i] = (i * 7) % TINY_VOCAB;
	OK(session_open(&s, e, NULL, n, &err));
	OK(session_use_f32(s, &err));
	for (int at = 0; at < n; at += step)
		OK(session_eval(s, id + at, n - at < step ? n - at : step, NULL, out + at * TINY_VOCAB, NULL, &err));
	session_close(s);
}

/* In blocks and token by token. */
static void adapted_equals_merged(float tolerance)
{
	enum { N = 40 };
	const char *folder = test_folder();
	str plain = STR_INIT, merged = STR_INIT, lora = STR_INIT;
	float want[N * TINY_VOCAB], got[N * TINY_VOCAB], before[N * TINY_VOCAB];
	char print[HASH_TEXT];
	engine *e, *m;
	error err = { 0 };

	tiny_gguf(&plain, "llama", NULL);
	tiny_gguf(&merged, "llama", NULL);
	merge(&merged);
	adapter_bytes(&lora, &(fault){ 0 });
	engine_of(&e, folder, "plain.gguf", &plain);
	engine_of(&m, folder, "merged.gguf", &merged);
	logits_of(before, e, N, N);
	logits_of(want, m, N, N);
	memcpy(print, e->fingerprint, HASH_TEXT);
	OK(engine_adapt(e, "lora", lora.data, lora.len, &err));
	assert_string_not_equal(print, e->fingerprint);
	assert_int_equal(e->adapter->rank, rank);
	assert_int_equal(engine_adapt(e, "lora", lora.data, lora.len, &err), ERR_ARG);
	for (int step = N; step; step = step == N ? 1 : 0) {
		double changed = 0;
		logits_of(got, e, N, step);
		for (int i = 0; i < N * TINY_VOCAB; i++) {
			assert_true(fabsf(got[i] - want[i]) < tolerance);
			changed += fabs((double)want[i] - before[i]);
		}
		assert_true(changed > 1);
	}
	engine_close(e);
	engine_close(m);
	str_free(&plain);
	str_free(&merged);
	str_free(&lora);
	test_remove(folder);
}

static void an_adapter_equals_merged_weights(void **state)
{
	(void)state;
	adapted_equals_merged(2e-4f);
	rank = 32;
	adapted_equals_merged(5e-2f);
	rank = 2;
}

static model *tiny_model(const char *folder)
{
	char path[256];
	str file = STR_INIT;
	error err = { 0 };
	model *m;

	tiny_gguf(&file, "llama", NULL);
	snprintf(path, sizeof(path), "%s/m.gguf", folder);
	OK(file_write(path, file.data, file.len, &err));
	OK(model_open(&m, path, NULL, &err));
	str_free(&file);
	return m;
}

static int open_made(adapter **a, const fault *w, const model *m, error *err)
{
	str file = STR_INIT;
	int status;

	adapter_bytes(&file, w);
	status = adapter_open(a, "the adapter", file.data, file.len, m, err);
	str_free(&file);
	return status;
}

static int open_with(adapter **a, const char *refusal, const char *least, const model *m, error *err)
{
	return open_made(a, &(fault){ .refusal = refusal, .least = least }, m, err);
}

static void whether_the_question_comes_first_is_read(void **state)
{
	static const char *const said[] = { NULL, "false", "true" }, *const wrong[] = { "half", "yes" };
	const char *folder = test_folder();
	error err = { 0 };
	model *m = tiny_model(folder);
	adapter *a;

	(void)state;
	for (int i = 0; i < 3; i++) {
		OK(open_made(&a, &(fault){ .first = said[i] }, m, &err));
		assert_int_equal(a->question_first, i == 2);
		adapter_close(a);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_made(&a, &(fault){ .first = wrong[i] }, m, &err), ERR_FORMAT);
		assert_null(a);
		assert_non_null(strstr(err.msg, "the adapter: folio.question.first"));
	}
	model_close(m);
	test_remove(folder);
}

static void a_bar_for_questions_that_come_first_is_read(void **state)
{
	static const fault wrong[] = {
		{ .refusal = "No.", .least = "0.5", .first_least = "0" }, { .refusal = "No.", .least = "0.5", .first_least = "1.5" },
		{ .refusal = "No.", .least = "0.5", .first_least = "nan" }, { .first_least = "0.5" },
	};
	const char *folder = test_folder();
	error err = { 0 };
	model *m = tiny_model(folder);
	adapter *a;

	(void)state;
	OK(open_made(&a, &(fault){ .refusal = "No.", .least = "0.5", .first = "true" }, m, &err));
	assert_true(a->first_refuse_at == 0.5);
	adapter_close(a);
	OK(open_made(&a, &(fault){ .refusal = "No.", .least = "0.5", .first = "true", .first_least = "0.25" }, m, &err));
	assert_true(a->refuse_at == 0.5 && a->first_refuse_at == 0.25);
	adapter_close(a);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(open_made(&a, &wrong[i], m, &err), ERR_FORMAT);
		assert_null(a);
		assert_non_null(strstr(err.msg, "the adapter: folio.question.least"));
	}
	model_close(m);
	test_remove(folder);
}

static void a_refusal_is_read(void **state)
{
	static const char *const wrong[][2] = {
		{ "No.", NULL }, { NULL, "0.5" }, { "", "0.5" }, { "", NULL }, { "\xff.", "0.5" }, { "No.", "0" }, { "No.", "1.5" }, { "No.", "nan" },
		{ "No.", "-0.5" }, { "No.", "inf" },
	};
	const char *folder = test_folder();
	char most[97];
	error err = { 0 };
	model *m = tiny_model(folder);
	adapter *a;

	(void)state;
	OK(open_with(&a, NULL, NULL, m, &err));
	assert_string_equal(a->refusal, "");
	assert_true(a->refuse_at == 0);
	adapter_close(a);
	memset(most, '.', sizeof(most));
	most[95] = '\0';
	OK(open_with(&a, most, "0.25", m, &err));
	assert_string_equal(a->refusal, most);
	assert_true(a->refuse_at == 0.25);
	adapter_close(a);
	OK(open_with(&a, "No.", "1", m, &err));
	assert_true(a->refuse_at == 1);
	adapter_close(a);
	most[95] = '.';
	most[96] = '\0';
	for (size_t i = 0; i <= sizeof(wrong) / sizeof(*wrong); i++) {
		bool longest = i == sizeof(wrong) / sizeof(*wrong);
		int status = open_with(&a, longest ? most : wrong[i][0], longest ? "0.5" : wrong[i][1], m, &err);
		if (status != ERR_FORMAT || a || !strstr(err.msg, "the adapter: ") || !strstr(err.msg, "folio.refusal.text") ||
		    !strstr(err.msg, "folio.refusal.least"))
			fail_msg("case %zu: %d %s", i, status, err.msg);
	}
	model_close(m);
	test_remove(folder);
}

static void wrong_adapters_are_refused(void **state)
{
	static const struct {
		fault w;
		int code;
		const char *word;
	} cases[] = {
		{ { .type = "model" }, ERR_UNSUPPORTED, "no LoRA adapter" },
		{ { .kind = "ia3" }, ERR_UNSUPPORTED, "no LoRA adapter" },
		{ { .arch = "qwen2" }, ERR_UNSUPPORTED, "qwen2" },
		{ { .alpha = NAN }, ERR_FORMAT, "alpha" },
		{ { .alpha = -1 }, ERR_FORMAT, "alpha" },
		{ { .rank_of_b = 1 }, ERR_FORMAT, "does not fit" },
		{ { .out_of_b = 1 }, ERR_FORMAT, "does not fit" },
		{ { .leave_out = "blk.0.attn_v.weight.lora_b" }, ERR_FORMAT, "only one of" },
		{ { .leave_out = "blk.0.ffn_down.weight.lora_a" }, ERR_FORMAT, "only one of" },
		{ { .extra = "token_embd.weight.lora_a" }, ERR_UNSUPPORTED, "token_embd" },
		{ { .extra = "blk.1.attn_q.weight.lora_a" }, ERR_UNSUPPORTED, "blk.1.attn_q" },
		{ { .extra = "blk.0.attn_q.weight" }, ERR_UNSUPPORTED, "attn_q.weight" },
		{ { .value = INFINITY }, ERR_FORMAT, "no usable number" },
		{ { .value = 1e6f }, ERR_FORMAT, "no usable number" },
		{ { .value = NAN }, ERR_FORMAT, "no usable number" },
	};
	const char *folder = test_folder();
	str file = STR_INIT;
	error err = { 0 };
	adapter *a;
	model *m = tiny_model(folder);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		str_clear(&file);
		adapter_bytes(&file, &cases[i].w);
		int status = adapter_open(&a, "the adapter", file.data, file.len, m, &err);
		if (status != cases[i].code || a || !strstr(err.msg, cases[i].word) || !strstr(err.msg, "the adapter"))
			fail_msg("case %zu: %d %s", i, status, err.msg);
	}
	/* Cut anywhere: a sentence, never a crash. */
	str_clear(&file);
	adapter_bytes(&file, &(fault){ 0 });
	for (size_t n = 0; n < file.len; n += 13) {
		char *cut = malloc(n + 1);
		memcpy(cut, file.data, n);
		assert_int_not_equal(adapter_open(&a, "cut", cut, n, m, &err), 0);
		free(cut);
	}
	assert_int_equal(adapter_open(&a, "/nowhere/a.gguf", NULL, 0, m, &err), ERR_NOTFOUND);
	model_close(m);
	adapter_close(NULL);
	str_free(&file);
	test_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_adapter_equals_merged_weights),
		cmocka_unit_test(a_refusal_is_read),
		cmocka_unit_test(whether_the_question_comes_first_is_read),
		cmocka_unit_test(a_bar_for_questions_that_come_first_is_read),
		cmocka_unit_test(wrong_adapters_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

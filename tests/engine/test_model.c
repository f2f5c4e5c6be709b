#include "tests/support.h"

#include <math.h>

#include "base/file.h"
#include "engine/model.h"
#include "tests/engine/tiny_model.h"

static void put_file(const char *folder, const char *name, const char *bytes, size_t n)
{
	char path[256];
	error err = { 0 };

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	OK(file_write(path, bytes, n, &err));
}

static model *open_as(const char *path, int code, const char *word)
{
	error err = { 0 };
	model *m;
	int status = model_open(&m, path, NULL, &err);

	if (status != code || (word && !strstr(err.msg, word)) || (status != 0) != (m == NULL))
		fail_msg("expected %d '%s', got %d %s", code, word ? word : "", status, err.msg);
	return m;
}

/* Write, open, compare the outcome; the model when it opened. */
static model *open_gguf(const char *folder, str *file, int code, const char *word)
{
	char path[256];

	put_file(folder, "m.gguf", file->data, file->len);
	str_free(file);
	snprintf(path, sizeof(path), "%s/m.gguf", folder);
	return open_as(path, code, word);
}

static void tiny_models_open(void **state)
{
	static const char *const arch[] = { "llama", "qwen2", "qwen3" };
	const char *folder = test_folder();
	char print[3][HASH_TEXT];

	(void)state;
	for (int i = 0; i < 3; i++) {
		str file = STR_INIT;
		tiny_gguf(&file, arch[i], NULL);
		model *m = open_gguf(folder, &file, 0, NULL);
		const model_params *p = &m->p;
		assert_string_equal(p->arch, arch[i]);
		assert_string_equal(p->name, "tiny");
		assert_string_equal(p->file_type, "F32");
		assert_int_equal(p->pairs, i == 0 ? ROPE_NEIGHBOUR : ROPE_HALF);
		assert_int_equal(p->qkv_bias, i == 1);
		assert_int_equal(p->qk_norm, i == 2);
		assert_true(p->tied_output && m->output.data == m->embedding.data);
		assert_int_equal(p->vocab, TINY_VOCAB);
		assert_int_equal(p->head_dim, TINY_HEAD);
		assert_int_equal(p->rot, TINY_HEAD);
		assert_int_equal(m->layer[0].down.out, TINY_DIM);
		assert_int_equal(m->layer[0].down.in, TINY_FF);
		assert_int_equal(m->layer[0].q_bias != NULL, i == 1);
		assert_int_equal(m->layer[0].k_norm != NULL, i == 2);
		assert_true(fabsf(p->rope_freq[1] - 0.01f) < 1e-8f && p->rope_gain == 1);
		assert_int_equal(model_kv_bytes(p), 2 * TINY_HEAD * 2);
		assert_int_equal(m->vocab.n, TINY_VOCAB);
		assert_int_equal(m->vocab.type[4], TOKEN_CONTROL);
		assert_int_equal(m->vocab.eos, 4);
		assert_int_equal(m->vocab.bos, -1);
		assert_string_equal(m->vocab.pre, "smollm");
		assert_string_equal(m->chat_template, "");
		memcpy(print[i], m->fingerprint, HASH_TEXT);
		model_close(m);
	}
	assert_string_not_equal(print[0], print[1]);
	assert_string_not_equal(print[1], print[2]);
	test_remove(folder);
	model_close(NULL);
}

static void the_fingerprint_follows_the_content(void **state)
{
	const char *folder = test_folder(), *hint = "00112233445566778899aabbccddeeff";
	str file = STR_INIT;
	char first[HASH_TEXT], path[256];
	error err = { 0 };

	(void)state;
	tiny_gguf(&file, "llama", NULL);
	model *m = open_gguf(folder, &file, 0, NULL);
	memcpy(first, m->fingerprint, HASH_TEXT);
	model_close(m);
	snprintf(path, sizeof(path), "%s/m.gguf", folder);
	m = open_as(path, 0, NULL);
	assert_string_equal(m->fingerprint, first);
	model_close(m);
	OK(model_open(&m, path, hint, &err));
	assert_string_equal(m->fingerprint, hint);
	model_close(m);

	tiny_gguf(&file, "llama", NULL);
	file.data[file.len - 1] ^= 1; /* the last weight */
	m = open_gguf(folder, &file, 0, NULL);
	assert_string_not_equal(m->fingerprint, first);
	model_close(m);
	test_remove(folder);
}

static void wrong_numbers_are_refused(void **state)
{
	static const struct {
		tiny_change c;
		int code;
		const char *word;
	} cases[] = {
		{ { "block_count", 0 }, ERR_FORMAT, "block_count" },
		{ { "block_count", 4000000000u }, ERR_FORMAT, "block_count" },
		{ { "block_count", 2 }, ERR_FORMAT, "layer 1" },
		{ { "context_length", 0 }, ERR_FORMAT, "context_length" },
		{ { "embedding_length", 16 }, ERR_FORMAT, "token embedding" },
		{ { "embedding_length", UINT32_MAX }, ERR_FORMAT, "embedding_length" },
		{ { "feed_forward_length", 16 }, ERR_FORMAT, "feed-forward gate" },
		{ { "attention.head_count", 0 }, ERR_FORMAT, "head_count" },
		{ { "attention.head_count", 3 }, ERR_FORMAT, "" },
		{ { "attention.head_count_kv", 0 }, ERR_FORMAT, "head_count_kv" },
		{ { "attention.head_count_kv", 2 }, ERR_FORMAT, "attention key" },
		{ { "attention.head_count_kv", 5 }, ERR_FORMAT, "head_count_kv" },
		{ { "own.attention.value_length", 2 }, ERR_UNSUPPORTED, "values" },
		{ { "own.rope.dimension_count", 3 }, ERR_FORMAT, "rotated" },
		{ { "own.rope.dimension_count", 6 }, ERR_FORMAT, "rope.dimension_count" },
		{ { "own.expert_count", 8 }, ERR_UNSUPPORTED, "mixture-of-experts" },
		{ { "own.expert_count", 0 }, 0, NULL },
		{ { "split.count", 3 }, ERR_UNSUPPORTED, "one of 3 parts" },
		{ { "split.count", 1 }, 0, NULL },
	};
	const char *folder = test_folder();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		str file = STR_INIT;
		tiny_gguf(&file, "llama", &cases[i].c);
		model_close(open_gguf(folder, &file, cases[i].code, cases[i].word));
	}
	test_remove(folder);
}

/* A tiny model with one text more and the tensors asked for. */
static void with(const char *folder, const char *arch, const char *key, const char *text, const char *extra, int code, const char *word)
{
	tiny t = { 0 };
	str file = STR_INIT;

	tiny_params(&t, arch, NULL);
	if (key)
		tiny_text(&t, key, text);
	tiny_vocab(&t);
	tiny_tensors(&t, false, false);
	if (extra)
		tiny_tensor(&t, extra, 1, TINY_HEADS);
	tiny_end(&t, &file);
	model_close(open_gguf(folder, &file, code, word));
}

static void what_we_cannot_run_is_named(void **state)
{
	const char *folder = test_folder();
	str file = STR_INIT;
	tiny t = { 0 };

	(void)state;
	with(folder, "mamba", NULL, NULL, NULL, ERR_UNSUPPORTED, "mamba");
	with(folder, "llama", "general.type", "adapter", NULL, ERR_UNSUPPORTED, "adapter");
	with(folder, "llama", "general.type", "model", NULL, 0, NULL);
	with(folder, "llama", "llama.rope.scaling.type", "longrope", NULL, ERR_UNSUPPORTED, "longrope");
	with(folder, "llama", "llama.rope.scaling.type", "none", NULL, 0, NULL);
	with(folder, "llama", NULL, NULL, "blk.0.attn_sinks.weight", ERR_UNSUPPORTED, "attn_sinks");
	with(folder, "llama", NULL, NULL, "blk.0.attn_q_norm.weight", ERR_UNSUPPORTED, "attn_q_norm");
	with(folder, "qwen2", NULL, NULL, NULL, ERR_FORMAT, "query bias");
	with(folder, "qwen3", NULL, NULL, NULL, ERR_FORMAT, "query norm");

	tiny_params(&t, "llama", NULL);
	tiny_vocab(&t);
	tiny_end(&t, &file);
	open_gguf(folder, &file, ERR_FORMAT, "token_embd.weight");
	tiny_params(&t, "llama", NULL);
	tiny_tensors(&t, false, false);
	tiny_end(&t, &file);
	open_gguf(folder, &file, ERR_UNSUPPORTED, "tokenizer");
	test_remove(folder);
}

/* ---- folders ---- */

static model *open_folder(const char *folder, const char *arch, const char *more, int code, const char *word)
{
	str config = STR_INIT;

	tiny_config(&config, arch, more);
	put_file(folder, "config.json", config.data, config.len);
	str_free(&config);
	return open_as(folder, code, word);
}

static const char *tiny_folder(void)
{
	const char *folder = test_folder();
	str file = STR_INIT;

	tiny_safetensors(&file);
	put_file(folder, "model.safetensors", file.data, file.len);
	put_file(folder, "tokenizer.model", "proto", 5);
	str_free(&file);
	return folder;
}

#define TIED ",\"tie_word_embeddings\":true"

static void a_folder_opens(void **state)
{
	static const char words[] = "{\"chat_template\":\"{{x}}\"}";
	const char *folder = tiny_folder();

	(void)state;
	model *m = open_folder(folder, "mistral", TIED ",\"sliding_window\":64,\"bos_token_id\":1,\"eos_token_id\":[2,3]", 0, NULL);
	assert_int_equal(m->p.pairs, ROPE_HALF);
	assert_true(m->p.tied_output);
	assert_int_equal(m->vocab.kind, VOCAB_SPM_PROTO);
	assert_int_equal(m->vocab.proto_len, 5);
	assert_int_equal(m->vocab.bos, 1);
	assert_int_equal(m->vocab.eos, 2);
	assert_true(m->layer[0].attn_norm[0] == 0.125f);
	assert_string_equal(m->chat_template, "");
	model_close(m);

	put_file(folder, "tokenizer_config.json", words, strlen(words));
	m = open_folder(folder, "llama", TIED ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0}", 0, NULL);
	assert_string_equal(m->chat_template, "{{x}}");
	assert_true(fabsf(m->p.rope_freq[0] - 0.5f) < 1e-7f);
	model_close(m);
	test_remove(folder);
}

static void llama3_stretches_long_waves_only(void **state)
{
	static const char *const spelled[] = {
		TIED ",\"rope_theta\":500000,\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,"
		"\"high_freq_factor\":4,\"original_max_position_embeddings\":32}",
		TIED ",\"rope_parameters\":{\"rope_theta\":500000,\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,"
		"\"high_freq_factor\":4,\"original_max_position_embeddings\":32}",
	};
	const char *folder = tiny_folder();

	(void)state;
	for (int i = 0; i < 2; i++) {
		model *m = open_folder(folder, "llama", spelled[i], 0, NULL);
		assert_true(m->p.rope_base == 500000 && m->p.rope_freq[0] == 1);
		assert_true(fabsf(m->p.rope_freq[1] * 8 * sqrtf(500000) - 1) < 1e-5f);
		model_close(m);
	}
	test_remove(folder);
}

static void wrong_folders_are_refused(void **state)
{
	static const struct {
		const char *arch, *more;
		int code;
		const char *word;
	} cases[] = {
		{ "mixtral", TIED, ERR_UNSUPPORTED, "mixtral" },
		{ "llama", TIED ",\"hidden_act\":\"gelu\"", ERR_UNSUPPORTED, "silu" },
		{ "llama", TIED ",\"num_experts\":4", ERR_UNSUPPORTED, "experts" },
		{ "llama", TIED ",\"quantization_config\":{}", ERR_UNSUPPORTED, "quantised" },
		{ "llama", TIED ",\"partial_rotary_factor\":0.5", ERR_UNSUPPORTED, "part of each head" },
		{ "llama", TIED ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}", ERR_UNSUPPORTED, "dynamic" },
		{ "llama", TIED ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":0}", ERR_FORMAT, "rope_scaling" },
		{ "llama", TIED ",\"head_dim\":8", ERR_FORMAT, "attention query" },
		{ "llama", "", ERR_FORMAT, "output" },
		{ "qwen2", TIED, ERR_FORMAT, "query bias" },
		{ "qwen3", TIED, ERR_FORMAT, "query norm" },
	};
	const char *folder = tiny_folder();
	char path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		open_folder(folder, cases[i].arch, cases[i].more, cases[i].code, cases[i].word);
	snprintf(path, sizeof(path), "%s/tokenizer.model", folder);
	unlink(path);
	open_folder(folder, "llama", TIED, ERR_UNSUPPORTED, "no tokenizer.model");
	put_file(folder, "config.json", "[", 1);
	open_as(folder, ERR_FORMAT, "config.json");
	snprintf(path, sizeof(path), "%s/config.json", folder);
	unlink(path);
	open_as(folder, ERR_NOTFOUND, "config.json");
	test_remove(folder);
}

/* ---- real models ---- */

static void the_default_model_opens(void **state)
{
	(void)state;
	NEED(test_model(), "the default model");
	model *m = open_as(test_model(), 0, NULL);
	const model_params *p = &m->p;
	assert_string_equal(p->arch, "llama");
	assert_string_equal(p->file_type, "Q4_1");
	assert_int_equal(p->layers, 30);
	assert_int_equal(p->dim, 576);
	assert_int_equal(p->heads, 9);
	assert_int_equal(p->kv_heads, 3);
	assert_int_equal(p->head_dim, 64);
	assert_int_equal(p->ff, 1536);
	assert_int_equal(p->vocab, 49152);
	assert_int_equal(p->context, 8192);
	assert_int_equal(p->parameters, 134515008);
	assert_int_equal(model_kv_bytes(p), 23040);
	assert_true(p->tied_output && p->pairs == ROPE_NEIGHBOUR && p->rope_base == 100000);
	assert_true(fabsf(p->rope_freq[16] - 0.0031622776f) < 1e-8f);
	assert_int_equal(m->vocab.n_merges, 48900);
	assert_string_equal(m->vocab.pre, "smollm");
	assert_non_null(strstr(m->chat_template, "<|im_start|>"));
	model_close(m);
}

static void stories15m_opens(void **state)
{
	const char *path = test_data("models/stories15M");

	(void)state;
	NEED(path, "models/stories15M");
	model *m = open_as(path, 0, NULL);
	assert_int_equal(m->p.layers, 6);
	assert_int_equal(m->p.head_dim, 48);
	assert_int_equal(m->p.context, 256);
	assert_int_equal(m->p.pairs, ROPE_HALF);
	assert_int_equal(m->vocab.kind, VOCAB_SPM_PROTO);
	model_close(m);
}

static void a_vocabulary_opens_alone(void **state)
{
	const char *path = test_data("tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf");
	error err = { 0 };
	model *m;

	(void)state;
	NEED(path, "tokenizers/llama.cpp");
	open_as(path, ERR_UNSUPPORTED, NULL);
	OK(model_open_vocabulary(&m, path, &err));
	assert_int_equal(m->vocab.kind, VOCAB_BPE_LIST);
	assert_int_equal(m->vocab.n, 50257);
	model_close(m);
	path = test_data("models/stories15M");
	NEED(path, "models/stories15M");
	OK(model_open_vocabulary(&m, path, &err));
	assert_int_equal(m->vocab.kind, VOCAB_SPM_PROTO);
	model_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiny_models_open),
		cmocka_unit_test(the_fingerprint_follows_the_content),
		cmocka_unit_test(wrong_numbers_are_refused),
		cmocka_unit_test(what_we_cannot_run_is_named),
		cmocka_unit_test(a_folder_opens),
		cmocka_unit_test(llama3_stretches_long_waves_only),
		cmocka_unit_test(wrong_folders_are_refused),
		cmocka_unit_test(the_default_model_opens),
		cmocka_unit_test(stories15m_opens),
		cmocka_unit_test(a_vocabulary_opens_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

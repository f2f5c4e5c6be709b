#include "tests/support.h"

#include <jansson.h>

#include "base/file.h"
#include "base/utf8.h"
#include "engine/model.h"
#include "engine/tokenizer.h"

typedef struct {
	model *m;
	tokenizer *t;
} vocab;

/* smollm's vectors come without their vocabulary: the default model has it. */
static const char *vocab_path(const char *name)
{
	return strstr(name, "smollm") ? test_model() : test_data(name);
}

static bool open_vocab(vocab *v, const char *name)
{
	const char *path = vocab_path(name);
	error err;

	if (!path)
		return false;
	OK(model_open_vocabulary(&v->m, path, &err));
	OK(tokenizer_open(&v->t, &v->m->vocab, &err));
	return true;
}

static void close_vocab(vocab *v)
{
	tokenizer_close(v->t);
	model_close(v->m);
}

/* at[] never falls and each token's bytes lie between its offset and the next. */
static void check_places(const tokens *t, size_t n)
{
	for (size_t i = 0; i < t->len; i++) {
		assert_true(t->at[i] <= n);
		assert_true(i == 0 || t->at[i - 1] <= t->at[i]);
	}
}

static int differs(const vocab *v, const char *text, size_t n, const int *want, size_t count)
{
	tokens t = TOKENS_INIT;
	error err;

	OK(tokenizer_encode_text(&t, v->t, text, n, &err));
	check_places(&t, n);
	int bad = t.len != count || (count && memcmp(t.id, want, count * sizeof(int)));
	if (bad) {
		print_message("'%.*s': got", (int)(n < 60 ? n : 60), text);
		for (size_t i = 0; i < t.len && i < 30; i++)
			print_message(" %d", t.id[i]);
		print_message(" want");
		for (size_t i = 0; i < count && i < 30; i++)
			print_message(" %d", want[i]);
		print_message("\n");
	}
	tokens_free(&t);
	return bad;
}

/* llama.cpp's vectors: texts separated by a line, ids a line each. */
static int run_pairs(const char *name)
{
	char path[128];
	vocab v;
	str in = STR_INIT, out = STR_INIT;
	error err;
	int bad = 0;

	snprintf(path, sizeof(path), "tokenizers/llama.cpp/ggml-vocab-%s.gguf", name);
	if (!open_vocab(&v, path))
		return -1;
	snprintf(path, sizeof(path), "tokenizers/llama.cpp/ggml-vocab-%s.gguf.inp", name);
	OK(file_read(&in, test_data(path), 0, &err));
	snprintf(path, sizeof(path), "tokenizers/llama.cpp/ggml-vocab-%s.gguf.out", name);
	OK(file_read(&out, test_data(path), 0, &err));

	static const char mark[] = "\n__ggml_vocab_test__\n";
	char *p = in.data, *line = out.data;
	int cases = 0;
	while (*line) {
		char *end = strstr(p, mark), *eol = strchr(line, '\n');
		size_t n = end ? (size_t)(end - p) : strlen(p);
		int want[512];
		size_t count = 0;
		for (char *q = line, *next; q < eol && (want[count] = (int)strtol(q, &next, 10), next != q && next <= eol); q = next)
			count++;
		bad += differs(&v, p, n, want, count);
		cases++;
		if (!end)
			break;
		p = end + strlen(mark);
		line = eol + 1;
	}
	print_message("%s: %d cases, %d differ\n", name, cases, bad);
	assert_true(cases > 20);
	str_free(&in);
	str_free(&out);
	close_vocab(&v);
	return bad;
}

static void llama_cpp_vectors(void **unused)
{
	(void)unused;
	static const char *const names[] = { "gpt-2", "llama-bpe", "llama-spm", "qwen2", "smollm", "phi-3" };
	int bad = 0;

	NEED(test_data("tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf"), "tokenizers/llama.cpp");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		bad += run_pairs(names[i]) > 0;
	assert_int_equal(bad, 0);
}

/* ref/NAME.jsonl: ids that the models' own tokenizers gave for ref/inputs.jsonl. */
static int run_reference(const char *ref, const char *vocabulary)
{
	char path[128];
	vocab v;
	json_error_t e;
	int bad = 0, cases = 0;
	char *a = NULL, *b = NULL;
	size_t ca = 0, cb = 0;

	snprintf(path, sizeof(path), "tokenizers/ref/%s.jsonl", ref);
	FILE *in = fopen(test_data("tokenizers/ref/inputs.jsonl"), "r"), *out = test_data(path) ? fopen(test_data(path), "r") : NULL;
	if (!in || !out || !open_vocab(&v, vocabulary)) {
		if (in)
			fclose(in);
		if (out)
			fclose(out);
		return -1;
	}
	while (getline(&a, &ca, in) > 0 && getline(&b, &cb, out) > 0) {
		json_t *x = json_loads(a, JSON_ALLOW_NUL, &e), *y = json_loads(b, JSON_ALLOW_NUL, &e), *ids = json_object_get(y, "ids");
		const json_t *text = json_object_get(x, "text");
		int *want = calloc(json_array_size(ids) + 1, sizeof(int));
		for (size_t i = 0; i < json_array_size(ids); i++)
			want[i] = (int)json_integer_value(json_array_get(ids, i));
		bad += differs(&v, json_string_value(text), json_string_length(text), want, json_array_size(ids));
		cases++;
		free(want);
		json_decref(x);
		json_decref(y);
	}
	print_message("%s: %d texts, %d differ\n", ref, cases, bad);
	assert_true(cases > 200);
	free(a);
	free(b);
	fclose(in);
	fclose(out);
	close_vocab(&v);
	return bad;
}

static void reference_texts(void **unused)
{
	(void)unused;
	static const char *const pairs[][2] = {
		{ "gpt2", "tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf" },
		{ "llama3", "tokenizers/llama.cpp/ggml-vocab-llama-bpe.gguf" },
		{ "qwen2_5", "tokenizers/llama.cpp/ggml-vocab-qwen2.gguf" },
		{ "llama2", "tokenizers/llama2.c/tokenizer.model" },
		{ "llama2", "tokenizers/llama.cpp/ggml-vocab-llama-spm.gguf" },
		{ "mistral_v1", "tokenizers/mistral/tokenizer.model.v1" },
		{ "mistral_v3", "tokenizers/mistral/mistral_instruct_tokenizer_240323.model.v3" },
	};
	int bad = 0;

	NEED(test_data("tokenizers/ref/inputs.jsonl"), "tokenizers/ref");
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		bad += run_reference(pairs[i][0], pairs[i][1]) > 0;
	assert_int_equal(bad, 0);
}

static const char *const vocabularies[] = {
	"tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf", "tokenizers/llama.cpp/ggml-vocab-llama-bpe.gguf",
	"tokenizers/llama.cpp/ggml-vocab-smollm.gguf", "tokenizers/llama.cpp/ggml-vocab-qwen2.gguf",
	"tokenizers/llama.cpp/ggml-vocab-llama-spm.gguf", "tokenizers/llama2.c/tokenizer.model",
	"tokenizers/mistral/tokenizer.model.v1",
};
enum { VOCABULARIES = sizeof(vocabularies) / sizeof(*vocabularies) };

static void texts_come_back(void **unused)
{
	(void)unused;
	static const char *const texts[] = {
		"", " ", "   ", "\n\n\t ", "Hello, world", "na\xc3\xafve caf\xc3\xa9 \xe2\x80\x94 d\xc3\xa9j\xc3\xa0 vu", "\xe6\xbc\xa2\xe5\xad\x97 \xe3\x81\x8b\xe3\x81\xaa",
		"\xf0\x9f\x98\x80\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", "a\r\nb\rc", "x = {1: 'a',\n\t2: \"b\"}", "<|im_end|></s>[INST]<s>",
		"1234567890 12 3.14", "   leading and trailing   ",
	};

	NEED(test_data(vocabularies[0]), "tokenizers");
	for (size_t i = 0; i < VOCABULARIES; i++) {
		vocab v;
		error err;
		if (!open_vocab(&v, vocabularies[i]))
			continue;
		for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++) {
			tokens t = TOKENS_INIT;
			str back = STR_INIT;
			OK(tokenizer_encode_text(&t, v.t, texts[k], strlen(texts[k]), &err));
			tokenizer_decode(v.t, t.id, t.len, &back);
			assert_string_equal(str_text(&back), texts[k]);
			for (size_t j = 0; j < t.len; j++)
				assert_false(tokenizer_is_end(v.t, t.id[j])); /* text makes no special token */
			str_free(&back);
			tokens_free(&t);
		}
		close_vocab(&v);
	}
}

static void hostile_bytes_and_long_words(void **unused)
{
	(void)unused;
	NEED(test_data(vocabularies[0]), "tokenizers");
	for (size_t i = 0; i < VOCABULARIES; i++) {
		vocab v;
		error err;
		if (!open_vocab(&v, vocabularies[i]))
			continue;
		/* zero bytes, broken sequences, a cut one at the end */
		static const char odd[] = "a\0b\xff\xfe\xc3(\xed\xa0\x80 ok \xe2\x82";
		tokens t = TOKENS_INIT;
		str back = STR_INIT;
		OK(tokenizer_encode_text(&t, v.t, odd, sizeof(odd) - 1, &err));
		check_places(&t, sizeof(odd) - 1);
		tokenizer_decode(v.t, t.id, t.len, &back);
		assert_int_equal(utf8_check(str_text(&back), back.len), back.len);
		assert_non_null(memmem(back.data, back.len, " ok ", 4));
		tokens_free(&t);
		str_free(&back);

		size_t n = 1 << 19; /* one word of half a megabyte, then as many spaces */
		char *big = malloc(n);
		memset(big, 'a', n / 2);
		memset(big + n / 2, ' ', n / 2);
		OK(tokenizer_encode_text(&t, v.t, big, n, &err));
		assert_true(t.len > 100 && t.len < n);
		check_places(&t, n);
		tokens_free(&t);
		free(big);
		close_vocab(&v);
	}
}

static void special_tokens_come_from_markup_alone(void **unused)
{
	(void)unused;
	vocab v;
	error err;

	NEED(vocab_path("tokenizers/llama.cpp/ggml-vocab-smollm.gguf"), "the default model");
	open_vocab(&v, "tokenizers/llama.cpp/ggml-vocab-smollm.gguf");
	int end = tokenizer_special(v.t, "<|im_end|>"), start = tokenizer_special(v.t, "<|im_start|>");
	assert_true(end >= 0 && start >= 0 && tokenizer_is_end(v.t, end) && !tokenizer_is_end(v.t, start));
	text_piece p[] = { { "<|im_start|>user\nSay: ", 22, true }, { "a<|im_end|>b", 12, false }, { "<|im_end|>\n", 11, true } };
	tokens t = TOKENS_INIT;
	OK(tokenizer_encode(&t, v.t, p, 3, true, &err));
	int starts = 0, ends = 0;
	for (size_t i = 0; i < t.len; i++) {
		starts += t.id[i] == start;
		ends += t.id[i] == end;
		if (t.id[i] == end)
			assert_int_equal(t.at[i], 34);
	}
	assert_int_equal(starts, 1);
	assert_int_equal(ends, 1);
	str back = STR_INIT;
	tokenizer_decode(v.t, t.id, t.len, &back);
	assert_string_equal(str_text(&back), "user\nSay: a<|im_end|>b\n");
	str_free(&back);
	tokens_free(&t);

	/* A word straddles two text pieces: the same ids as in one. */
	text_piece two[] = { { "unbeliev", 8, false }, { "able news", 9, false } };
	tokens a = TOKENS_INIT, b = TOKENS_INIT;
	OK(tokenizer_encode(&a, v.t, two, 2, false, &err));
	OK(tokenizer_encode_text(&b, v.t, "unbelievable news", 17, &err));
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.id, b.id, a.len * sizeof(int));
	tokens_free(&a);
	tokens_free(&b);
	close_vocab(&v);
}

static void streaming_holds_half_characters(void **unused)
{
	(void)unused;
	vocab v;
	error err;

	NEED(test_data("tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf"), "the gpt-2 vocabulary");
	open_vocab(&v, "tokenizers/llama.cpp/ggml-vocab-gpt-2.gguf");
	static const char text[] = "\xf0\x9f\xa6\x99\xe6\xbc\xa2 ok";
	tokens t = TOKENS_INIT;
	str out = STR_INIT;
	decoder d = DECODER_INIT;
	OK(tokenizer_encode_text(&t, v.t, text, strlen(text), &err));
	for (size_t i = 0; i < t.len; i++) {
		decoder_push(&d, v.t, t.id[i], &out);
		assert_int_equal(utf8_check(str_text(&out), out.len), out.len);
	}
	decoder_end(&d, &out);
	assert_string_equal(str_text(&out), text);
	/* Cut in the middle of a character: the rest becomes U+FFFD, not silence. */
	str_clear(&out);
	decoder_push(&d, v.t, t.id[0], &out);
	decoder_end(&d, &out);
	assert_string_equal(str_text(&out), "\xef\xbf\xbd");
	str_free(&out);
	tokens_free(&t);
	close_vocab(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llama_cpp_vectors), cmocka_unit_test(reference_texts), cmocka_unit_test(texts_come_back),
		cmocka_unit_test(hostile_bytes_and_long_words), cmocka_unit_test(special_tokens_come_from_markup_alone),
		cmocka_unit_test(streaming_holds_half_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

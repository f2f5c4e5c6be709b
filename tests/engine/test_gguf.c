/* GGUF files: a good one is laid open as it was written; of a damaged one every
 * length, count, offset and type is refused before it is believed. */

#include "tests/support.h"

#include <malloc.h>
#include <math.h>

#include "base/file.h"
#include "base/path.h"
#include "tests/engine/gguf_writer.h"

static error err;

enum { DATA_BYTES = 8 * 3 * 4 + 64 / 32 * 18 };

/* Two tensors and values of most kinds; *header is where the data begins. */
static str good_file(uint32_t version, size_t *header)
{
	str s = STR_INIT;
	double d = -2.5;

	put_header(&s, version, 2, 6);
	put_key_text(&s, "general.architecture", "llama");
	put_key_u32(&s, "general.alignment", 32);
	put_key(&s, "a.double", GGUF_F64);
	str_put(&s, &d, 8);
	put_key(&s, "a.flag", GGUF_BOOL);
	str_putc(&s, 1);
	put_key_array(&s, "some.words", GGUF_STRING, 3);
	put_text(&s, "one");
	put_text(&s, "");
	put_text(&s, "three");
	put_key_array(&s, "some.numbers", GGUF_I32, 2);
	put_u32(&s, 7);
	put_u32(&s, (uint32_t)-7);
	put_tensor(&s, "zeta", 8, 3, 0, 0);
	put_tensor(&s, "alpha", 32, 2, 2, 96);
	put_padding(&s, 32);
	*header = s.len;
	for (int i = 0; i < DATA_BYTES; i++)
		str_putc(&s, (char)i);
	assert_false(s.oom);
	return s;
}

/* The status. Bytes are parsed from a block of exactly their size, so that ASan sees
 * a read of one too many; whatever was accepted is read whole. */
static int parse(const void *bytes, size_t n)
{
	uint8_t *copy = malloc(n + !n);
	gguf g = { 0 };

	assert_non_null(copy);
	memcpy(copy, n ? bytes : "", n);
	memset(&err, 0, sizeof(err));
	int status = gguf_parse(&g, copy, n, "x.gguf", &err);
	unsigned sum = 0;
	for (size_t i = 0; !status && i < g.tensors; i++)
		for (uint64_t k = 0; k < g.tensor[i].bytes; k++)
			sum += g.tensor[i].data[k];
	volatile unsigned keep = sum;
	(void)keep;
	gguf_close(&g);
	free(copy);
	assert_true(status <= 0 && (status == 0 || (status == err.code && err.msg[0])));
	return status;
}

static void refused(str *s, int code, const char *word)
{
	assert_false(s->oom);
	assert_int_equal(parse(s->data, s->len), code);
	if (!strstr(err.msg, word))
		fail_msg("'%s' is not in: %s", word, err.msg);
	str_free(s);
}

static void a_good_file_comes_back(void **state)
{
	(void)state;
	for (uint32_t version = 2; version <= 3; version++) {
		size_t header;
		str s = good_file(version, &header);
		gguf g = { 0 };
		OK(gguf_parse(&g, (uint8_t *)s.data, s.len, "good.gguf", &err));
		assert_int_equal(g.version, version);
		assert_int_equal(g.values, 6);
		assert_int_equal(g.tensors, 2);
		const gguf_tensor *z = gguf_find_tensor(&g, "zeta"), *a = gguf_find_tensor(&g, "alpha");
		assert_non_null(z);
		assert_non_null(a);
		assert_null(gguf_find_tensor(&g, "alph"));
		assert_int_equal(z->type, DT_F32);
		assert_int_equal(z->dims, 2);
		assert_true(z->dim[0] == 8 && z->dim[1] == 3 && z->dim[2] == 1 && z->dim[3] == 1);
		assert_int_equal(z->bytes, 96);
		assert_ptr_equal(z->data, s.data + header);
		assert_int_equal(a->type, DT_Q4_0);
		assert_int_equal(a->bytes, 36);
		assert_ptr_equal(a->data, s.data + header + 96);
		gguf_close(&g);
		str_free(&s);
	}
}

static void values_come_back(void **state)
{
	(void)state;
	size_t header;
	str s = good_file(3, &header);
	gguf g = { 0 };
	vocab_text *word;
	int n;

	OK(gguf_parse(&g, (uint8_t *)s.data, s.len, "good.gguf", &err));
	vocab_text arch = gguf_string(&g, "general.architecture");
	assert_int_equal(arch.len, 5);
	assert_memory_equal(arch.text, "llama", 5);
	assert_true(gguf_number(&g, "a.double", 0) == -2.5 && gguf_number(&g, "a.flag", 0) == 1.0);
	assert_true(gguf_number(&g, "general.alignment", 0) == 32.0);
	assert_true(gguf_number(&g, "absent", 4.5) == 4.5 && gguf_number(&g, "general.architecture", 3.5) == 3.5);
	assert_true(gguf_number(&g, "some.numbers", 1.5) == 1.5);
	assert_int_equal(gguf_string(&g, "a.double").len, 0);
	OK(gguf_strings(&word, &n, &g, "some.words", &err));
	assert_int_equal(n, 3);
	assert_int_equal(word[0].len, 3);
	assert_int_equal(word[1].len, 0);
	assert_memory_equal(word[2].text, "three", 5);
	free(word);
	OK(gguf_strings(&word, &n, &g, "absent", &err));
	assert_true(n == 0 && !word);
	assert_int_equal(gguf_strings(&word, &n, &g, "some.numbers", &err), ERR_FORMAT);
	const gguf_value *v = gguf_find(&g, "some.numbers");
	assert_true(v && v->n == 2 && v->item == GGUF_I32 && v->data[0] == 7);
	gguf_close(&g);
	str_free(&s);
}

static void a_file_opens_and_a_missing_one_is_told(void **state)
{
	(void)state;
	const char *folder = test_folder();
	size_t header;
	str s = good_file(3, &header), path = STR_INIT;
	gguf g;

	path_join(&path, folder, "m.gguf");
	assert_int_equal(gguf_open(&g, path.data, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "m.gguf"));
	OK(file_write(path.data, s.data, s.len, &err));
	OK(gguf_open(&g, path.data, &err));
	assert_string_equal(g.path, path.data);
	assert_int_equal(gguf_find_tensor(&g, "zeta")->data[5], 5);
	gguf_close(&g);
	gguf_close(&g);
	OK(file_write(path.data, "", 0, &err));
	assert_int_equal(gguf_open(&g, path.data, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "m.gguf"));
	str_free(&s);
	str_free(&path);
	test_remove(folder);
}

static void other_files_and_versions_are_refused(void **state)
{
	(void)state;
	size_t header;
	str s = good_file(3, &header);

	s.data[0] = 'H';
	refused(&s, ERR_FORMAT, "GGUF");
	static const uint32_t version[] = { 0, 1, 4, 0x03000000, UINT32_MAX };
	for (size_t i = 0; i < sizeof(version) / sizeof(*version); i++) {
		s = good_file(version[i], &header);
		refused(&s, ERR_UNSUPPORTED, "version");
	}
}

static void a_cut_file_is_refused_wherever_it_ends(void **state)
{
	(void)state;
	size_t header;
	str s = good_file(3, &header);

	assert_int_equal(parse(s.data, s.len), 0);
	for (size_t n = 0; n < s.len; n++)
		if (parse(s.data, n) != ERR_FORMAT)
			fail_msg("cut to %zu of %zu bytes: %d %s", n, s.len, err.code, err.msg);
	str_free(&s);
}

static void flipped_bytes_never_lead_outside(void **state)
{
	(void)state;
	static const uint8_t flip[] = { 0x01, 0x02, 0x10, 0x80, 0xff };
	size_t header;
	int errors = 0;
	str s = good_file(3, &header);

	for (size_t at = 0; at < header; at++)
		for (size_t f = 0; f < sizeof(flip); f++) {
			s.data[at] ^= (char)flip[f];
			errors += parse(s.data, s.len) != 0;
			s.data[at] ^= (char)flip[f];
		}
	assert_true(errors > 100);
	assert_int_equal(parse(s.data, s.len), 0);
	str_free(&s);
}

/* Bytes of the heap in use or ever taken from the system. */
static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.arena + m.hblkhd;
}

static void huge_claims_take_no_memory(void **state)
{
	(void)state;
	static const uint64_t huge[] = { 1u << 31, UINT32_MAX, 1ull << 40, 1ull << 61, 1ull << 63, UINT64_MAX, UINT64_MAX / 8 + 1 };
	size_t before = heap();

	for (size_t i = 0; i < sizeof(huge) / sizeof(*huge); i++) {
		str s = STR_INIT;
		put_header(&s, 3, 0, huge[i]);
		put_key_u32(&s, "k", 1);
		refused(&s, ERR_FORMAT, "x.gguf");
		put_header(&s, 3, huge[i], 0);
		refused(&s, ERR_FORMAT, "x.gguf");
		for (uint32_t item = 0; item < GGUF_TYPES; item++) {
			put_header(&s, 3, 0, 1);
			put_key_array(&s, "k", item, huge[i]);
			put_u64(&s, 0);
			refused(&s, ERR_FORMAT, item == GGUF_STRING ? "string" : "array");
		}
		put_header(&s, 3, 0, 1);
		put_key(&s, "k", GGUF_STRING);
		put_u64(&s, huge[i]);
		str_puts(&s, "abc");
		refused(&s, ERR_FORMAT, "string");
		put_header(&s, 3, 0, 1);
		put_u64(&s, huge[i]);
		str_puts(&s, "abc");
		refused(&s, ERR_FORMAT, "key");
		put_header(&s, 3, 1, 0);
		put_tensor(&s, "t", huge[i], huge[i], 0, 0);
		refused(&s, ERR_FORMAT, "impossible size");
		put_header(&s, 3, 1, 0);
		put_tensor(&s, "t", 1, 1, 0, huge[i] & ~31ull);
		put_padding(&s, 32);
		put_u32(&s, 0);
		refused(&s, ERR_FORMAT, "outside");
	}
	assert_true(heap() - before < 16u << 20);
}

static void names_must_be_unique(void **state)
{
	(void)state;
	str s = STR_INIT;

	put_header(&s, 3, 0, 3);
	put_key_u32(&s, "same", 1);
	put_key_u32(&s, "other", 1);
	put_key_text(&s, "same", "x");
	refused(&s, ERR_FORMAT, "twice");
	put_header(&s, 3, 2, 0);
	put_tensor(&s, "w", 4, 1, 0, 0);
	put_tensor(&s, "w", 4, 1, 0, 0);
	put_padding(&s, 32);
	put_padding(&s, 64);
	str_puts(&s, "0123456789abcdef");
	refused(&s, ERR_FORMAT, "twice");
	put_header(&s, 3, 0, 1);
	put_key_u32(&s, "", 1);
	refused(&s, ERR_FORMAT, "key");
}

static void tensors_lie_inside_the_file(void **state)
{
	(void)state;
	static const struct { uint64_t in, out, offset; int status; } t[] = {
		{ 8, 2, 0, 0 },          { 8, 2, 32, ERR_FORMAT },      { 8, 3, 0, ERR_FORMAT }, { 8, 1, 32, 0 },
		{ 8, 1, 16, ERR_FORMAT }, { 8, 1, 64, ERR_FORMAT },      { 0, 1, 0, ERR_FORMAT }, { 8, 0, 0, ERR_FORMAT },
		{ 8, 1, 1ull << 63, ERR_FORMAT }, { 8, 1, UINT64_MAX - 31, ERR_FORMAT },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		str s = STR_INIT;
		put_header(&s, 3, 1, 0);
		put_tensor(&s, "w", t[i].in, t[i].out, 0, t[i].offset);
		put_padding(&s, 32);
		for (int k = 0; k < 64; k++)
			str_putc(&s, 'x');
		if (parse(s.data, s.len) != t[i].status)
			fail_msg("tensor %zu: %d %s", i, err.code, err.msg);
		str_free(&s);
	}
}

static void rows_fit_whole_blocks(void **state)
{
	(void)state;
	str s = STR_INIT;

	put_header(&s, 3, 1, 0);
	put_tensor(&s, "w", 40, 1, 2, 0);
	put_padding(&s, 32);
	put_padding(&s, 256);
	refused(&s, ERR_FORMAT, "rows");
	static const uint32_t dims[] = { 0, 5, UINT32_MAX };
	for (int i = 0; i < 3; i++) {
		put_header(&s, 3, 1, 0);
		put_text(&s, "w");
		put_u32(&s, dims[i]);
		for (int k = 0; k < 8; k++)
			put_u64(&s, 1);
		refused(&s, ERR_FORMAT, "four dimensions");
	}
}

static void formats_we_cannot_run_are_named(void **state)
{
	(void)state;
	static const struct { uint32_t type; const char *name; } t[] = {
		{ 4, "Q4_2" }, { 9, "Q8_1" }, { 10, "Q2_K" }, { 11, "Q3_K" }, { 15, "Q8_K" }, { 16, "IQ2_XXS" }, { 17, "IQ2_XS" },
		{ 18, "IQ3_XXS" }, { 19, "IQ1_S" }, { 20, "IQ4_NL" }, { 21, "IQ3_S" }, { 22, "IQ2_S" }, { 23, "IQ4_XS" }, { 24, "I8" },
		{ 28, "F64" }, { 29, "IQ1_M" }, { 34, "TQ1_0" }, { 39, "MXFP4" }, { 40, "40" }, { 4000000000u, "4000000000" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		str s = STR_INIT;
		char word[32];
		snprintf(word, sizeof(word), "format %s,", t[i].name);
		put_header(&s, 3, 1, 0);
		put_tensor(&s, "blk.0.attn_q.weight", 256, 1, t[i].type, 0);
		refused(&s, ERR_UNSUPPORTED, word);
		assert_non_null(strstr(err.msg, "blk.0.attn_q.weight"));
	}
}

static void an_alignment_is_a_power_of_two(void **state)
{
	(void)state;
	static const uint32_t wrong[] = { 0, 3, 24, 33, 1u << 31, UINT32_MAX };

	for (uint32_t align = 1; align <= 1 << 12; align *= 2) {
		str s = STR_INIT;
		put_header(&s, 3, 1, 1);
		put_key_u32(&s, "general.alignment", align);
		put_tensor(&s, "w", 4, 1, 0, 0);
		put_padding(&s, align);
		str_puts(&s, "0123456789abcdef");
		assert_int_equal(parse(s.data, s.len), 0);
		str_free(&s);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		str s = STR_INIT;
		put_header(&s, 3, 0, 1);
		put_key_u32(&s, "general.alignment", wrong[i]);
		refused(&s, ERR_FORMAT, "power of two");
	}
	static const float odd[] = { 32.5f, -32.0f, NAN, INFINITY };
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		str s = STR_INIT;
		put_header(&s, 3, 0, 1);
		put_key(&s, "general.alignment", GGUF_F32);
		str_put(&s, &odd[i], 4);
		refused(&s, ERR_FORMAT, "power of two");
	}
}

static void arrays_do_not_nest(void **state)
{
	(void)state;
	str s = STR_INIT;

	put_header(&s, 3, 0, 1);
	put_key_array(&s, "k", GGUF_ARRAY, 1);
	put_u32(&s, GGUF_U8);
	put_u64(&s, 1);
	str_putc(&s, 1);
	refused(&s, ERR_FORMAT, "array");
	put_header(&s, 3, 0, 1);
	put_key_array(&s, "k", GGUF_TYPES, 0);
	refused(&s, ERR_FORMAT, "array");
	put_header(&s, 3, 0, 1);
	put_key(&s, "k", GGUF_TYPES);
	put_u64(&s, 0);
	refused(&s, ERR_FORMAT, "type");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_comes_back),
		cmocka_unit_test(values_come_back),
		cmocka_unit_test(a_file_opens_and_a_missing_one_is_told),
		cmocka_unit_test(other_files_and_versions_are_refused),
		cmocka_unit_test(a_cut_file_is_refused_wherever_it_ends),
		cmocka_unit_test(flipped_bytes_never_lead_outside),
		cmocka_unit_test(huge_claims_take_no_memory),
		cmocka_unit_test(names_must_be_unique),
		cmocka_unit_test(tensors_lie_inside_the_file),
		cmocka_unit_test(rows_fit_whole_blocks),
		cmocka_unit_test(formats_we_cannot_run_are_named),
		cmocka_unit_test(an_alignment_is_a_power_of_two),
		cmocka_unit_test(arrays_do_not_nest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

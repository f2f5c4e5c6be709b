/* Safetensors files and sharded folders: laid open as written, and nothing in a
 * header or an index believed before it is checked. */

#include "tests/support.h"

#include "base/file.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/safetensors.h"

static error err;

#define TWO                                                                 \
	"{\"__metadata__\":{\"format\":\"pt\"},"                            \
	"\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[8,32]}," \
	"\"a\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8]}}"

/* A header and n bytes of data that count upwards. */
static str file_of(const char *header, size_t n)
{
	str s = STR_INIT;
	uint64_t len = strlen(header);

	str_put(&s, &len, 8);
	str_puts(&s, header);
	for (size_t i = 0; i < n; i++)
		str_putc(&s, (char)i);
	assert_false(s.oom);
	return s;
}

/* Parsed from a block of exactly n bytes, so that ASan sees a read of one too many. */
static int parse(const void *bytes, size_t n)
{
	uint8_t *copy = malloc(n + !n);
	safetensors st = { 0 };
	unsigned sum = 0;

	assert_non_null(copy);
	memcpy(copy, n ? bytes : "", n);
	memset(&err, 0, sizeof(err));
	int status = safetensors_parse(&st, copy, n, "x.safetensors", &err);
	for (size_t i = 0; !status && i < st.tensors; i++)
		for (uint64_t k = 0; k < st.tensor[i].bytes; k++)
			sum += st.tensor[i].data[k];
	volatile unsigned keep = sum;
	(void)keep;
	safetensors_close(&st);
	free(copy);
	assert_true(status == 0 || (status == err.code && strstr(err.msg, "x.safetensors")));
	return status;
}

static void refused(const char *header, size_t n, int code, const char *word)
{
	str s = file_of(header, n);

	if (parse(s.data, s.len) != code || !strstr(err.msg, word))
		fail_msg("%s: %d %s", header, err.code, err.msg);
	str_free(&s);
}

static void a_good_file_comes_back(void **state)
{
	(void)state;
	str s = file_of(TWO, 32);
	safetensors st = { 0 };

	OK(safetensors_parse(&st, (uint8_t *)s.data, s.len, "x", &err));
	assert_int_equal(st.tensors, 2);
	const safetensor *a = safetensors_find(&st, "a"), *b = safetensors_find(&st, "b");
	assert_non_null(a);
	assert_non_null(b);
	assert_null(safetensors_find(&st, "__metadata__"));
	assert_true(a->type == DT_BF16 && a->dims == 1 && a->dim[0] == 4 && a->dim[1] == 1 && a->bytes == 8);
	assert_true(b->type == DT_F32 && b->dims == 2 && b->dim[0] == 2 && b->dim[1] == 3 && b->bytes == 24);
	assert_true(a->data[0] == 0 && b->data[0] == 8 && b->data[23] == 31);
	safetensors_close(&st);
	safetensors_close(&st);
	str_free(&s);
}

static void a_cut_file_is_refused_wherever_it_ends(void **state)
{
	(void)state;
	str s = file_of(TWO, 32);

	assert_int_equal(parse(s.data, s.len), 0);
	for (size_t n = 0; n < s.len; n++)
		if (parse(s.data, n) != ERR_FORMAT)
			fail_msg("cut to %zu of %zu bytes: %d %s", n, s.len, err.code, err.msg);
	str_free(&s);
}

static void flipped_bytes_never_lead_outside(void **state)
{
	(void)state;
	static const uint8_t flip[] = { 0x01, 0x02, 0x08, 0x10, 0x80, 0xff };
	str s = file_of(TWO, 32);
	int errors = 0;

	for (size_t at = 0; at < s.len - 32; at++)
		for (size_t f = 0; f < sizeof(flip); f++) {
			s.data[at] ^= (char)flip[f];
			errors += parse(s.data, s.len) != 0;
			s.data[at] ^= (char)flip[f];
		}
	assert_true(errors > 100);
	str_free(&s);
}

static void a_header_longer_than_the_file_is_refused(void **state)
{
	(void)state;
	static const uint64_t len[] = { 1000, 1u << 31, 1ull << 63, UINT64_MAX, UINT64_MAX - 7 };
	str s = file_of(TWO, 32);

	for (size_t i = 0; i < sizeof(len) / sizeof(*len); i++) {
		memcpy(s.data, &len[i], 8);
		assert_int_equal(parse(s.data, s.len), ERR_FORMAT);
		assert_non_null(strstr(err.msg, "longer than the file"));
	}
	str_free(&s);
}

#define ONE(type, shape, at) "{\"t\":{\"dtype\":" type ",\"shape\":" shape ",\"data_offsets\":" at "}}"

static void tensors_lie_inside_the_file(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		ONE("\"F32\"", "[4]", "[0,15]"), ONE("\"F32\"", "[4]", "[0,17]"), ONE("\"F32\"", "[8]", "[0,32]"),
		ONE("\"F32\"", "[4]", "[16,0]"), ONE("\"F32\"", "[4]", "[-16,0]"), ONE("\"F32\"", "[4]", "[1,17]"),
		ONE("\"F32\"", "[4]", "[0.0,16.0]"), ONE("\"F32\"", "[4]", "[0]"), ONE("\"F32\"", "[4]", "[0,16,16]"),
		ONE("\"F32\"", "[4]", "null"), ONE("\"F32\"", "[4]", "[9223372036854775792,9223372036854775807]"),
		ONE("\"F32\"", "[0]", "[0,0]"), ONE("\"F32\"", "[-4]", "[0,16]"), ONE("\"F32\"", "[\"4\"]", "[0,16]"),
		ONE("\"F32\"", "[2147483648]", "[0,16]"), ONE("\"F32\"", "[1,1,1,1,4]", "[0,16]"), ONE("\"F32\"", "4", "[0,16]"),
		ONE("\"F32\"", "[2147483647,2147483647,2147483647]", "[0,16]"),
		ONE("\"F32\"", "[2147483647,2147483647,2]", "[0,16]"), "{\"t\":{\"dtype\":\"F32\"}}",
		ONE("\"F32\"", "[4]", "[18446744073709551600,18446744073709551616]"), "[]", "", "{", "{\"t\":", "null",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		refused(wrong[i], 16, ERR_FORMAT, "not a usable safetensors file");
}

static void formats_we_cannot_run_are_named(void **state)
{
	(void)state;
	refused(ONE("\"F8_E4M3\"", "[4]", "[0,4]"), 16, ERR_UNSUPPORTED, "F8_E4M3");
	refused(ONE("\"I64\"", "[2]", "[0,16]"), 16, ERR_UNSUPPORTED, "the tensor t has the format I64");
	refused(ONE("7", "[4]", "[0,16]"), 16, ERR_UNSUPPORTED, "(none)");
	refused("{\"t\":[]}", 16, ERR_UNSUPPORTED, "(none)");
}

static void names_must_be_unique_and_places_apart(void **state)
{
	(void)state;
	refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
	        "\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, ERR_FORMAT, "x.safetensors");
	refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
	        "\"u\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, ERR_FORMAT, "overlap");
	refused("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
	        "\"u\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, ERR_FORMAT, "overlap");
}

/* Thousands of arrays in each other must not exhaust the stack. */
static void deep_nesting_is_refused(void **state)
{
	(void)state;
	enum { DEEP = 200000 };
	char *header = malloc(DEEP + 1);

	assert_non_null(header);
	memset(header, '[', DEEP);
	header[DEEP] = '\0';
	str s = file_of(header, 0);
	assert_int_equal(parse(s.data, s.len), ERR_FORMAT);
	str_free(&s);
	free(header);
}

/* ---- folders ---- */

static void put(const char *folder, const char *name, const void *bytes, size_t n)
{
	str path = STR_INIT;

	path_join(&path, folder, name);
	OK(file_write(path.data, bytes, n, &err));
	str_free(&path);
}

static void put_file(const char *folder, const char *name, const char *header, size_t n)
{
	str s = file_of(header, n);

	put(folder, name, s.data, s.len);
	str_free(&s);
}

static void put_index(const char *folder, const char *text)
{
	put(folder, "model.safetensors.index.json", text, strlen(text));
}

static int setup(void **state)
{
	*state = (void *)(uintptr_t)test_folder();
	return 0;
}

static int teardown(void **state)
{
	test_remove(*state);
	return 0;
}

#define SHARD(name) "{\"" name "\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}"

static void a_folder_of_one_file_opens(void **state)
{
	safetensors st;

	put_file(*state, "model.safetensors", TWO, 32);
	OK(safetensors_open(&st, *state, &err));
	assert_true(st.maps == 1 && st.tensors == 2 && safetensors_find(&st, "b")->data[0] == 8);
	safetensors_close(&st);
}

static void a_sharded_folder_opens(void **state)
{
	safetensors st;

	put_file(*state, "one.safetensors", SHARD("p"), 4);
	put_file(*state, "two.safetensors", SHARD("q"), 4);
	put_index(*state, "{\"weight_map\":{\"p\":\"one.safetensors\",\"q\":\"two.safetensors\"}}");
	OK(safetensors_open(&st, *state, &err));
	assert_int_equal(st.maps, 2);
	assert_non_null(safetensors_find(&st, "p"));
	assert_non_null(safetensors_find(&st, "q"));
	safetensors_close(&st);
	/* The same tensor in both. */
	put_file(*state, "two.safetensors", SHARD("p"), 4);
	assert_int_equal(safetensors_open(&st, *state, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "twice"));
}

static void an_index_names_files_of_its_folder_only(void **state)
{
	static const char *const wrong[] = { "../x", "/etc/passwd", "a/../../x", "./x" };
	safetensors st;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char text[128];
		snprintf(text, sizeof(text), "{\"weight_map\":{\"p\":\"%s\"}}", wrong[i]);
		put_index(*state, text);
		assert_int_equal(safetensors_open(&st, *state, &err), ERR_FORMAT);
		assert_non_null(strstr(err.msg, wrong[i]));
		assert_true(st.maps == 0 && !st.map && !st.tensor);
	}
	put_index(*state, "{\"weight_map\":{\"p\":\"..\"}}");
	assert_true(safetensors_open(&st, *state, &err) < 0);
}

static void a_damaged_folder_is_told(void **state)
{
	static const char *const index[] = { "", "[]", "{}", "{\"weight_map\":[]}", "{\"weight_map\":{\"p\":7}}", "{\"weight_map\":{\"p\":" };
	safetensors st;

	assert_int_equal(safetensors_open(&st, *state, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, *state));
	for (size_t i = 0; i < sizeof(index) / sizeof(*index); i++) {
		put_index(*state, index[i]);
		assert_true(safetensors_open(&st, *state, &err) < 0);
		assert_non_null(strstr(err.msg, "model.safetensors.index.json"));
	}
	put_file(*state, "one.safetensors", SHARD("p"), 4);
	put_index(*state, "{\"weight_map\":{\"p\":\"one.safetensors\",\"q\":\"gone.safetensors\"}}");
	assert_int_equal(safetensors_open(&st, *state, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "gone.safetensors"));
	put(*state, "gone.safetensors", "", 0);
	assert_int_equal(safetensors_open(&st, *state, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "gone.safetensors"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_comes_back),
		cmocka_unit_test(a_cut_file_is_refused_wherever_it_ends),
		cmocka_unit_test(flipped_bytes_never_lead_outside),
		cmocka_unit_test(a_header_longer_than_the_file_is_refused),
		cmocka_unit_test(tensors_lie_inside_the_file),
		cmocka_unit_test(formats_we_cannot_run_are_named),
		cmocka_unit_test(names_must_be_unique_and_places_apart),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test_setup_teardown(a_folder_of_one_file_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sharded_folder_opens, setup, teardown),
		cmocka_unit_test_setup_teardown(an_index_names_files_of_its_folder_only, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_folder_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Models in the library: by path, with a name of their own, one of them the default. */

#include "tests/support.h"

#include "tests/store/library.h"

static int64_t put(store *s, const char *path, const char *name, const char *print, const char *profile, bool is_default)
{
	model_row m = { .path = strdup(path), .name = name ? strdup(name) : NULL, .bytes = 5, .mtime_ns = 6,
	                .profile_json = profile ? strdup(profile) : NULL, .is_default = is_default };

	strcpy(m.fingerprint, print);
	OK(store_put_model(s, &m, &err));
	int64_t id = m.id;
	model_row_free(&m);
	return id;
}

/* The id that word finds, or the error. */
static int64_t find(library *l, const char *word)
{
	model_row m;
	int status = store_find_model(&m, l->s, word, &err);
	int64_t id = m.id;

	model_row_free(&m);
	return status ? status : id;
}

static void keeps_rows_by_path(void **state)
{
	library *l = *state;
	int64_t a = put(l->s, "/m/Smol.Q4_1.gguf", NULL, "", NULL, false);
	int64_t b = put(l->s, "/n/Smol.Q4_1.gguf", NULL, "", NULL, false);
	model_row m;

	assert_int_equal(find(l, "smol.q4_1.gguf"), a);
	assert_int_equal(find(l, "smol.q4_1.gguf-2"), b);
	assert_int_equal(put(l->s, "/m/Smol.Q4_1.gguf", NULL, HASH_1, "{}", false), a);
	OK(store_find_model(&m, l->s, "/m/Smol.Q4_1.gguf", &err));
	assert_string_equal(m.name, "smol.q4_1.gguf");
	assert_string_equal(m.path, "/m/Smol.Q4_1.gguf");
	assert_string_equal(m.fingerprint, HASH_1);
	assert_string_equal(m.profile_json, "{}");
	assert_int_equal(m.bytes, 5);
	assert_int_equal(m.mtime_ns, 6);
	assert_true(m.added > 0);
	model_row_free(&m);
}

static void keeps_the_profile_with_its_weights(void **state)
{
	library *l = *state;
	model_row m;

	put(l->s, "/m", "m", HASH_1, "{\"heads\":[]}", false);
	put(l->s, "/m", NULL, HASH_1, NULL, false);
	OK(store_find_model(&m, l->s, "m", &err));
	assert_string_equal(m.profile_json, "{\"heads\":[]}");
	model_row_free(&m);
	put(l->s, "/m", NULL, HASH_2, NULL, false);
	OK(store_find_model(&m, l->s, "m", &err));
	assert_string_equal(m.profile_json, "");
	model_row_free(&m);
}

static void has_one_default(void **state)
{
	library *l = *state;
	model_row *rows;
	int n;

	assert_int_equal(find(l, NULL), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "model get"));
	int64_t a = put(l->s, "/a", "a", "", NULL, false);
	assert_int_equal(find(l, NULL), a); /* nothing to choose from */
	int64_t b = put(l->s, "/b", "b", "", NULL, false);
	assert_int_equal(find(l, NULL), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "model use"));
	OK(store_use_model(l->s, b, &err));
	assert_int_equal(find(l, NULL), b);
	put(l->s, "/b", "b", "", NULL, false);
	assert_int_equal(find(l, NULL), b);
	put(l->s, "/a", "a", "", NULL, true);
	assert_int_equal(find(l, NULL), a);
	OK(store_list_models(&rows, &n, l->s, &err));
	assert_int_equal(n, 2);
	assert_true(rows[0].is_default && !rows[1].is_default);
	model_rows_free(rows, n);
	assert_int_equal(store_use_model(l->s, 99, &err), ERR_NOTFOUND);
	assert_int_equal(find(l, NULL), a);
	OK(store_remove_model(l->s, a, &err));
	assert_int_equal(store_remove_model(l->s, a, &err), ERR_NOTFOUND);
	assert_int_equal(find(l, NULL), b);
}

static void finds_by_word(void **state)
{
	library *l = *state;
	int64_t a = put(l->s, "/m/a", "qwen2-7b", "", NULL, false), b = put(l->s, "/m/b", "qwen3_8b", "", NULL, false);

	assert_int_equal(find(l, "qwen2-7b"), a);
	assert_int_equal(find(l, "Qwen2-7B"), a);
	assert_int_equal(find(l, "2"), b);
	assert_int_equal(find(l, "qwen3"), b);
	assert_int_equal(find(l, "qwen3_"), b);
	assert_int_equal(find(l, "qwen_"), ERR_NOTFOUND);
	assert_int_equal(find(l, "qwen"), ERR_ARG);
	assert_non_null(strstr(err.msg, "qwen2-7b, qwen3_8b"));
	assert_int_equal(find(l, "/m/../m/a"), a);
	assert_int_equal(find(l, "llama"), ERR_NOTFOUND);
	assert_int_equal(find(l, ""), ERR_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)
		T(keeps_rows_by_path),
		T(keeps_the_profile_with_its_weights),
		T(has_one_default),
		T(finds_by_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

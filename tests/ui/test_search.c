#include "tests/support.h"

#include <locale.h>

#include "ui/search.h"

static size_t find(size_t *bytes, const char *word, const char *text, size_t from)
{
	needle k;

	needle_make(&k, word);
	return needle_find(bytes, &k, text, strlen(text), from, strlen(text));
}

static size_t find_back(const char *word, const char *text, size_t to)
{
	needle k;
	size_t bytes;

	needle_make(&k, word);
	return needle_find_back(&bytes, &k, text, strlen(text), 0, to);
}

static void capitals_count_once_one_is_written(void **state)
{
	const char *text = "The light; the Light; THE LIGHT";
	size_t n;

	(void)state;
	assert_int_equal(find(&n, "light", text, 0), 4);
	assert_int_equal(n, 5);
	assert_int_equal(find(&n, "light", text, 5), 15);
	assert_int_equal(find(&n, "Light", text, 0), 15);
	assert_int_equal(find(&n, "LIGHT", text, 0), 26);
	assert_true(find(&n, "LIght", text, 0) == NEEDLE_NONE);
	assert_int_equal(find_back("light", text, 26), 15);
	assert_int_equal(find_back("light", text, 15), 4);
	assert_true(find_back("light", text, 4) == NEEDLE_NONE);
}

static void all_scripts_have_their_case(void **state)
{
	size_t n;

	(void)state;
	assert_int_equal(find(&n, "überfahrt", "die ÜBERFAHRT", 0), 4);
	assert_int_equal(n, strlen("ÜBERFAHRT"));
	assert_true(find(&n, "Überfahrt", "die ÜBERFAHRT", 0) == NEEDLE_NONE);
	assert_int_equal(find(&n, "маяк", "МАЯК", 0), 0);
	assert_int_equal(find(&n, "本語", "日本語", 0), 3);
	/* A small letter that is longer than its capital. */
	assert_int_equal(find(&n, "ⱥb", "xȺB", 0), 1);
	assert_int_equal(n, strlen("ȺB"));
}

static void ends_and_broken_text_are_no_harm(void **state)
{
	size_t n;

	(void)state;
	assert_true(find(&n, "abc", "ab", 0) == NEEDLE_NONE);
	assert_true(find(&n, "", "ab", 0) == NEEDLE_NONE);
	assert_true(find(&n, "a", "", 0) == NEEDLE_NONE);
	assert_int_equal(find(&n, "b", "\xff\xfe" "b\xe3\x81", 0), 2);
	assert_true(find(&n, "あ", "b\xe3\x81", 0) == NEEDLE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(capitals_count_once_one_is_written), cmocka_unit_test(all_scripts_have_their_case),
		                            cmocka_unit_test(ends_and_broken_text_are_no_harm) };

	if (!setlocale(LC_CTYPE, "C.UTF-8")) {
		print_message("skipped: this system has no locale C.UTF-8\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

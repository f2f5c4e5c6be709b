#include "tests/support.h"

#include "base/columns.h"
#include "base/number.h"

static void check(void (*put)(str *, int64_t), int64_t n, const char *want)
{
	str s = STR_INIT;

	put(&s, n);
	assert_string_equal(str_text(&s), want);
	str_free(&s);
}

static void test_numbers(void **state)
{
	str s = STR_INIT;

	(void)state;
	check(number_put_count, 0, "0");
	check(number_put_count, 999, "999");
	check(number_put_count, 1000, "1,000");
	check(number_put_count, 1234567, "1,234,567");
	check(number_put_bytes, 0, "0 bytes");
	check(number_put_bytes, 98000000, "93.5 MiB");
	number_put_seconds(&s, 0.42);
	assert_string_equal(str_text(&s), "0.4 s");
	str_clear(&s);
	number_put_seconds(&s, 200);
	assert_string_equal(str_text(&s), "3 min 20 s");
	str_free(&s);
}

static void test_columns(void **state)
{
	(void)state;
	assert_int_equal(columns_text("abc", 3), 3);
	assert_int_equal(columns_text("日本", 6), 4);
	assert_int_equal(columns_text("e\xcc\x81", 3), 1);
	assert_int_equal(columns_text("😀", 4), 2);
	/* A cell is never parted. */
	assert_int_equal(columns_fit("日本", 6, 3), 3);
	assert_int_equal(columns_fit("e\xcc\x81x", 4, 1), 3);
	assert_int_equal(columns_fit("abc", 3, 0), 0);
	/* Bytes that are no UTF-8 take a column each and end. */
	assert_true(columns_text("\xff\xfe", 2) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_columns) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support.h"
#include "ui/markdown.h"

static void check_line(const rich *r, size_t i, const char *want)
{
	str s = STR_INIT;

	assert_true(i < r->lines);
	for (int k = 0; k < r->line[i].indent; k++)
		str_putc(&s, ' ');
	rich_line_text(&s, r, i);
	assert_string_equal(str_text(&s), want);
	str_free(&s);
}

static void test_wraps_at_blanks(void **state)
{
	rich r = { 0 };

	(void)state;
	rich_begin(&r, 12);
	rich_indent(&r, 2, 4);
	rich_puts(&r, ROLE_PLAIN, "one two three ");
	rich_puts(&r, ROLE_STRONG, "four");
	rich_end(&r);
	assert_int_equal(r.lines, 3);
	check_line(&r, 0, "  one two");
	check_line(&r, 1, "    three");
	check_line(&r, 2, "    four");
	assert_int_equal(r.run[r.line[2].run].role, ROLE_STRONG);
	rich_free(&r);
}

/* A word longer than the width is cut; wide characters take two columns and may be
 * parted; a combining mark stays with its letter. */
static void test_wraps_what_has_no_blanks(void **state)
{
	rich r = { 0 };

	(void)state;
	rich_begin(&r, 6);
	rich_puts(&r, ROLE_PLAIN, "abcdefgh");
	rich_end(&r);
	check_line(&r, 0, "abcdef");
	check_line(&r, 1, "gh");
	rich_begin(&r, 5);
	rich_puts(&r, ROLE_PLAIN, "日本語");
	rich_end(&r);
	check_line(&r, 0, "日本");
	check_line(&r, 1, "語");
	rich_begin(&r, 4);
	rich_puts(&r, ROLE_PLAIN, "e\xcc\x81" "e\xcc\x81" "e\xcc\x81" "e\xcc\x81" "x");
	rich_end(&r);
	check_line(&r, 0, "e\xcc\x81" "e\xcc\x81" "e\xcc\x81" "e\xcc\x81");
	check_line(&r, 1, "x");
	rich_free(&r);
}

/* No control character is left in what goes to the screen. */
static void test_shows_controls(void **state)
{
	rich r = { 0 };

	(void)state;
	rich_begin(&r, 40);
	rich_puts(&r, ROLE_PLAIN, "a\033[31mb\ac\tD\xff" "e\nnext");
	rich_end(&r);
	assert_int_equal(r.lines, 2);
	for (size_t i = 0; i < r.text.len; i++)
		assert_true((unsigned char)r.text.data[i] >= 32 && r.text.data[i] != 127);
	check_line(&r, 1, "next");
	rich_free(&r);
}

static void test_markdown(void **state)
{
	static const char text[] = "# Head\n\nSome *soft* and **hard** `code`.\n\n- one\n- two\n  1. deep\n\n| a | b |\n|---|--:|\n| 1 | 22 |\n\n"
	                           "```\nint x;\n```\n";
	rich r = { 0 };
	str all = STR_INIT;

	(void)state;
	rich_begin(&r, 40);
	markdown_put(&r, text, sizeof(text) - 1, 2);
	for (size_t i = 0; i < r.lines; i++) {
		rich_line_text(&all, &r, i);
		str_putc(&all, '\n');
	}
	assert_non_null(strstr(str_text(&all), "Head\n"));
	assert_non_null(strstr(str_text(&all), "Some soft and hard code.\n"));
	assert_non_null(strstr(str_text(&all), "two\n"));
	assert_non_null(strstr(str_text(&all), "1. deep\n"));
	assert_non_null(strstr(str_text(&all), "a │  b\n"));
	assert_non_null(strstr(str_text(&all), "1 │ 22\n"));
	assert_non_null(strstr(str_text(&all), "int x;\n"));
	assert_null(strstr(str_text(&all), "**"));
	str_free(&all);
	rich_free(&r);
}

/* An answer streams: every beginning of it must be drawable, and no width may break it. */
static void test_markdown_at_every_cut(void **state)
{
	static const char text[] = "## H\n\n> quote\n>> deep\n\n1. a\n2. **b\n\n```c\nx\n```\n| a | b |\n|-|-|\n| 日 | `c` |\n\n<b>html</b> ![i](u) [l](m)\n\xff\xfe";
	rich r = { 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		for (int width = 1; width < 60; width += 7) {
			rich_begin(&r, width);
			markdown_put(&r, text, n, 2);
			assert_false(r.oom);
		}
	rich_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wraps_at_blanks),
		cmocka_unit_test(test_wraps_what_has_no_blanks),
		cmocka_unit_test(test_shows_controls),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_markdown_at_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

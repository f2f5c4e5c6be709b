#include "tests/support.h"

#include <math.h>

#include "app/progress_show.h"
#include "app/show.h"
#include "base/columns.h"
#include "base/number.h"

static void text_is(str *s, const char *want)
{
	assert_string_equal(str_text(s), want);
	str_free(s);
}

static void numbers_are_for_people(void **state)
{
	static const struct {
		int64_t n;
		const char *bytes, *count;
	} all[] = {
		{ 0, "0 bytes", "0" },
		{ 999, "999 bytes", "999" },
		{ 1024, "1.0 KiB", "1,024" },
		{ 98362432, "93.8 MiB", "98,362,432" },
		{ -1234567, "-1234567 bytes", "-1,234,567" },
		{ INT64_C(1) << 40, "1.0 TiB", "1,099,511,627,776" },
		{ (1 << 20) - 1, "1.0 MiB", "1,048,575" },
	};
	static const struct {
		double s;
		const char *text;
	} times[] = {
		{ 0.04, "0.0 s" }, { 9.94, "9.9 s" }, { 9.96, "10 s" }, { 59.4, "59 s" }, { 59.6, "1 min 0 s" },
		{ 200, "3 min 20 s" }, { 7500, "2 h 5 min" }, { NAN, "0.0 s" }, { -1, "0.0 s" },
	};
	str s = STR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		number_put_bytes(&s, all[i].n);
		text_is(&s, all[i].bytes);
		number_put_count(&s, all[i].n);
		text_is(&s, all[i].count);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		number_put_seconds(&s, times[i].s);
		text_is(&s, times[i].text);
	}
}

static void columns_know_wide_and_combining_characters(void **state)
{
	str s = STR_INIT;

	(void)state;
	assert_int_equal(columns_text("abc", 3), 3);
	assert_int_equal(columns_text("e\xcc\x81", 3), 1);
	assert_int_equal(columns_text("\xe4\xb8\xad\xe6\x96\x87", 6), 4);
	assert_int_equal(columns_text("\xff", 1), 1);
	show_put_cut(&s, "abcdefgh", 8);
	text_is(&s, "abcdefgh");
	show_put_cut(&s, "abcdefghi", 8);
	text_is(&s, "abcde...");
	/* A wide character is never cut in two. */
	show_put_cut(&s, "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87", 6);
	text_is(&s, "\xe4\xb8\xad...");
}

static void paragraphs_wrap_and_code_keeps_its_lines(void **state)
{
	str s = STR_INIT;

	(void)state;
	show_put_wrapped(&s, "one  two\nthree four five", 2, 12, 0);
	text_is(&s, "  one two\n  three four\n  five\n");
	show_put_wrapped(&s, "one two three four five", 2, 12, 2);
	text_is(&s, "  one two\n  three four ...\n");
	show_put_wrapped(&s, " \n", 2, 12, 0);
	text_is(&s, "");
	show_put_lines(&s, "int f(void)\n{\n\treturn 1;\n}", 2, 40, 3);
	text_is(&s, "  int f(void)\n  {\n      return 1;\n  ...\n");
}

static void what_comes_from_elsewhere_cannot_steer_the_terminal(void **state)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	show_line(f, "a\033[2Jb%s", "\xc2\x9b" "c\xff");
	fclose(f);
	assert_string_equal(text, "a^[[2Jb<U+009B>c\xef\xbf\xbd\n");
	free(text);
}

static void tables_align(void **state)
{
	table t = { .head = { "n", "name", "size" }, .columns = 3, .right = { true, false, true } };
	char *text = NULL;
	size_t n;
	FILE *f = tmpfile();

	(void)state;
	table_put(&t, "%d", 1);
	table_put(&t, "a\nb\033");
	table_put(&t, "10");
	table_put(&t, "12");
	table_put(&t, "\xe4\xb8\xad");
	table_put(&t, "7");
	table_show(&t, f);
	table_free(&t);
	rewind(f);
	text = calloc(1, 400);
	n = fread(text, 1, 399, f);
	assert_true(n > 0);
	fclose(f);
	assert_string_equal(text, " n  name   size\n 1  a b^[    10\n12  \xe4\xb8\xad        7\n");
	free(text);
}

static void progress_is_one_line(void **state)
{
	progress_show p = { .stage = "reading", .unit = "tokens", .began = 10, .base = 1000, .done = 3000, .total = 7000 };
	str s = STR_INIT;

	(void)state;
	progress_show_put(&s, &p, 20, 0);
	text_is(&s, "reading       43 %  3,000 of 7,000 tokens  200 tokens/s  20 s left");
	progress_show_put(&s, &p, 10.1, 10); /* too early for a rate */
	text_is(&s, "reading      [####......]   43 %  3,000 of 7,000 tokens");
	p.done = 7000;
	progress_show_put(&s, &p, 70, 0);
	text_is(&s, "reading      100 %  7,000 of 7,000 tokens  100 tokens/s  1 min 0 s");
	p.done = p.base; /* nothing yet, however long it takes */
	progress_show_put(&s, &p, 70, 0);
	text_is(&s, "reading       14 %  1,000 of 7,000 tokens");
	p.total = 0;
	progress_show_put(&s, &p, 70, 0);
	text_is(&s, "reading    ");
}

static void quiet_progress_says_nothing(void **state)
{
	progress_event e = { "reading", "tokens", 1, 2, 0 };
	progress_show p;
	FILE *f = tmpfile();

	(void)state;
	progress_show_init(&p, f, true);
	progress_show_report(&p, &e);
	progress_show_end(&p);
	assert_int_equal(ftell(f), 0);
	fclose(f);
}

static void sections_share_one_rate(void **state)
{
	static const progress_event all[] = {
		{ "reading", "tokens", 10, 100, 10 }, { "reading", "tokens", 50, 100, 10 },
		{ "clustering", "layers", 1, 4, 0 }, { "reading", "tokens", 60, 100, 10 },
	};
	progress_show p;
	FILE *f = tmpfile();

	(void)state;
	progress_show_init(&p, f, false);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		progress_show_report(&p, &all[i]);
	assert_string_equal(p.stage, "reading");
	assert_int_equal(p.base, 10);
	assert_int_equal(p.done, 60);
	progress_show_end(&p);
	assert_null(p.stage);
	/* Other work begins anew. */
	progress_show_report(&p, &all[3]);
	assert_int_equal(p.base, 60);
	progress_show_end(&p);
	assert_int_equal(ftell(f), 0); /* all of it was over at once */
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_for_people),
		cmocka_unit_test(columns_know_wide_and_combining_characters),
		cmocka_unit_test(paragraphs_wrap_and_code_keeps_its_lines),
		cmocka_unit_test(what_comes_from_elsewhere_cannot_steer_the_terminal),
		cmocka_unit_test(tables_align),
		cmocka_unit_test(progress_is_one_line),
		cmocka_unit_test(quiet_progress_says_nothing),
		cmocka_unit_test(sections_share_one_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support.h"

#include <unistd.h>

#include "app/assets.h"
#include "app/config.h"
#include "base/file.h"
#include "base/path.h"

static error err;
static char folder[80], file[160];

static int begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s", test_folder());
	snprintf(file, sizeof(file), "%s/sub/config.ini", folder);
	setenv("FOLIO_CONFIG", file, 1);
	for (int i = 0; config_key(i); i++) {
		char name[80];
		snprintf(name, sizeof(name), "FOLIO_%s", config_key(i));
		for (char *p = name; *p; p++)
			*p = *p == '-' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p;
		unsetenv(name);
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	test_remove(folder);
	return 0;
}

static void put_file(const char *text)
{
	char dir[160];

	snprintf(dir, sizeof(dir), "%s/sub", folder);
	OK(path_make_dirs(dir, &err));
	OK(file_write(file, text, strlen(text), &err));
}

static void file_is(const char *text)
{
	str got = STR_INIT;

	OK(file_read(&got, file, 0, &err));
	assert_string_equal(str_text(&got), text);
	str_free(&got);
}

static void value_is(const config *c, const char *key, const char *value)
{
	str got = STR_INIT;

	OK(config_value(&got, c, key, &err));
	assert_string_equal(str_text(&got), value);
	str_free(&got);
}

static void without_a_file_the_defaults_hold(void **state)
{
	config c;

	(void)state;
	OK(config_load(&c, &err));
	assert_string_equal(c.model, "");
	assert_true(c.budget > 0.32 && c.budget < 0.33);
	assert_int_equal(c.calib, CALIBRATION_ERROR);
	assert_true(c.sampler.temperature == 0);
	assert_int_equal(c.notes.len, 0);
	config_free(&c);
}

static void the_file_goes_before_the_defaults_and_variables_before_it(void **state)
{
	config c;

	(void)state;
	put_file("# mine\nbudget = 1/8 ; small\ntop_k = 5\nmodel = some model\n");
	OK(config_load(&c, &err));
	assert_true(c.budget == 0.125);
	assert_int_equal(c.sampler.top_k, 5);
	assert_string_equal(c.model, "some model");
	config_free(&c);
	setenv("FOLIO_BUDGET", "50%", 1);
	setenv("FOLIO_TOP_K", "7", 1);
	OK(config_load(&c, &err));
	assert_true(c.budget == 0.5);
	assert_int_equal(c.sampler.top_k, 7);
	config_free(&c);
}

static void unknown_keys_are_named_and_passed_over(void **state)
{
	config c;

	(void)state;
	put_file("bugdet = 1\nsources = 9\n[colours]\nred = 1\n");
	OK(config_load(&c, &err));
	assert_int_equal(c.sources, 9);
	assert_non_null(strstr(c.notes.data, "bugdet"));
	assert_non_null(strstr(c.notes.data, "red"));
	config_free(&c);
}

static void bad_files_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "budget = 2\n", "budget" },
		{ "threads = many\n", "threads" },
		{ "just words\n", "line 1" },
		{ "budget = nan\n", "budget" },
		{ "# fine\ntop-p = inf\n", "top-p" },
	};
	char wide[400];
	config c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_file(bad[i].text);
		assert_int_not_equal(config_load(&c, &err), 0);
		assert_non_null(strstr(err.msg, bad[i].says));
		assert_non_null(strstr(err.msg, "config.ini"));
	}
	memset(wide, 'x', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	put_file(wide);
	assert_int_equal(config_load(&c, &err), ERR_FORMAT);
	setenv("FOLIO_SEED", "-1", 1);
	put_file("");
	assert_int_equal(config_load(&c, &err), ERR_ARG);
	assert_non_null(strstr(err.msg, "FOLIO_SEED"));
}

static void values_are_checked(void **state)
{
	static const struct {
		const char *key, *good, *means, *bad;
	} all[] = {
		{ "budget", "1/3.1", "0.322581", "0" },
		{ "budget", "12.5%", "0.125", "1/0" },
		{ "budget", "1", "1", "1.01" },
		{ "budget", "1/32", "0.03125", "1/" },
		{ "disk-budget", "20G", "20G", "-1" },
		{ "disk-budget", "1.5 GiB", "1536M", "20X" },
		{ "disk-budget", "1023", "1023", "9999999999T" },
		{ "threads", "0", "0", "1.5" },
		{ "threads", "1024", "1024", "1025" },
		{ "style", "free", "free", "verse" },
		{ "calibration", "threshold", "threshold", "errors" },
		{ "seed", "18446744073709551615", "18446744073709551615", "18446744073709551616" },
		{ "temperature", "0.7", "0.7", "-0.1" },
		{ "log", "debug", "debug", "loud" },
		{ "answer-tokens", "16", "16", "0" },
		{ "answer-tokens", "16", "16", " 16" },
		{ "answer-tokens", "16", "16", "" },
	};
	config c;

	(void)state;
	OK(config_defaults(&c, &err));
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		OK(config_set(&c, all[i].key, all[i].good, &err));
		value_is(&c, all[i].key, all[i].means);
		assert_int_equal(config_set(&c, all[i].key, all[i].bad, &err), ERR_ARG);
		value_is(&c, all[i].key, all[i].means);
	}
	assert_int_equal(config_set(&c, "no-such", "1", &err), ERR_ARG);
	assert_int_equal(config_print(&c.notes, &c, "no-such", &err), ERR_ARG);
	config_free(&c);
}

static void what_is_printed_can_be_read_back(void **state)
{
	config c;
	str text = STR_INIT, again = STR_INIT;

	(void)state;
	OK(config_defaults(&c, &err));
	OK(config_set(&c, "model", "a model", &err));
	OK(config_set(&c, "disk-budget", "3G", &err));
	OK(config_print(&text, &c, NULL, &err));
	config_free(&c);
	put_file(text.data);
	OK(config_load(&c, &err));
	OK(config_print(&again, &c, NULL, &err));
	assert_string_equal(again.data, text.data);
	config_free(&c);
	str_free(&text);
	str_free(&again);
}

static void saving_keeps_all_other_lines(void **state)
{
	(void)state;
	put_file("# top\n  budget=1 ; why\n\n;sources = 3\n# tail");
	OK(config_save("budget", "1/8", &err));
	file_is("# top\nbudget = 1/8 ; why\n\n;sources = 3\n# tail");
	OK(config_save("sources", "5", &err));
	file_is("# top\nbudget = 1/8 ; why\n\n;sources = 3\nsources = 5\n# tail");
	OK(config_save("threads", "2", &err));
	file_is("# top\nbudget = 1/8 ; why\n\n;sources = 3\nsources = 5\n# tail\nthreads = 2\n");
	OK(config_save("model", "", &err));
	file_is("# top\nbudget = 1/8 ; why\n\n;sources = 3\nsources = 5\n# tail\nthreads = 2\nmodel = \n");
	put_file("seed = 1\n[mine]\nseed = 3\n");
	OK(config_save("seed", "2", &err));
	file_is("seed = 2\n[mine]\nseed = 3\n");
	OK(config_save("top-k", "2", &err));
	file_is("seed = 2\ntop-k = 2\n[mine]\nseed = 3\n");
}

static void a_new_file_begins_as_the_example(void **state)
{
	config c;
	str text = STR_INIT;

	(void)state;
	OK(config_save("budget", "0.5", &err));
	OK(file_read(&text, file, 0, &err));
	assert_non_null(strstr(text.data, "\n;budget = 0.325\nbudget = 0.5\n"));
	OK(config_load(&c, &err));
	assert_true(c.budget == 0.5);
	assert_int_equal(c.notes.len, 0);
	config_free(&c);
	str_free(&text);
}

static void what_would_be_read_back_otherwise_is_not_saved(void **state)
{
	char wide[300];

	(void)state;
	memset(wide, 'x', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	put_file("seed = 1\n");
	assert_int_equal(config_save("budget", "3", &err), ERR_ARG);
	assert_int_equal(config_save("model", "a ; b", &err), ERR_ARG);
	assert_int_equal(config_save("model", "a\nseed = 4", &err), ERR_ARG);
	assert_int_equal(config_save("model", " a", &err), ERR_ARG);
	assert_int_equal(config_save("model", wide, &err), ERR_ARG);
	assert_int_equal(config_save("none", "a", &err), ERR_ARG);
	file_is("seed = 1\n");
}

/* assets/config.ini with its examples taken in earnest says what holds anyway. */
static void the_example_shows_the_defaults(void **state)
{
	const asset *a = asset_find("config.ini");
	config c, d;
	str text = STR_INIT, built_in = STR_INIT, example = STR_INIT;

	(void)state;
	assert_non_null(a);
	for (size_t i = 0; i < a->len; i++)
		if (a->bytes[i] != ';' || (i && a->bytes[i - 1] != '\n'))
			str_putc(&text, a->bytes[i]);
	put_file(str_text(&text));
	OK(config_load(&c, &err));
	OK(config_defaults(&d, &err));
	OK(config_print(&example, &c, NULL, &err));
	OK(config_print(&built_in, &d, NULL, &err));
	assert_string_equal(example.data, built_in.data);
	assert_int_equal(c.notes.len, 0);
	for (int i = 0; config_key(i); i++) {
		char line[80];
		snprintf(line, sizeof(line), "\n;%s =", config_key(i));
		if (!strstr(a->bytes, line))
			fail_msg("assets/config.ini does not show '%s'", config_key(i));
	}
	config_free(&c);
	config_free(&d);
	str_free(&text);
	str_free(&built_in);
	str_free(&example);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_file_the_defaults_hold),
		TEST(the_file_goes_before_the_defaults_and_variables_before_it),
		TEST(unknown_keys_are_named_and_passed_over),
		TEST(bad_files_are_refused_with_a_reason),
		TEST(values_are_checked),
		TEST(what_is_printed_can_be_read_back),
		TEST(saving_keeps_all_other_lines),
		TEST(a_new_file_begins_as_the_example),
		TEST(what_would_be_read_back_otherwise_is_not_saved),
		TEST(the_example_shows_the_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

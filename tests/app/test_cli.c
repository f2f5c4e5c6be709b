#include "tests/support.h"

#include "app/cli.h"
#include "base/file.h"

static error err;
static cli c;

/* Parse the words, up to NULL, behind "folio". */
static int parse(const char *word, ...)
{
	char *argv[16] = { (char *)(uintptr_t)"folio" };
	int argc = 1;
	va_list ap;

	va_start(ap, word);
	for (const char *w = word; w; w = va_arg(ap, const char *))
		argv[argc++] = (char *)(uintptr_t)w;
	va_end(ap);
	cli_free(&c);
	return cli_parse(&c, argc, argv, &err);
}

static void usage_says(const char *says, int status)
{
	assert_int_equal(status, ERR_ARG);
	if (!strstr(err.msg, says))
		fail_msg("'%s' does not say '%s'", err.msg, says);
}

static int end(void **state)
{
	(void)state;
	cli_free(&c);
	return 0;
}

static void options_and_words_may_mix(void **state)
{
	(void)state;
	OK(parse("ask", "--budget=1/8", "doc", "-qm", "some", "what is it?", "--style", "free", "-y", NULL));
	assert_string_equal(c.command->name, "ask");
	assert_int_equal(c.args, 2);
	assert_string_equal(c.arg[0], "doc");
	assert_string_equal(c.arg[1], "what is it?");
	assert_null(c.arg[2]);
	assert_string_equal(c.value[OPT_BUDGET], "1/8");
	assert_string_equal(c.value[OPT_MODEL], "some");
	assert_string_equal(c.value[OPT_STYLE], "free");
	assert_true(cli_has(&c, OPT_QUIET) && cli_has(&c, OPT_YES));
	assert_false(cli_has(&c, OPT_JSON));
	OK(parse("--json", "list", NULL));
	assert_string_equal(c.command->name, "list");
	OK(parse("ask", "a", "b", "--seed=", NULL));
	assert_string_equal(c.value[OPT_SEED], "");
}

static void the_last_of_two_counts_and_prefixes_do(void **state)
{
	(void)state;
	OK(parse("ask", "a", "b", "--budget", "1", "--budg=0.5", NULL));
	assert_string_equal(c.value[OPT_BUDGET], "0.5");
	usage_says("more than one", parse("ask", "a", "b", "--top=4", NULL));
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	OK(parse("ask", "doc", "--", "--budget?", NULL));
	assert_string_equal(c.arg[1], "--budget?");
	/* What stands behind them is never a command. */
	OK(parse("--", "list", NULL));
	assert_string_equal(c.command->name, "open");
	assert_string_equal(c.arg[0], "list");
	OK(parse("add", "-", NULL));
	assert_string_equal(c.arg[0], "-");
}

static void commands_of_two_words(void **state)
{
	(void)state;
	OK(parse("model", "add", "x.gguf", NULL));
	assert_string_equal(c.command->name, "model add");
	assert_int_equal(c.args, 1);
	OK(parse("config", NULL));
	assert_string_equal(c.command->name, "config");
	OK(parse("config", "set", "budget", "1", NULL));
	assert_string_equal(c.command->name, "config set");
	OK(parse("model", "-q", "get", NULL));
	assert_string_equal(c.command->name, "model get");
	assert_int_equal(c.args, 0);
	assert_null(c.arg[0]);
	OK(parse("help", "model", "add", NULL));
	assert_string_equal(c.command->name, "help");
	assert_int_equal(c.args, 2);
	usage_says("too many", parse("config", "get", "a", "b", NULL));
}

static void a_document_needs_no_command(void **state)
{
	(void)state;
	OK(parse(FOLIO_SOURCE_DIR "/CMakeLists.txt", "-q", NULL));
	assert_string_equal(c.command->name, "open");
	assert_int_equal(c.args, 1);
	OK(parse(NULL, NULL));
	assert_string_equal(c.command->name, "open");
	assert_int_equal(c.args, 0);
	OK(parse("-", NULL));
	assert_string_equal(c.command->name, "open");
}

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	usage_says("did you mean `folio list`", parse("lits", NULL));
	usage_says("did you mean --budget", parse("ask", "a", "b", "--bugdet=1", NULL));
	usage_says("no option --frobnicate", parse("list", "--frobnicate", NULL));
	usage_says("no option -Z", parse("list", "-Z", NULL));
	usage_says("no option -Z", parse("list", "-qZq", NULL));
	usage_says("has no option --budget", parse("list", "--budget", "1", NULL));
	usage_says("needs a value", parse("ask", "a", "b", "--budget", NULL));
	usage_says("needs a value", parse("ask", "a", "b", "-m", NULL));
	usage_says("takes no value", parse("list", "--json=1", NULL));
	usage_says("folio ask DOC QUESTION", parse("ask", "a", NULL));
	usage_says("in quotes", parse("ask", "a", "what", "is", "it", NULL));
	usage_says("missing", parse("add", NULL));
	usage_says("--", parse("ask", "a", "b", "--=", NULL));
}

static void help_asks_for_nothing_else(void **state)
{
	(void)state;
	OK(parse("ask", "--help", NULL));
	assert_string_equal(c.command->name, "ask");
	OK(parse("--help", NULL));
	assert_null(c.command);
	OK(parse("--version", NULL));
	OK(parse("model", "--help", NULL));
	assert_string_equal(c.command->name, "model");
}

static void a_number_may_follow_an_optional_value(void **state)
{
	(void)state;
	OK(parse("show", "doc", "--conversation", "12", NULL));
	assert_string_equal(c.value[OPT_CONVERSATION], "12");
	assert_int_equal(c.args, 1);
	OK(parse("show", "--conversation", "doc", NULL));
	assert_string_equal(c.value[OPT_CONVERSATION], "");
	assert_string_equal(c.arg[0], "doc");
	OK(parse("show", "--conversation=3", "doc", NULL));
	assert_string_equal(c.value[OPT_CONVERSATION], "3");
}

static void each_failure_has_its_exit_code(void **state)
{
	(void)state;
	assert_int_equal(cli_exit_code(0), 0);
	assert_int_equal(cli_exit_code(ERR_IO), 1);
	assert_int_equal(cli_exit_code(ERR_FORMAT), 1);
	assert_int_equal(cli_exit_code(ERR_ARG), 2);
	assert_int_equal(cli_exit_code(ERR_NOTFOUND), 3);
	assert_int_equal(cli_exit_code(ERR_BUSY), 4);
	assert_int_equal(cli_exit_code(ERR_FULL), 5);
	assert_int_equal(cli_exit_code(ERR_CANCEL), 130);
}

/* The tables agree with each other, with the settings and with the man page. */
static void the_tables_are_whole(void **state)
{
	str man = STR_INIT;
	config cfg;

	(void)state;
	assert_true(OPT_END <= 64);
	OK(config_defaults(&cfg, &err));
	OK(file_read(&man, FOLIO_SOURCE_DIR "/assets/folio.1", 0, &err));
	for (int i = 0; i < OPT_END; i++) {
		char want[80] = "\\-\\-";
		for (const char *p = cli_options[i].name; *p; p++)
			strcat(want, *p == '-' ? "\\-" : (char[2]){ *p, '\0' });
		if (!strstr(man.data, want))
			fail_msg("assets/folio.1 does not tell of --%s", cli_options[i].name);
		for (int k = 0; k < i; k++)
			assert_true(!cli_options[i].letter || cli_options[i].letter != cli_options[k].letter);
		if (cli_options[i].key)
			assert_non_null(strstr(config_help(cli_options[i].key), " "));
	}
	for (const cli_command *k = cli_commands; k->name; k++) {
		assert_non_null(k->run);
		if (!strstr(man.data, k->name))
			fail_msg("assets/folio.1 does not tell of %s", k->name);
		assert_true(cli_find(k->name) == k);
	}
	config_free(&cfg);
	str_free(&man);
}

static void every_command_has_help(void **state)
{
	char *text = NULL;
	size_t n = 0;

	(void)state;
	for (const cli_command *k = cli_commands; k->name; k++) {
		FILE *f = open_memstream(&text, &n);
		assert_non_null(f);
		cli_help(f, k);
		fclose(f);
		assert_non_null(strstr(text, k->help));
		assert_non_null(strstr(text, "--help"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_words_may_mix),
		cmocka_unit_test(the_last_of_two_counts_and_prefixes_do),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(commands_of_two_words),
		cmocka_unit_test(a_document_needs_no_command),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(help_asks_for_nothing_else),
		cmocka_unit_test(a_number_may_follow_an_optional_value),
		cmocka_unit_test(each_failure_has_its_exit_code),
		cmocka_unit_test(the_tables_are_whole),
		cmocka_unit_test(every_command_has_help),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}

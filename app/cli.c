#include "app/cli.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cmd.h"
#include "app/show.h"
#include "base/log.h"
#include "base/mem.h"

const cli_option cli_options[OPT_END] = {
#define X(id, name, letter, value, key, help) { name, letter, value, key, help },
	CLI_OPTIONS(X)
#undef X
};

/* ---- finding what was meant ---- */

const cli_command *cli_find(const char *name)
{
	for (const cli_command *k = cli_commands; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

/* Edits that turn a into b (Wagner and Fischer 1974); words longer than the row
 * count as far apart. */
static int distance(const char *a, const char *b)
{
	enum { ROW = 32 };
	int row[ROW + 1], n = (int)strlen(b);

	if (n > ROW || strlen(a) > ROW)
		return ROW;
	for (int j = 0; j <= n; j++)
		row[j] = j;
	for (int i = 0; a[i]; i++) {
		int corner = row[0];
		row[0] = i + 1;
		for (int j = 0; j < n; j++) {
			int change = corner + (a[i] != b[j]);
			corner = row[j + 1];
			int shift = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
			row[j + 1] = change < shift ? change : shift;
		}
	}
	return row[n];
}

static const char *nearest_option(const char *word)
{
	const char *best = NULL;
	int least = 3;

	for (int i = 0; i < OPT_END; i++) {
		int d = distance(word, cli_options[i].name);
		if (d < least) {
			least = d;
			best = cli_options[i].name;
		}
	}
	return best;
}

static const char *nearest_command(const char *word)
{
	const char *best = NULL;
	int least = 3;

	for (const cli_command *k = cli_commands; k->name; k++) {
		int d = distance(word, k->name);
		if (d < least) {
			least = d;
			best = k->name;
		}
	}
	return best;
}

/* ---- parsing ---- */

enum { LONG = 256 }; /* getopt_long's value of a long option: LONG + id */

static void getopt_tables(struct option longs[OPT_END + 1], char letters[2 + 2 * OPT_END + 1])
{
	char *p = letters;

	*p++ = '-'; /* words that are no options come in their place */
	*p++ = ':'; /* messages are ours */
	for (int i = 0; i < OPT_END; i++) {
		const cli_option *o = &cli_options[i];
		int takes = !o->value ? no_argument : *o->value == '[' ? optional_argument : required_argument;
		longs[i] = (struct option){ o->name, takes, NULL, LONG + i };
		if (o->letter) {
			*p++ = o->letter;
			if (takes == required_argument)
				*p++ = ':';
		}
	}
	longs[OPT_END] = (struct option){ 0 };
	*p = '\0';
}

static int option_of(int value)
{
	if (value >= LONG)
		return value - LONG;
	for (int i = 0; i < OPT_END; i++)
		if (cli_options[i].letter && cli_options[i].letter == value)
			return i;
	return -1;
}

static int unknown_letter(int letter, error *err)
{
	return error_set(err, ERR_ARG, "there is no option -%c; `folio help` lists them (a word that begins with '-' goes "
	                 "after '--')", letter);
}

/* word: as it stands in argv, "--bugdet=1". */
static int unknown_option(const char *word, error *err)
{
	char name[64];
	int n = snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "=") % 64, word + 2);
	int begins = 0;
	for (int i = 0; i < OPT_END; i++) {
		begins += n > 0 && strncmp(cli_options[i].name, name, (size_t)n) == 0;
		if (strcmp(cli_options[i].name, name) == 0)
			return error_set(err, ERR_ARG, "--%s takes no value", name);
	}
	if (begins > 1)
		return error_set(err, ERR_ARG, "--%s could be more than one option: type more of it", name);
	const char *meant = nearest_option(name);
	return error_set(err, ERR_ARG, "there is no option --%s%s%s%s", name, meant ? ": did you mean --" : "; `folio help` lists them",
	                 meant ? meant : "", meant ? "?" : "");
}

static int missing_value(int value, error *err)
{
	const cli_option *o = &cli_options[option_of(value)];

	return error_set(err, ERR_ARG, "--%s needs a value: --%s %s", o->name, o->name, o->value);
}

static void take_option(cli *c, int id, int argc, char **argv)
{
	const char *value = optarg;

	/* A value that may be left out is a number where it is given as the next word. */
	if (!value && cli_options[id].value && optind < argc && argv[optind][0] &&
	    !argv[optind][strspn(argv[optind], "0123456789")])
		value = argv[optind++];
	c->value[id] = value ? value : "";
}

static int check_options(const cli *c, error *err)
{
	for (int i = 0; i < OPT_END; i++)
		if (c->value[i] && i != OPT_HELP && !(c->command->options >> i & 1))
			return error_set(err, ERR_ARG, "`folio %s` has no option --%s: see `folio %s --help`", c->command->name,
			                 cli_options[i].name, c->command->name);
	return 0;
}

static int check_count(const cli *c, error *err)
{
	const cli_command *k = c->command;

	if (c->args >= k->least && (k->most < 0 || c->args <= k->most))
		return 0;
	return error_set(err, ERR_ARG, "%s: usage: folio %s%s%s", c->args < k->least ? "something is missing" :
	                 "that is one word too many (a question goes in quotes)", k->name, *k->args ? " " : "", k->args);
}

/* The command that the first words name; those words are dropped. plain: how many of
 * the words stood before "--" and may name one. */
static const cli_command *take_command(cli *c, int plain)
{
	str two = STR_INIT;
	const cli_command *found = NULL;
	int words = 0;

	if (plain >= 2) {
		str_putf(&two, "%s %s", c->arg[0], c->arg[1]);
		found = two.oom ? NULL : cli_find(two.data);
		words = found ? 2 : 0;
	}
	if (!found && plain >= 1 && (found = cli_find(c->arg[0])))
		words = 1;
	memmove(c->arg, c->arg + words, (size_t)(c->args - words + 1) * sizeof(*c->arg));
	c->args -= words;
	str_free(&two);
	return found;
}

/* "open" stands for a document without a command, and "help" for nothing at all. */
static int settle_command(cli *c, int plain, error *err)
{
	const char *word = c->args ? c->arg[0] : NULL;

	c->command = take_command(c, plain);
	if (c->command)
		return 0;
	c->command = cli_find("open");
	if (!word || access(word, F_OK) == 0 || strcmp(word, "-") == 0 || plain == 0)
		return 0;
	const char *meant = nearest_command(word);
	if (meant || c->args > 1)
		return error_set(err, ERR_ARG, "there is no command or file '%s'%s%s%s", word, meant ? ": did you mean `folio " :
		                 "; `folio help` lists the commands", meant ? meant : "", meant ? "`?" : "");
	return 0;
}

static int parse_words(cli *c, int *plain, int argc, char **argv, error *err)
{
	struct option longs[OPT_END + 1];
	char letters[2 + 2 * OPT_END + 1];

	getopt_tables(longs, letters);
	optind = 0; /* begin anew, also in a process that has parsed before */
	for (int v; (v = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
		if (v == '?')
			return optopt && optopt < LONG ? unknown_letter(optopt, err) : unknown_option(argv[optind - 1], err);
		if (v == ':')
			return missing_value(optopt, err);
		if (v == 1)
			c->arg[c->args++] = optarg;
		else
			take_option(c, option_of(v), argc, argv);
	}
	*plain = c->args;
	while (optind < argc)
		c->arg[c->args++] = argv[optind++];
	return 0;
}

int cli_parse(cli *c, int argc, char **argv, error *err)
{
	int plain, status;

	*c = (cli){ 0 };
	if (!(c->arg = mem_zeroed((size_t)argc + 1, sizeof(*c->arg))))
		return error_nomem(err, "the command line");
	if ((status = parse_words(c, &plain, argc, argv, err)))
		return status;
	if (cli_has(c, OPT_VERSION) || (cli_has(c, OPT_HELP) && c->args == 0))
		return 0;
	if ((status = settle_command(c, plain, err)) || cli_has(c, OPT_HELP))
		return status;
	if ((status = check_options(c, err)))
		return status;
	return check_count(c, err);
}

void cli_free(cli *c)
{
	folio_close(c->f);
	free(c->arg);
	c->f = NULL;
	c->arg = NULL;
}

int cli_open(cli *c, error *err)
{
	int status = c->f ? 0 : folio_open(&c->f, err);

	for (int i = 0; i < OPT_END && !status; i++)
		if (cli_options[i].key && cli_has(c, (cli_option_id)i))
			status = config_set(&c->f->cfg, cli_options[i].key, c->value[i], err);
	if (!status && c->f->cfg.notes.len && !cli_has(c, OPT_QUIET)) {
		show_text(stderr, c->f->cfg.notes.data, c->f->cfg.notes.len);
		str_clear(&c->f->cfg.notes);
	}
	return status;
}

/* ---- help ---- */

/* Left column and what it means; on a line of its own when it is too long for that. */
static void help_pair(FILE *to, const char *left, const char *help)
{
	enum { LEFT = 26 };

	if (strlen(left) > LEFT)
		fprintf(to, "  %s\n  %-*s %s\n", left, LEFT, "", help);
	else
		fprintf(to, "  %-*s %s\n", LEFT, left, help);
}

static void help_option(FILE *to, const cli_option *o)
{
	str left = STR_INIT;

	if (o->letter)
		str_putf(&left, "-%c, ", o->letter);
	else
		str_puts(&left, "    ");
	str_putf(&left, "--%s", o->name);
	if (o->value)
		str_putf(&left, *o->value == '[' ? "%s" : " %s", o->value);
	help_pair(to, str_text(&left), o->help);
	str_free(&left);
}

static void help_command(FILE *to, const cli_command *k)
{
	fprintf(to, "usage: folio %s%s%s%s\n\n%s.\n", k->name, k->options ? " [OPTION...]" : "", *k->args ? " " : "", k->args,
	        k->help);
	if (*k->more)
		fprintf(to, "\n%s\n", k->more);
	fputs("\noptions:\n", to);
	for (int i = 0; i < OPT_END; i++)
		if (k->options >> i & 1)
			help_option(to, &cli_options[i]);
	help_option(to, &cli_options[OPT_HELP]);
}

static void help_folio(FILE *to)
{
	fputs("usage: folio [DOCUMENT]\n"
	      "       folio COMMAND [OPTION...] [ARGUMENT...]\n\n"
	      "Ask questions of long documents on your own machine: a document is read once, then\n"
	      "every question is answered from what was stored.\n\ncommands:\n", to);
	for (const cli_command *k = cli_commands; k->name; k++) {
		str left = STR_INIT;
		str_putf(&left, "%s%s%s", k->name, *k->args ? " " : "", k->args);
		help_pair(to, str_text(&left), k->help);
		str_free(&left);
	}
	fputs("\nDOC is a path, a name, an id, or the beginning of a name. `folio COMMAND --help` tells\n"
	      "more about a command. Options may stand anywhere; a word that begins with '-' and is\n"
	      "no option goes after '--'.\n\n"
	      "exit codes: 0 fine, 1 failed, 2 wrong usage, 3 not found, 4 another folio is at it,\n"
	      "5 disk or disk budget full, 6 verify found damage, 130 stopped.\n", to);
}

void cli_help(FILE *to, const cli_command *command)
{
	if (command)
		help_command(to, command);
	else
		help_folio(to);
}

/* ---- the program ---- */

int cli_exit_code(int status)
{
	switch (status) {
	case 0: return EXIT_FINE;
	case ERR_ARG: return EXIT_USAGE;
	case ERR_NOTFOUND: return EXIT_MISSING;
	case ERR_BUSY: return EXIT_BUSY;
	case ERR_FULL: return EXIT_FULL;
	case ERR_CANCEL: return EXIT_STOPPED;
	default: return EXIT_FAILED;
	}
}

static const char *error_name(int code)
{
	static const char *const name[] = { "", "io", "format", "nomem", "gpu", "cancel", "arg", "notfound", "unsupported",
	                                    "numeric", "busy", "full" };

	return code < 0 && code >= ERR_FULL ? name[-code] : "failed";
}

static void complain(const cli *c, bool json, const error *err)
{
	if (json) {
		cmd_json(json_pack("{s:{s:s, s:o}}", "error", "code", error_name(err->code), "message", cmd_text(err->msg)), NULL);
		return;
	}
	show_line(stderr, "folio: %s", err->msg);
	if (err->code == ERR_ARG && c->command)
		fprintf(stderr, "See `folio %s --help`.\n", c->command->name);
}

static int run(cli *c, error *err)
{
	if (cli_has(c, OPT_VERSION)) {
		puts("folio " FOLIO_VERSION);
		return 0;
	}
	if (cli_has(c, OPT_HELP)) {
		cli_help(stdout, c->command);
		return 0;
	}
	return c->command->run(c, err);
}

/* A parse that failed may not have come to --json yet. */
static bool wants_json(const cli *c, int argc, char **argv)
{
	bool json = cli_has(c, OPT_JSON);

	for (int i = 1; i < argc && !json && strcmp(argv[i], "--"); i++)
		json = strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-j") == 0;
	return json;
}

int cli_main(int argc, char **argv, cancel *stop)
{
	cli c;
	error err = { 0 };
	int status;

	status = cli_parse(&c, argc, argv, &err);
	progress_show_init(&c.bar, stderr, cli_has(&c, OPT_QUIET));
	c.p = (progress){ progress_show_report, &c.bar, stop };
	if (!status)
		status = run(&c, &err);
	progress_show_end(&c.bar);
	if (status)
		complain(&c, wants_json(&c, argc, argv), &err);
	else if (fflush(stdout) || ferror(stdout))
		status = ERR_IO, fputs("folio: the output could not be written\n", stderr);
	int code = status ? cli_exit_code(status) : c.exit_code;
	cli_free(&c);
	return code;
}

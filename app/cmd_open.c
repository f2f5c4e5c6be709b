#include "app/cmd.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/assets.h"
#include "app/show.h"
#include "app/tui.h"
#include "base/file.h"
#include "base/path.h"

/* ---- the interface ---- */

static bool can_draw(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb");
}

/* Its threads read the settings themselves: options reach them as variables. */
static void pass_options(const cli *c)
{
	for (int i = 0; i < OPT_END; i++) {
		char name[64];
		if (!cli_options[i].key || !cli_has(c, (cli_option_id)i))
			continue;
		size_t n = (size_t)snprintf(name, sizeof(name), "FOLIO_%s", cli_options[i].key);
		for (size_t k = 0; k < n; k++)
			name[k] = name[k] == '-' ? '_' : (char)toupper((unsigned char)name[k]);
		setenv(name, c->value[i], 1);
	}
}

/* ---- with one ---- */

/* The sample's questions, when path is the sample that folio ships. Borrowed from
 * *owner, which the caller gives back. */
static const json_t *sample_questions(json_t **owner, const char *path)
{
	const asset *a = asset_find("sample-questions.json");
	str text = STR_INIT;

	*owner = a ? json_loadb(a->bytes, a->len, 0, NULL) : NULL;
	const char *name = json_string_value(json_object_get(*owner, "document"));
	const asset *sample = name ? asset_find(path_base(name)) : NULL;
	bool same = sample && file_read(&text, path, sample->len + 1, NULL) == 0 && text.len == sample->len &&
	            memcmp(text.data, sample->bytes, text.len) == 0;
	str_free(&text);
	return same ? json_object_get(*owner, "questions") : NULL;
}

static int ask_samples(cli *c, reading *r, const json_t *questions, error *err)
{
	enum { ASKED = 2 };
	int status = 0;

	for (size_t i = 0; i < ASKED && i < json_array_size(questions) && !status; i++) {
		int64_t conversation = 0;
		const char *q = json_string_value(json_object_get(json_array_get(questions, i), "q"));
		if (!q)
			continue;
		printf("%s? ", i ? "\n" : "");
		show_line(stdout, "%s", q);
		status = cmd_answer(c, r, q, true, &conversation, err);
	}
	return status;
}

/* A person with many documents called alike still gets one that works. */
static void tell_how(const document_row *d)
{
	putchar('\n');
	show_line(stdout, "Ask with: folio ask %s \"your question\"", d->name);
}

/* Questions line by line until the end of input. */
static int converse(cli *c, reading *r, error *err)
{
	int64_t conversation = 0;
	char *line = NULL;
	size_t cap = 0;
	bool first = true;
	int status = 0;

	fputs("Ask away; an empty line or Ctrl-D ends.\n", stderr);
	while (!status) {
		fputs("\n? ", stdout);
		fflush(stdout);
		ssize_t n = getline(&line, &cap, stdin);
		if (cancel_raised(c->p.stop))
			status = error_set(err, ERR_CANCEL, "stopped");
		if (n <= 0 || status || !line[strspn(line, " \t\r\n")])
			break;
		line[strcspn(line, "\r\n")] = '\0';
		status = cmd_answer(c, r, line, first, &conversation, err);
		first = false;
		/* Stopping an answer does not end the conversation. */
		if (status == ERR_CANCEL) {
			atomic_store(&c->p.stop->raised, false);
			cmd_say(c, "(stopped)");
			status = 0;
		} else if (status == ERR_ARG) {
			cmd_say(c, "%s", err->msg);
			status = 0;
		}
	}
	free(line);
	return status;
}

static int talk(cli *c, const document_row *d, const json_t *samples, error *err)
{
	reading *r = NULL;
	int status;

	if (!samples && !cmd_terminal()) {
		tell_how(d);
		return 0;
	}
	if ((status = reading_open(&r, c->f, d, err)))
		return status;
	status = cmd_terminal() ? converse(c, r, err) : ask_samples(c, r, samples, err);
	if (!status && !cmd_terminal())
		tell_how(d);
	reading_close(r);
	return status;
}

static int open_path(cli *c, const char *path, error *err)
{
	json_t *owner;
	const json_t *samples = sample_questions(&owner, path);
	read_result r;
	int status = cmd_read(&r, c, path, NULL, NULL, READ_ASK_IF_LONG, err);

	if (!status) {
		status = talk(c, &r.row, samples, err);
		cmd_read_free(&r);
	}
	json_decref(owner);
	return status;
}

int cmd_open(cli *c, error *err)
{
	document_row d;
	int status;

	if (can_draw()) {
		pass_options(c);
		return tui_run(c->arg[0], c->p.stop, err);
	}
	if (c->args == 0)
		return error_set(err, ERR_ARG, "there is no terminal to draw on: name a document or a command, `folio help` lists what there is");
	if ((status = cli_open(c, err)))
		return status;
	if (strcmp(c->arg[0], "-") == 0 || path_exists(c->arg[0]))
		return open_path(c, c->arg[0], err);
	status = cmd_find(&d, c, c->arg[0], err);
	if (status == ERR_NOTFOUND)
		return error_set(err, strchr(c->arg[0], '/') ? ERR_NOTFOUND : ERR_ARG, "'%s' is no command, no file and no document of the library: `folio help` lists the "
		                 "commands, `folio list` the documents", c->arg[0]);
	if (status)
		return status;
	/* Its file goes through the plan, which sees whether all of it is stored. */
	if (path_exists(d.path) && strcmp(d.path, "-"))
		status = open_path(c, d.path, err);
	else
		status = talk(c, &d, NULL, err);
	document_row_free(&d);
	return status;
}

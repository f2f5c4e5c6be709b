#include "app/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "app/show.h"
#include "base/columns.h"
#include "base/number.h"
#include "base/path.h"

/* ---- showing an answer ---- */

/* "frankenstein.txt:120-134", "report.pdf, page 3", "section 2 of 9". */
static void put_place(str *out, const source *s, int sections)
{
	str_puts(out, s->path);
	if (s->page)
		str_putf(out, ", page %d", s->page);
	if (s->line_from > 0)
		str_putf(out, s->line_to > s->line_from ? ":%d-%d" : ":%d", s->line_from, s->line_to);
	if (sections > 1)
		str_putf(out, "  section %d of %d", s->section + 1, sections);
}

static bool is_prose(const char *path)
{
	static const char *const prose[] = { "", "txt", "text", "md", "markdown", "rst" };

	for (size_t i = 0; i < sizeof(prose) / sizeof(*prose); i++)
		if (strcasecmp(path_extension(path), prose[i]) == 0)
			return true;
	return false;
}

/* Code and verse keep their lines, text that is one long line a paragraph is wrapped. */
static void put_passage(str *out, const char *path, const char *text, int width)
{
	int longest = 0;

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		int columns = columns_text(p, strcspn(p, "\n"));
		if (columns > longest)
			longest = columns;
	}
	if (longest <= width - 8 || !is_prose(path))
		show_put_lines(out, text, 4, width, 6);
	else
		show_put_wrapped(out, text, 4, width, 4);
}

void cmd_show_sources(FILE *to, const answer *a)
{
	str s = STR_INIT;

	if (a->sources)
		fprintf(to, "\n%sSources%s\n", show_on(to, SHOW_STRONG), show_on(to, SHOW_PLAIN));
	for (int i = 0; i < a->sources; i++) {
		const source *src = &a->src[i];
		str_clear(&s);
		str_putf(&s, "%2d  ", i + 1);
		put_place(&s, src, a->sections);
		str_putf(&s, "  %.0f %%\n", 100 * src->score);
		put_passage(&s, src->path, src->text, show_width(to) < 100 ? show_width(to) : 100);
		show_text(to, str_text(&s), s.len);
	}
	str_free(&s);
}

static void tell_figures(cli *c, const answer *a)
{
	str s = STR_INIT;

	number_put_count(&s, a->reused_tokens);
	str_putf(&s, " tokens reused, %d in the question, %d in the answer; read %.3g of the keys (asked for %.3g); first word "
	         "after ", a->prompt_tokens, a->answer_tokens, a->budget_read, a->budget_asked);
	number_put_seconds(&s, a->first_token_ms / 1000);
	str_putf(&s, ", then %.1f tokens/s", a->tokens_per_s);
	if (a->focus)
		str_putf(&s, "; from the %d passage%s that matter%s (%d tokens)", a->focus, a->focus == 1 ? "" : "s", a->focus == 1 ? "s" : "",
		         a->focus_tokens);
	if (a->sections > 1)
		str_putf(&s, "; from section %d of %d", a->section + 1, a->sections);
	if (a->cut)
		str_puts(&s, "; cut at the most tokens (--max-tokens)");
	cmd_say(c, "%s", str_text(&s));
	str_free(&s);
}

static json_t *sources_json(const answer *a, error *err)
{
	str s = STR_INIT;
	json_t *list = NULL;

	if (answer_sources_json(&s, a, err) == 0)
		list = json_loadb(str_text(&s), s.len, 0, NULL);
	str_free(&s);
	return list;
}

static json_t *answer_json(const cli *c, const document_row *d, const answer *a, int64_t conversation, error *err)
{
	return json_pack("{s:o, s:o, s:I, s:o, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:b, s:b, s:b, s:I, s:i, s:i, s:o}",
	                 "answer", cmd_text(a->text), "document", cmd_text(d->name), "document_id", (json_int_t)d->id,
	                 "model", cmd_text(c->f->model.name), "reused_tokens", a->reused_tokens, "prompt_tokens",
	                 a->prompt_tokens, "answer_tokens", a->answer_tokens, "budget_asked", a->budget_asked, "budget_read",
	                 a->budget_read, "first_token_ms", a->first_token_ms, "tokens_per_s", a->tokens_per_s, "logprob",
	                 a->logprob, "section", a->section + 1, "sections", a->sections, "refused", a->refused, "cut", a->cut,
	                 "stopped", a->stopped, "conversation", (json_int_t)conversation, "focus", a->focus, "focus_tokens",
	                 a->focus_tokens, "sources", sources_json(a, err));
}

/* ---- asking ---- */

typedef struct {
	cli *c;
	bool any;
} stream;

static void print_piece(void *ud, const char *text, size_t n)
{
	stream *s = ud;

	if (!s->any)
		progress_show_end(&s->c->bar);
	s->any = true;
	show_text(stdout, text, n);
	fflush(stdout);
}

static int stopped(error *err)
{
	return error_set(err, ERR_CANCEL, "stopped: the document stays read, ask again any time");
}

int cmd_answer(cli *c, reading *r, const char *question, bool first, int64_t *conversation, error *err)
{
	stream s = { c, false };
	answer a;
	int status = reading_ask(&a, r, question, first, conversation, print_piece, &s, &c->p, err);

	progress_show_end(&c->bar);
	if (status)
		return status == ERR_CANCEL ? stopped(err) : status;
	putchar('\n');
	if (!a.stopped)
		cmd_show_sources(stdout, &a);
	fflush(stdout);
	tell_figures(c, &a);
	status = a.stopped ? stopped(err) : 0;
	answer_free(&a);
	return status;
}

static int answer_as_json(cli *c, reading *r, const document_row *d, bool first, int64_t *conversation, error *err)
{
	answer a;
	int status = reading_ask(&a, r, c->arg[1], first, conversation, NULL, NULL, &c->p, err);

	progress_show_end(&c->bar);
	if (status)
		return status == ERR_CANCEL ? stopped(err) : status;
	if (a.stopped)
		c->exit_code = EXIT_STOPPED;
	status = cmd_json(answer_json(c, d, &a, *conversation, err), err);
	answer_free(&a);
	return status;
}

/* The latest conversation, told to the model again; *id stays 0 when there is none. */
static int resume(int64_t *id, cli *c, reading *r, int64_t about, error *err)
{
	conversation_row *row = NULL;
	int n = 0, latest = 0, status = store_list_conversations(&row, &n, c->f->lib, about, err);

	for (int i = 1; i < n; i++)
		if (row[i].used > row[latest].used)
			latest = i;
	if (!status && n) {
		*id = row[latest].id;
		status = reading_resume(r, *id, &c->p, err);
	} else if (!status) {
		cmd_say(c, "There is no conversation about it yet: this begins one.");
	}
	conversation_rows_free(row, n);
	return status;
}

static int ask(cli *c, const document_row *d, error *err)
{
	reading *r = NULL;
	int64_t conversation = 0;
	int status = reading_open(&r, c->f, d, err);

	if (!status && cli_has(c, OPT_CONTINUE))
		status = resume(&conversation, c, r, d->id, err);
	if (!status) {
		bool first = conversation == 0;
		status = cli_has(c, OPT_JSON) ? answer_as_json(c, r, d, first, &conversation, err)
		                              : cmd_answer(c, r, c->arg[1], first, &conversation, err);
	}
	reading_close(r);
	return status;
}

/* Read the path, which may be d's own, and make d its row. */
static int read_first(document_row *d, cli *c, const char *path, read_consent consent, error *err)
{
	read_result r;
	int status = cmd_read(&r, c, path, NULL, NULL, consent, err);

	if (status)
		return status;
	document_row_free(d);
	*d = r.row;
	r.row = (document_row){ 0 };
	cmd_read_free(&r);
	return 0;
}

static int check_fresh(document_row *d, cli *c, error *err)
{
	disk_state state;
	int status = cmd_disk_state(&state, d, false, err);

	if (status || state != DISK_CHANGED)
		return status;
	if (cli_has(c, OPT_YES))
		return read_first(d, c, d->path, READ_AT_ONCE, err);
	cmd_say(c, "%s: has changed since it was read; this answers from the text as it was. `folio add` reads it again.",
	        d->name);
	return 0;
}

/* Is every section of it stored for the model in use? */
static int is_read(bool *out, cli *c, const document_row *d, error *err)
{
	context_sum sum;
	int status = folio_engine(c->f, err);

	if (!status)
		status = cmd_context_sum(&sum, c, d->id, err);
	if (!status)
		*out = sum.have > 0 && sum.have == sum.sections;
	return status;
}

int cmd_ask(cli *c, error *err)
{
	document_row d = { 0 };
	const char *word = c->arg[0];
	bool ready = false;
	error why = { 0 };
	int status = cli_open(c, err);

	if (!status && !c->arg[1][strspn(c->arg[1], " \t\n")])
		status = error_set(err, ERR_ARG, "the question is empty");
	if (status)
		return status;
	bool new = strcmp(word, "-") == 0;
	if (!new && (status = cmd_find(&d, c, word, &why))) {
		if (status != ERR_NOTFOUND || !path_exists(word))
			return error_set(err, status, "%s", why.msg);
		new = true;
	}
	if (new)
		status = read_first(&d, c, word, READ_ASK, err);
	else if (!(status = is_read(&ready, c, &d, err)))
		status = ready || strcmp(d.path, "-") == 0 || !path_exists(d.path) ? check_fresh(&d, c, err)
		                                                                 : read_first(&d, c, d.path, READ_ASK, err);
	if (!status)
		status = ask(c, &d, err);
	document_row_free(&d);
	return status;
}

#include "app/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "app/models.h"
#include "app/show.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/path.h"

/* Estimated seconds beyond which reading is worth a question. */
#define LONG_READ_S 120

void cmd_read_free(read_result *r)
{
	document_row_free(&r->row);
	read_plan_free(r->plan);
	*r = (read_result){ 0 };
}

/* ---- telling the numbers ---- */

static int64_t tokens_to_read(const read_plan *p)
{
	int64_t n = 0;

	for (int i = 0; i < p->sections; i++)
		if (!p->section[i].ready)
			n += (int64_t)p->section[i].tok.len - p->section[i].resumed;
	return n;
}

/* 0 when this model's speed is not known yet. */
static double estimate_s(const cli *c, const read_plan *p)
{
	double speed = models_speed(&c->f->model);

	return speed > 0 ? (double)tokens_to_read(p) / speed : 0;
}

static void tell_skips(cli *c, const document *d)
{
	enum { SHOWN = 5 };

	for (int i = 0; i < d->skips && i < SHOWN; i++)
		cmd_say(c, "  left out: %s (%s)", d->skip[i].path, d->skip[i].reason);
	if (d->skips > SHOWN)
		cmd_say(c, "  left out: %d more; `folio show` or --json lists them", d->skips - SHOWN);
}

static void tell_plan(cli *c, const read_plan *p)
{
	str s = STR_INIT;

	str_putf(&s, "%s: ", p->doc->title);
	number_put_count(&s, p->text_tokens);
	str_puts(&s, " tokens");
	if (p->doc->files > 1)
		str_putf(&s, " in %d files", p->doc->files);
	if (p->sections > 1) {
		str_puts(&s, ", more than the model's window of ");
		number_put_count(&s, p->window);
		str_putf(&s, ": read as %d sections", p->sections);
	}
	if (p->ready == p->sections) {
		str_puts(&s, "; is read already, ");
		number_put_bytes(&s, p->disk_bytes);
		str_puts(&s, " on disk");
	} else {
		str_puts(&s, "; takes ");
		number_put_bytes(&s, p->new_bytes);
		str_puts(&s, " on disk");
		if (estimate_s(c, p) > 0) {
			str_puts(&s, " and about ");
			number_put_seconds(&s, estimate_s(c, p));
		}
	}
	cmd_say(c, "%s", str_text(&s));
	str_free(&s);
	tell_skips(c, p->doc);
}

static void tell_kept(cli *c, const read_plan *p)
{
	str s = STR_INIT;

	if (p->ready && p->ready < p->sections)
		str_putf(&s, "%d of %d sections are read already. ", p->ready, p->sections);
	if (p->resumed) {
		str_puts(&s, "Going on after ");
		number_put_count(&s, p->resumed);
		str_puts(&s, " tokens that an interrupted read has finished.");
	}
	if (s.len)
		cmd_say(c, "%s", s.data);
	str_free(&s);
}

/* ---- reading ---- */

/* What the library knows about this path from before; false: nothing. */
static bool known_before(document_row *out, cli *c, const char *path)
{
	str real = STR_INIT;
	bool known = false;

	*out = (document_row){ 0 };
	if (strcmp(path, "-") && path_real(&real, path, NULL) == 0 &&
	    store_find_document(out, c->f->lib, real.data, NULL) == 0) {
		known = strcmp(out->path, real.data) == 0;
		if (!known) {
			document_row_free(out);
			*out = (document_row){ 0 };
		}
	}
	str_free(&real);
	return known;
}

static bool consented(cli *c, const read_plan *p, read_consent consent)
{
	bool large = p->sections > 1 || estimate_s(c, p) > LONG_READ_S;

	if (p->ready == p->sections || consent == READ_AT_ONCE || (consent == READ_ASK_IF_LONG && !large))
		return true;
	return cmd_agree(c, true, "Read it now?");
}

static int learn_speed(cli *c, const read_result *r, error *err)
{
	/* Too little to tell the speed from the start. */
	if (r->read < 1000 || r->seconds < 1)
		return 0;
	return models_learn_speed(c->f, (double)r->read / r->seconds, err);
}

static int run_plan(read_result *out, cli *c, const char *name, error *err)
{
	bool nothing = out->plan->ready == out->plan->sections;
	double start = clock_s();
	int status;

	tell_kept(c, out->plan);
	out->read = tokens_to_read(out->plan);
	status = read_run(&out->row, c->f, out->plan, name, &c->p, err);
	out->seconds = clock_s() - start;
	progress_show_end(&c->bar);
	if (status == ERR_CANCEL)
		return error_set(err, ERR_CANCEL, "stopped: what was read is kept; the same command goes on from there");
	if (status || nothing)
		return status;

	str s = STR_INIT;
	str_puts(&s, "Read in ");
	number_put_seconds(&s, out->seconds);
	cmd_say(c, "%s.", str_text(&s));
	str_free(&s);
	return learn_speed(c, out, err);
}

int cmd_read(read_result *out, cli *c, const char *path, const char *title, const char *name,
             read_consent consent, error *err)
{
	document_row before;
	int status;

	*out = (read_result){ 0 };
	bool known = known_before(&before, c, path);
	status = read_plan_make(&out->plan, c->f, path, title ? title : known ? before.title : NULL, &c->p, err);
	progress_show_end(&c->bar);
	if (!status) {
		out->changed = known && strcmp(before.hash, out->plan->doc->hash) != 0;
		if (out->changed)
			cmd_say(c, "%s: has changed since it was read.", before.name);
		tell_plan(c, out->plan);
		status = consented(c, out->plan, consent) ? run_plan(out, c, name, err)
		                                          : error_set(err, ERR_CANCEL, "not read, as you wished");
	}
	document_row_free(&before);
	if (status)
		cmd_read_free(out);
	return status;
}

/* ---- folio add ---- */

static json_t *skips_json(const document *d)
{
	json_t *list = json_array();

	for (int i = 0; i < d->skips; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "path", cmd_text(d->skip[i].path), "reason",
		                                      cmd_text(d->skip[i].reason)));
	return list;
}

static json_t *result_json(const read_result *r)
{
	const read_plan *p = r->plan;
	json_t *o = cmd_document_json(&r->row);
	json_t *more = json_pack("{s:I, s:I, s:i, s:i, s:I, s:I, s:I, s:f, s:f, s:b, s:o}", "tokens", (json_int_t)p->text_tokens,
	                         "stored_tokens", (json_int_t)p->tokens, "sections", p->sections, "window", p->window,
	                         "disk_bytes", (json_int_t)p->disk_bytes, "read_tokens", (json_int_t)r->read,
	                         "resumed_tokens", (json_int_t)p->resumed, "seconds", r->seconds, "tokens_per_s",
	                         r->seconds > 0 ? (double)r->read / r->seconds : 0.0, "changed", r->changed, "skipped",
	                         skips_json(p->doc));

	if (o && more)
		json_object_update(o, more);
	json_decref(more);
	return o;
}

int cmd_add(cli *c, error *err)
{
	bool json = cli_has(c, OPT_JSON);
	json_t *list = json_array();
	int status = cli_open(c, err);

	if (!status && c->args > 1 && (cli_has(c, OPT_TITLE) || cli_has(c, OPT_NAME)))
		status = error_set(err, ERR_ARG, "--title and --name are for one document at a time");
	for (int i = 0; i < c->args && !status; i++) {
		read_result r;
		status = cmd_read(&r, c, c->arg[i], c->value[OPT_TITLE], c->value[OPT_NAME], READ_ASK_IF_LONG, err);
		if (status)
			break;
		if (json)
			json_array_append_new(list, result_json(&r));
		else if (!cli_has(c, OPT_QUIET))
			show_line(stdout, "%s: folio ask %s \"your question\"", r.row.name, r.row.name);
		cmd_read_free(&r);
	}
	if (!status && json)
		return cmd_json(json_pack("{s:o}", "documents", list), err);
	json_decref(list);
	return status;
}

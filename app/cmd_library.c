#include "app/cmd.h"

#include <string.h>

#include "app/show.h"
#include "base/number.h"

/* ---- folio list ---- */

static int list_names(const document_row *row, int n)
{
	for (int i = 0; i < n; i++)
		show_line(stdout, "%s", row[i].name);
	return 0;
}

static int put_row(table *t, cli *c, const document_row *d, error *err)
{
	context_sum sum;
	str count = STR_INIT, bytes = STR_INIT, when = STR_INIT;
	int status = cmd_context_sum(&sum, c, d->id, err);

	if (sum.have) {
		number_put_count(&count, sum.tokens);
		number_put_bytes(&bytes, sum.bytes);
	}
	number_put_time(&when, d->used);
	table_put(t, "%lld", (long long)d->id);
	table_put(t, "%s", d->name);
	table_put(t, "%s", d->title);
	table_put(t, "%s", d->kind);
	table_put(t, "%s%s", str_text(&count), sum.have < sum.sections ? " (part)" : "");
	table_put(t, "%s", str_text(&bytes));
	table_put(t, "%s", str_text(&when));
	str_free(&count);
	str_free(&bytes);
	str_free(&when);
	return status;
}

static int list_table(cli *c, const document_row *row, int n, error *err)
{
	table t = { .head = { "id", "name", "title", "kind", "tokens", "on disk", "used" }, .columns = 7,
	            .right = { [0] = true, [4] = true, [5] = true } };
	int status = 0;

	if (!n) {
		puts("The library is empty: `folio add PATH` reads a document into it.");
		return 0;
	}
	for (int i = 0; i < n && !status; i++)
		status = put_row(&t, c, &row[i], err);
	if (!status)
		table_show(&t, stdout);
	table_free(&t);
	return status;
}

static int list_json(cli *c, const document_row *row, int n, error *err)
{
	json_t *list = json_array();
	int status = 0;

	for (int i = 0; i < n && !status; i++) {
		context_sum sum;
		json_t *o = cmd_document_json(&row[i]);
		status = cmd_context_sum(&sum, c, row[i].id, err);
		json_object_set_new(o, "tokens", json_integer(sum.tokens));
		json_object_set_new(o, "sections", json_integer(sum.sections));
		json_object_set_new(o, "sections_read", json_integer(sum.have));
		json_object_set_new(o, "disk_bytes", json_integer(sum.bytes));
		json_array_append_new(list, o);
	}
	if (status) {
		json_decref(list);
		return status;
	}
	return cmd_json(json_pack("{s:o}", "documents", list), err);
}

int cmd_list(cli *c, error *err)
{
	document_row *row = NULL;
	error ignored;
	int n = 0, status = cli_open(c, err);

	if (status || (status = store_list_documents(&row, &n, c->f->lib, err)))
		return status;
	/* Sizes are those for the model in use; the list does without when there is none. */
	if (n && !cli_has(c, OPT_NAMES))
		folio_engine(c->f, &ignored);
	if (cli_has(c, OPT_NAMES))
		status = list_names(row, n);
	else
		status = cli_has(c, OPT_JSON) ? list_json(c, row, n, err) : list_table(c, row, n, err);
	document_rows_free(row, n);
	return status;
}

/* ---- folio rm ---- */

static int conversations_of(int *out, cli *c, int64_t about, error *err)
{
	conversation_row *row = NULL;
	int status = store_list_conversations(&row, out, c->f->lib, about, err);

	conversation_rows_free(row, status ? 0 : *out);
	return status;
}

static int remove_one(json_t *list, cli *c, const char *word, error *err)
{
	document_row d;
	str bytes = STR_INIT;
	int64_t freed = 0;
	int talks = 0, status = store_find_document(&d, c->f->lib, word, err);

	if (status)
		return status;
	if ((status = conversations_of(&talks, c, d.id, err)))
		goto out;
	if (talks && !cmd_agree(c, true, "Remove %s and %d conversation%s about it?", d.name, talks, talks > 1 ? "s" : "")) {
		cmd_say(c, "%s: kept.", d.name);
		goto out;
	}
	if ((status = store_remove_document(c->f->lib, d.id, &freed, err)))
		goto out;
	number_put_bytes(&bytes, freed);
	if (!cli_has(c, OPT_JSON))
		cmd_say(c, "%s: removed, %s freed.", d.name, str_text(&bytes));
	json_array_append_new(list, json_pack("{s:I, s:o, s:I}", "id", (json_int_t)d.id, "name", cmd_text(d.name),
	                                      "freed_bytes", (json_int_t)freed));
out:
	str_free(&bytes);
	document_row_free(&d);
	return status;
}

int cmd_rm(cli *c, error *err)
{
	json_t *list = json_array();
	int status = cli_open(c, err);

	for (int i = 0; i < c->args && !status; i++)
		status = remove_one(list, c, c->arg[i], err);
	if (!status && cli_has(c, OPT_JSON))
		return cmd_json(json_pack("{s:o}", "removed", list), err);
	json_decref(list);
	return status;
}

/* ---- folio rename ---- */

int cmd_rename(cli *c, error *err)
{
	document_row d;
	int status = cli_open(c, err);

	if (status || (status = cmd_find(&d, c, c->arg[0], err)))
		return status;
	if (!(status = store_rename_document(c->f->lib, d.id, c->arg[1], err))) {
		if (cli_has(c, OPT_JSON))
			status = cmd_json(json_pack("{s:I, s:o, s:o}", "id", (json_int_t)d.id, "was", cmd_text(d.name), "name",
			                            cmd_text(c->arg[1])), err);
		else
			cmd_say(c, "%s is called %s now.", d.name, c->arg[1]);
	}
	document_row_free(&d);
	return status;
}

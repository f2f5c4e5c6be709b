#include "app/cmd.h"

#include <string.h>

#include "app/models.h"
#include "app/show.h"
#include "base/number.h"
#include "base/path.h"

/* What models_adapter found, for people; "" for none. */
static const char *adapter_name(const str *which)
{
	return strncmp(str_text(which), MODELS_SHIPPED, strlen(MODELS_SHIPPED)) ? str_text(which) : which->data + strlen(MODELS_SHIPPED);
}

static json_t *model_json(folio *f, const model_row *m)
{
	str lora = STR_INIT;
	json_t *o;

	models_adapter(&lora, f, m, NULL);
	o = json_pack("{s:I, s:o, s:o, s:I, s:s, s:b, s:b, s:I, s:o}", "id", (json_int_t)m->id, "name", cmd_text(m->name), "path",
	                 cmd_text(m->path), "bytes", (json_int_t)m->bytes, "fingerprint", m->fingerprint, "default",
	                 m->is_default, "there", path_exists(m->path), "added", (json_int_t)m->added, "adapter",
	                 lora.len ? cmd_text(adapter_name(&lora)) : json_null());
	str_free(&lora);
	return o;
}

static void list_table(folio *f, const model_row *m, int n)
{
	table t = { .head = { "", "name", "size", "adapter", "path" }, .columns = 5, .right = { [2] = true } };

	for (int i = 0; i < n; i++) {
		str bytes = STR_INIT, lora = STR_INIT;
		number_put_bytes(&bytes, m[i].bytes);
		models_adapter(&lora, f, &m[i], NULL);
		table_put(&t, "%s", m[i].is_default ? "*" : "");
		table_put(&t, "%s", m[i].name);
		table_put(&t, "%s", str_text(&bytes));
		table_put(&t, "%s", lora.len ? adapter_name(&lora) : "-");
		table_put(&t, "%s%s", m[i].path, path_exists(m[i].path) ? "" : "  (the file is gone)");
		str_free(&bytes);
		str_free(&lora);
	}
	table_show(&t, stdout);
	table_free(&t);
	puts("\n* the default: `folio model use NAME` chooses another.\n"
	     "A model as small as the default one, SmolLM2-135M with its reader, finds facts that stand in a sentence or two. It does not\n"
	     "reason over several passages, count or summarise reliably. A larger model does better and reads more slowly: get one as a\n"
	     "GGUF file (Llama, Mistral, Qwen2, Qwen3), then `folio model add FILE.gguf`.");
}

static int list_json(folio *f, const model_row *m, int n, error *err)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(list, model_json(f, &m[i]));
	return cmd_json(json_pack("{s:o}", "models", list), err);
}

int cmd_models(cli *c, error *err)
{
	model_row *m = NULL;
	int n = 0, status = cli_open(c, err);

	if (status || (status = store_list_models(&m, &n, c->f->lib, err)))
		return status;
	if (cli_has(c, OPT_JSON))
		status = list_json(c->f, m, n, err);
	else if (cli_has(c, OPT_NAMES))
		for (int i = 0; i < n; i++)
			show_line(stdout, "%s", m[i].name);
	else if (n)
		list_table(c->f, m, n);
	else
		puts("There is no model yet: `folio model get` fetches the default one (94 MB), `folio model add FILE.gguf` adds yours.");
	model_rows_free(m, n);
	return status;
}

/* What became of a model, as JSON or as a sentence; frees the row. */
static int tell_model(cli *c, model_row *m, const char *what, error *err)
{
	int status = 0;

	if (cli_has(c, OPT_JSON))
		status = cmd_json(model_json(c->f, m), err);
	else
		cmd_say(c, "%s %s%s.", m->name, what, m->is_default ? "; it is the default" : "");
	model_row_free(m);
	return status;
}

/* Only reached by a word that is none of the model commands. */
int cmd_model(cli *c, error *err)
{
	return error_set(err, ERR_ARG, "there is no `folio model %s`: say add, get, use or remove", c->arg[0]);
}

int cmd_model_add(cli *c, error *err)
{
	model_row m;
	int status = cli_open(c, err);

	if (!status)
		status = models_add(&m, c->f, c->arg[0], c->value[OPT_NAME], err);
	return status ? status : tell_model(c, &m, "is in the library", err);
}

int cmd_model_get(cli *c, error *err)
{
	model_row m;
	progress quiet = { .stop = c->p.stop }; /* pip shows how far it is */
	bool fetched;
	int status = cli_open(c, err);

	if (!status)
		status = models_get(&m, &fetched, c->f, c->arg[0], cli_has(c, OPT_QUIET), &quiet, err);
	return status ? status : tell_model(c, &m, fetched ? "was fetched and checked" : "is here already, whole", err);
}

int cmd_model_use(cli *c, error *err)
{
	model_row m;
	int status = cli_open(c, err);

	if (status || (status = store_find_model(&m, c->f->lib, c->arg[0], err)))
		return status;
	if ((c->value[OPT_ADAPTER] && (status = models_use_adapter(c->f, &m, c->value[OPT_ADAPTER], err))) ||
	    (status = store_use_model(c->f->lib, m.id, err))) {
		model_row_free(&m);
		return status;
	}
	m.is_default = true;
	return tell_model(c, &m, "will be used", err);
}

int cmd_model_remove(cli *c, error *err)
{
	str bytes = STR_INIT;
	int64_t freed;
	int status = cli_open(c, err);

	if (status || (status = models_remove(c->f, c->arg[0], &freed, err)))
		return status;
	number_put_bytes(&bytes, freed);
	if (cli_has(c, OPT_JSON))
		status = cmd_json(json_pack("{s:o, s:I}", "removed", cmd_text(c->arg[0]), "freed_bytes", (json_int_t)freed), err);
	else if (freed)
		cmd_say(c, "%s was removed with its file, %s.", c->arg[0], str_text(&bytes));
	else
		cmd_say(c, "%s was removed from the library; its file stays.", c->arg[0]);
	str_free(&bytes);
	return status;
}

#include <stdlib.h>
#include <string.h>

#include "app/assets.h"
#include "app/fetch.h"
#include "app/models.h"
#include "app/models_found.h"
#include "app/tui_model.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"

/* What the file says of itself; its weights are not touched. */
static void put_facts(str *s, const model_row *row)
{
	model *m;

	if (!row->fingerprint[0] || !path_exists(row->path) || model_open(&m, row->path, row->fingerprint, NULL))
		return;
	str_putf(s, "%s%s%s, %d layers, reads ", m->p.name, *m->p.size ? ", " : "", m->p.size, m->p.layers);
	number_put_count(s, m->p.context);
	str_puts(s, " tokens at once; a stored token takes ");
	number_put_bytes(s, model_kv_bytes(&m->p));
	str_puts(s, " and a little for the clusters\n");
	model_close(m);
}

static char *details(folio *f, const model_row *m)
{
	str s = STR_INIT, lora = STR_INIT;

	str_putf(&s, "%s\n", m->path);
	put_facts(&s, m);
	models_adapter(&lora, f, m, NULL);
	if (lora.len)
		str_putf(&s, "adapter: %s\n", strncmp(lora.data, MODELS_SHIPPED, strlen(MODELS_SHIPPED)) ? lora.data : lora.data + strlen(MODELS_SHIPPED));
	if (models_speed(m) > 0)
		str_putf(&s, "reads about %.0f tokens/s here\n", models_speed(m));
	str_puts(&s, "A model as small as the default one finds facts that stand in a sentence or two; it does not reason over "
	             "several passages, count or summarise reliably. A larger one does better and reads more slowly.");
	str_free(&lora);
	return str_take(&s);
}

static char *offer(void)
{
	const asset *a = asset_find("default-model.json");
	manifest m;
	str s = STR_INIT;

	if (!a || manifest_parse(&m, (const char *)a->bytes, a->len, NULL))
		return NULL;
	str_putf(&s, "%s, ", m.name);
	number_put_bytes(&s, m.bytes);
	str_putf(&s, ", licence %s, from PyPI (%s)", m.license, m.package);
	manifest_free(&m);
	return str_take(&s);
}

static bool in_library(const ui_model *m, int rows, const char *path)
{
	for (int i = 0; i < rows; i++)
		if (!strcmp(m->model[i].path, path))
			return true;
	return false;
}

static void put_found(ui_model *out, int rows, const found_model *f, int n)
{
	for (int i = 0; i < n; i++) {
		if (in_library(out, rows, f[i].path))
			continue;
		str s = STR_INIT;
		str_putf(&s, "%s\nNot in the library yet: Enter adds it and answers with it. The file stays where it is.", f[i].path);
		out->model[out->models++] = (ui_model_row){ .name = mem_text(f[i].name), .path = mem_text(f[i].path), .details = str_take(&s),
			                                    .bytes = f[i].bytes, .found = true };
	}
}

int tui_models(ui_model *out, folio *f, error *err)
{
	model_row *row = NULL, use = { 0 };
	found_model *found = NULL;
	int n = 0, others = 0, status = store_list_models(&row, &n, f->lib, err);

	bool none = models_find(&use, f, f->cfg.model, NULL) != 0;
	if (!status)
		status = models_found(&found, &others, err);
	if (!status && !(out->model = mem_zeroed((size_t)(n + others), sizeof(*out->model))))
		status = error_nomem(err, "the models");
	for (int i = 0; i < n && !status; i++) {
		out->models = i + 1;
		out->model[i] = (ui_model_row){ .id = row[i].id, .name = mem_text(row[i].name), .path = mem_text(row[i].path),
			                        .details = details(f, &row[i]), .bytes = row[i].bytes,
			                        .is_default = row[i].id == use.id, .missing = !path_exists(row[i].path) };
	}
	if (!status)
		put_found(out, n, found, others);
	for (int i = 0; i < out->models && !status; i++)
		if (!out->model[i].name || !out->model[i].path || !out->model[i].details)
			status = error_nomem(err, "the models");
	if (!n && none)
		out->fetch_offer = offer();
	model_row_free(&use);
	model_rows_free(row, n);
	found_models_free(found, others);
	return status;
}

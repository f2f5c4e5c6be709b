#include "app/models.h"

#include <errno.h>
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/assets.h"
#include "app/fetch.h"
#include "app/profile.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"

#define ENGINES "engines" /* array of fingerprints of engines that were made from it */
#define SPEED "read_tokens_per_s"

/* ---- size and time, which say whether a fingerprint still holds ---- */

static int64_t mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Of a folder: all its files summed, and the latest. */
static int folder_stat(int64_t *bytes, int64_t *when, const char *path, error *err)
{
	DIR *d = opendir(path);
	struct stat st;

	if (!d)
		return error_errno(err, ERR_IO, "%s: cannot be read", path);
	for (struct dirent *e; (e = readdir(d));) {
		if (fstatat(dirfd(d), e->d_name, &st, 0) || !S_ISREG(st.st_mode))
			continue;
		*bytes += st.st_size;
		if (mtime_ns(&st) > *when)
			*when = mtime_ns(&st);
	}
	closedir(d);
	return 0;
}

static int model_stat(int64_t *bytes, int64_t *when, const char *path, error *err)
{
	struct stat st;

	*bytes = *when = 0;
	if (stat(path, &st))
		return errno == ENOENT ? error_set(err, ERR_NOTFOUND, "%s: the model's file is gone: put it back, or choose another "
		                                   "with `folio model use`", path)
		                       : error_errno(err, ERR_IO, "%s: cannot be examined", path);
	if (S_ISDIR(st.st_mode))
		return folder_stat(bytes, when, path, err);
	*bytes = st.st_size;
	*when = mtime_ns(&st);
	return 0;
}

/* ---- finding ---- */

static int from_path(model_row *out, const char *word, error *err)
{
	str real = STR_INIT;
	int status = path_real(&real, word, err);

	*out = (model_row){ 0 };
	if (!status && !(out->path = str_take(&real)))
		status = error_nomem(err, "the model's path");
	if (!status && !(out->name = strdup(path_base(out->path))))
		status = error_nomem(err, "the model's name");
	if (status)
		model_row_free(out);
	str_free(&real);
	return status;
}

int models_find(model_row *out, folio *f, const char *word, error *err)
{
	bool standard = !word || !*word;
	int status = store_find_model(out, f->lib, standard ? NULL : word, err);

	if (status != ERR_NOTFOUND)
		return status;
	if (standard)
		return error_set(err, ERR_NOTFOUND, "there is no model yet: fetch the default one (94 MB, once) with `folio model "
		                 "get`, or add your own with `folio model add FILE.gguf`");
	if (path_exists(word))
		return from_path(out, word, err);
	return error_set(err, ERR_NOTFOUND, "there is no model '%s': `folio models` lists those in the library, `folio model "
	                 "add FILE.gguf` adds one", word);
}

/* ---- opening ---- */

static int remember(folio *f, model_row *row, const engine *e, int64_t bytes, int64_t when, error *err)
{
	memcpy(row->fingerprint, e->model->fingerprint, HASH_TEXT);
	row->bytes = bytes;
	row->mtime_ns = when;
	if (!row->added)
		row->added = clock_unix();
	return store_put_model(f->lib, row, err);
}

/* ---- adapters ---- */

#define ADAPTER "adapter"

/* The text of a value that is given up, added to out; nothing if it is none. */
static void take_text(str *out, json_t *value)
{
	if (json_is_string(value))
		str_puts(out, json_string_value(value));
	json_decref(value);
}

int models_adapter(str *out, folio *f, const model_row *row, error *err)
{
	str name = STR_INIT;
	int status;

	str_clear(out);
	str_puts(out, f->cfg.adapter);
	if (!out->len)
		take_text(out, profile_own(row->profile_json, ADAPTER));
	if (!out->len)
		take_text(&name, profile_shipped(row->fingerprint, ADAPTER));
	if (name.len && asset_find(name.data))
		str_putf(out, MODELS_SHIPPED "%s", name.data);
	status = str_ok(&name, err);
	str_free(&name);
	if (!status && strcmp(str_text(out), "none") == 0)
		str_clear(out);
	return status ? status : str_ok(out, err);
}

static int adapt(engine *e, const str *which, error *err)
{
	if (!which->len)
		return 0;
	if (strncmp(which->data, MODELS_SHIPPED, strlen(MODELS_SHIPPED)))
		return engine_adapt(e, which->data, NULL, 0, err);
	const asset *a = asset_find(which->data + strlen(MODELS_SHIPPED));
	return engine_adapt(e, a->name, a->bytes, a->len, err);
}

/* One text of the row's profile, or NULL to take it out; the row goes to the library. */
static int put_profile(folio *f, model_row *row, const char *key, json_t *value, error *err)
{
	const char *old = row->profile_json;
	json_t *o = old && *old ? json_loads(old, 0, NULL) : json_object();

	if (!json_is_object(o)) {
		json_decref(o);
		json_decref(value);
		return error_set(err, ERR_FORMAT, "what the library knows about the model %s cannot be read: `folio model remove` it and add it again", row->name);
	}
	int failed = value ? json_object_set_new(o, key, value) : (json_object_del(o, key), 0);
	char *text = failed ? NULL : json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (!text)
		return error_nomem(err, "the model's profile");
	free(row->profile_json);
	row->profile_json = text;
	return store_put_model(f->lib, row, err);
}

bool models_made(const model_row *row, const char *engine_fingerprint)
{
	json_t *list = profile_own(row->profile_json, ENGINES), *one;
	bool found = false;
	size_t i;

	json_array_foreach(list, i, one)
		found |= json_is_string(one) && !strcmp(json_string_value(one), engine_fingerprint);
	json_decref(list);
	return found;
}

/* Contexts name the engine that made them: which model that was is kept with the model. */
static int note_engine(folio *f, model_row *row, const engine *e, error *err)
{
	if (!row->id || models_made(row, e->fingerprint))
		return 0;
	json_t *list = profile_own(row->profile_json, ENGINES);
	if (!json_is_array(list)) {
		json_decref(list);
		list = json_array();
	}
	json_array_append_new(list, json_string(e->fingerprint));
	return put_profile(f, row, ENGINES, list, err);
}

int models_open(engine **out, folio *f, model_row *row, error *err)
{
	const asset *words = asset_find("prompts.ini");
	engine_options o = { f->cfg.threads, words ? words->bytes : "", words ? words->len : 0, NULL };
	str own = STR_INIT;
	int64_t bytes, when;
	int status = model_stat(&bytes, &when, row->path, err);

	*out = NULL;
	if (status)
		return status;
	if (row->fingerprint[0] && row->bytes == bytes && row->mtime_ns == when)
		o.fingerprint_hint = row->fingerprint;
	double start = clock_s();
	if ((status = engine_open(out, row->path, &o, err)))
		return status;
	log_line(LOG_INFO, "%s: opened in %.2f s", row->path, clock_s() - start);
	if (!o.fingerprint_hint)
		status = remember(f, row, *out, bytes, when, err);
	if (!status && !(status = models_adapter(&own, f, row, err)))
		status = adapt(*out, &own, err);
	str_free(&own);
	if (!status)
		status = note_engine(f, row, *out, err);
	if (status) {
		engine_close(*out);
		*out = NULL;
	}
	return status;
}

int models_use_adapter(folio *f, model_row *row, const char *which, error *err)
{
	engine *e = NULL;
	str real = STR_INIT;
	int status = 0;

	if (strcmp(which, "default") == 0)
		return put_profile(f, row, ADAPTER, NULL, err);
	if (strcmp(which, "none")) {
		if ((status = path_real(&real, which, err)) || (status = config_set(&f->cfg, ADAPTER, real.data, err)))
			goto out;
		status = models_open(&e, f, row, err);
		engine_close(e);
	} else
		str_puts(&real, "none");
	if (!status)
		status = put_profile(f, row, ADAPTER, json_string(str_text(&real)), err);
out:
	str_free(&real);
	return status;
}

/* ---- adding and fetching ---- */

/* A name that the person chose replaces the one the row has. */
static int rename_row(model_row *row, const char *name, error *err)
{
	char *copy = name && *name ? strdup(name) : NULL;

	if (name && *name && !copy)
		return error_nomem(err, "the model's name");
	if (copy) {
		free(row->name);
		row->name = copy;
	}
	return 0;
}

static bool have_default(folio *f)
{
	model_row *row = NULL;
	bool found = false;
	int n = 0;

	if (store_list_models(&row, &n, f->lib, NULL) == 0)
		for (int i = 0; i < n; i++)
			found |= row[i].is_default;
	model_rows_free(row, n);
	return found;
}

/* The library's row of exactly this path, or a new one. */
static int row_of_path(model_row *out, folio *f, const char *path, error *err)
{
	model_row fresh;
	int status = from_path(&fresh, path, err);

	if (status)
		return status;
	if (store_find_model(out, f->lib, fresh.path, NULL) == 0) {
		if (strcmp(out->path, fresh.path) == 0) {
			model_row_free(&fresh);
			return 0;
		}
		model_row_free(out);
	}
	*out = fresh;
	return 0;
}

int models_add(model_row *out, folio *f, const char *path, const char *name, error *err)
{
	engine *e = NULL;
	int status;

	*out = (model_row){ 0 };
	if ((status = row_of_path(out, f, path, err)))
		return status;
	if ((status = models_open(&e, f, out, err)) || (status = rename_row(out, name, err)))
		goto out;
	bool first = !have_default(f);
	if (first || (name && *name)) {
		out->is_default |= first;
		status = store_put_model(f->lib, out, err);
	}
out:
	engine_close(e);
	if (status)
		model_row_free(out);
	return status;
}

/* The one manifest that folio ships. */
static int read_manifest(manifest *m, error *err)
{
	const asset *a = asset_find("default-model.json");

	if (!a)
		return error_set(err, ERR_FORMAT, "this folio was built without the default model's manifest");
	return manifest_parse(m, a->bytes, a->len, err);
}

static void models_folder(str *out, const folio *f)
{
	path_join(out, store_home(f->lib), "models");
}

static int get(model_row *out, bool *fetched, const manifest *m, folio *f, bool quiet, const progress *p, error *err)
{
	str folder = STR_INIT, file = STR_INIT;
	int status;

	models_folder(&folder, f);
	path_join(&file, str_text(&folder), manifest_file(m));
	if ((status = str_ok(&folder, err)) || (status = str_ok(&file, err)))
		goto out;
	*fetched = fetch_check(m, file.data, NULL) != 0;
	if (*fetched)
		status = fetch_model(m, folder.data, quiet, p, err);
	if (!status)
		status = models_add(out, f, file.data, m->name, err);
out:
	str_free(&file);
	str_free(&folder);
	return status;
}

int models_get(model_row *out, bool *fetched, folio *f, const char *name, bool quiet, const progress *p,
               error *err)
{
	manifest m;
	int status = read_manifest(&m, err);

	*out = (model_row){ 0 };
	*fetched = false;
	if (status)
		return status;
	if (name && strcmp(name, m.name))
		status = error_set(err, ERR_NOTFOUND, "folio knows how to fetch '%s' alone, not '%s': download the model's GGUF "
		                   "file and run `folio model add FILE.gguf`", m.name, name);
	else
		status = get(out, fetched, &m, f, quiet, p, err);
	manifest_free(&m);
	return status;
}

/* ---- removing ---- */

/* Is the row's file the one that models_get put there? */
static bool is_fetched(const folio *f, const model_row *row)
{
	manifest m;
	str folder = STR_INIT, file = STR_INIT, real = STR_INIT;

	if (read_manifest(&m, NULL))
		return false;
	models_folder(&folder, f);
	path_join(&file, str_text(&folder), manifest_file(&m));
	bool same = !file.oom && path_real(&real, file.data, NULL) == 0 && strcmp(real.data, row->path) == 0;
	manifest_free(&m);
	str_free(&folder);
	str_free(&file);
	str_free(&real);
	return same;
}

int models_remove(folio *f, const char *word, int64_t *freed, error *err)
{
	model_row row;
	int status = store_find_model(&row, f->lib, word, err);

	*freed = 0;
	if (status)
		return status;
	status = store_remove_model(f->lib, row.id, err);
	if (!status && is_fetched(f, &row)) {
		if (unlink(row.path))
			status = error_errno(err, ERR_IO, "%s: cannot be removed", row.path);
		else
			*freed = row.bytes;
	}
	model_row_free(&row);
	return status;
}

/* ---- reading speed ---- */

double models_speed(const model_row *row)
{
	json_t *speed = profile_own(row->profile_json, SPEED);
	double v = json_number_value(speed);

	json_decref(speed);
	return isfinite(v) && v > 0 ? v : 0;
}

int models_learn_speed(folio *f, double tokens_per_s, error *err)
{
	return put_profile(f, &f->model, SPEED, json_real(tokens_per_s), err);
}

#include "app/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/show.h"
#include "store/packed.h"

/* What was found, as it goes. */
typedef struct {
	cli *c;
	json_t *damage;   /* sentences */
	json_t *document; /* {name, on_disk} */
	int files;
} findings;

/* Damage is what verify looks for, not a failure of verify; what keeps it from
 * looking (no memory, stopped) is. */
static int note(findings *f, int status, const error *why, error *err)
{
	if (!status)
		return 0;
	if (status == ERR_CANCEL || status == ERR_NOMEM || status == ERR_BUSY)
		return error_set(err, status, "%s", why->msg);
	progress_show_end(&f->c->bar);
	f->c->exit_code = EXIT_DAMAGED;
	json_array_append_new(f->damage, cmd_text(why->msg));
	if (!cli_has(f->c, OPT_JSON))
		show_line(stdout, "damaged: %s", why->msg);
	return 0;
}

static int verify_file(findings *f, const char *file, const char *key, error *err)
{
	str path = STR_INIT;
	packed_file *p = NULL;
	error why = { 0 };

	store_context_path(&path, f->c->f->lib, file);
	int status = str_ok(&path, &why);
	if (!status && !(status = packed_open(&p, path.data, key, &why)))
		status = packed_verify(p, &f->c->p, &why);
	packed_close(p);
	str_free(&path);
	f->files++;
	return note(f, status, &why, err);
}

static bool is_context_file(const char *name)
{
	size_t n = strlen(name);

	return n > 3 && strcmp(name + n - 3, ".kv") == 0;
}

/* Every context file, of whichever model. */
static int verify_files(findings *f, error *err)
{
	str path = STR_INIT;
	int status = 0;

	store_context_path(&path, f->c->f->lib, "");
	if ((status = str_ok(&path, err)))
		return status;
	DIR *d = opendir(path.data);
	if (!d && errno != ENOENT)
		status = error_errno(err, ERR_IO, "%s: cannot be read", path.data);
	for (struct dirent *e; d && !status && (e = readdir(d));)
		if (is_context_file(e->d_name))
			status = verify_file(f, e->d_name, NULL, err);
	if (d)
		closedir(d);
	str_free(&path);
	return status;
}

/* The rows of a document for the model in use: their files must be there, with the
 * key that the row says. */
static int verify_contexts(findings *f, const document_row *d, bool whole, error *err)
{
	context_row *row = NULL;
	int n = 0, status = 0;

	if (!f->c->f->eng)
		return 0;
	status = store_list_contexts(&row, &n, f->c->f->lib, d->id, f->c->f->eng->fingerprint, err);
	for (int i = 0; i < n && !status; i++) {
		if (whole) {
			status = verify_file(f, row[i].file, row[i].key, err);
			continue;
		}
		str path = STR_INIT;
		packed_file *p = NULL;
		error why = { 0 };
		store_context_path(&path, f->c->f->lib, row[i].file);
		int opened = packed_open(&p, str_text(&path), row[i].key, &why);
		packed_close(p);
		str_free(&path);
		/* What is damaged inside was told when all files were checked. */
		if (opened == ERR_NOTFOUND)
			status = note(f, opened, &why, err);
	}
	free(row);
	return status;
}

static int verify_text(findings *f, const document_row *d, error *err)
{
	str text = STR_INIT, map = STR_INIT;
	document *doc = NULL;
	error why = { 0 };
	int status = store_document_text(f->c->f->lib, d->id, &text, &map, &why);

	if (!status)
		status = document_from_map(&doc, str_text(&map), str_text(&text), text.len, &why);
	document_free(doc);
	str_free(&text);
	str_free(&map);
	return note(f, status, &why, err);
}

static int verify_document(findings *f, const document_row *d, bool whole, error *err)
{
	disk_state state = DISK_NONE;
	int status;

	if ((status = verify_text(f, d, err)) || (status = verify_contexts(f, d, whole, err)) ||
	    (status = cmd_disk_state(&state, d, true, err)))
		return status;
	progress_show_end(&f->c->bar);
	json_array_append_new(f->document, json_pack("{s:o, s:s}", "name", cmd_text(d->name), "on_disk", cmd_disk_text(state)));
	if (!cli_has(f->c, OPT_JSON) && state != DISK_SAME && state != DISK_NONE)
		show_line(stdout, "%s: %s on disk since it was read%s", d->name, cmd_disk_text(state),
		          state == DISK_CHANGED ? "; `folio add` reads it again" : "");
	return 0;
}

static int verify_library(findings *f, error *err)
{
	document_row *row = NULL;
	error why = { 0 };
	int n = 0, status = note(f, store_check(f->c->f->lib, &why), &why, err);

	if (!status)
		status = verify_files(f, err);
	if (!status)
		status = store_list_documents(&row, &n, f->c->f->lib, err);
	for (int i = 0; i < n && !status; i++)
		status = verify_document(f, &row[i], false, err);
	document_rows_free(row, n);
	return status;
}

static int verify_one(findings *f, const char *word, error *err)
{
	document_row d;
	int status = cmd_find(&d, f->c, word, err);

	if (!status) {
		status = verify_document(f, &d, true, err);
		document_row_free(&d);
	}
	return status;
}

int cmd_verify(cli *c, error *err)
{
	findings f = { c, json_array(), json_array(), 0 };
	error ignored;
	int status = cli_open(c, err);

	if (!status) {
		folio_engine(c->f, &ignored); /* no model, no rows to compare files with */
		status = c->args ? verify_one(&f, c->arg[0], err) : verify_library(&f, err);
	}
	progress_show_end(&c->bar);
	if (!status && cli_has(c, OPT_JSON))
		return cmd_json(json_pack("{s:b, s:i, s:o, s:o}", "ok", c->exit_code == EXIT_FINE, "context_files", f.files,
		                          "damage", f.damage, "documents", f.document), err);
	if (!status)
		printf("%d context file%s checked: %s\n", f.files, f.files == 1 ? "" : "s",
		       c->exit_code ? "there is damage; remove the documents concerned and add them again" : "all is well");
	json_decref(f.damage);
	json_decref(f.document);
	return status;
}

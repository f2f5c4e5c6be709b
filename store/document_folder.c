#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/document_list.h"
#include "store/document_text.h"

typedef struct {
	document *d;
	folder_list list;
	const char *root;
	str text;
	size_t cap;     /* of d->file */
	progress quiet; /* stops like the caller's, reports nothing */
} gathering;

/* Where a listed path really lies. NULL, with a reason, when it is not to be read:
 * links are followed inside the folder only, and not to what is read anyway. */
static char *real_place(const gathering *g, const char *rel, const char **reason)
{
	size_t n = strcmp(g->root, "/") == 0 ? 0 : strlen(g->root);
	str full = STR_INIT;
	struct stat st;

	str_putf(&full, "%.*s/%s", (int)n, g->root, rel);
	char *real = full.oom ? NULL : realpath(full.data, NULL);
	bool same = real && strcmp(real, full.data) == 0;
	*reason = NULL;
	if (!real)
		*reason = errno == ENOENT && (full.oom || lstat(full.data, &st)) ? "deleted" :
			  errno == ENOENT || errno == ELOOP ? "a broken link" : strerror(errno);
	else if (strncmp(real, g->root, n) != 0 || real[n] != '/')
		*reason = "a link out of the folder";
	else if (!same && path_is_dir(real))
		*reason = "a link to a folder";
	else if (!same && folder_list_has(&g->list, real + n + 1))
		*reason = "a link to a file that is read itself";
	str_free(&full);
	if (*reason) {
		free(real);
		real = NULL;
	}
	return real;
}

/* Text stands at its end already: after the header line, before what may follow. */
static int record_file(gathering *g, str *shown, size_t head, size_t from, bool code, error *err)
{
	document *d = g->d;

	if (g->text.data[g->text.len - 1] != '\n')
		str_putc(&g->text, '\n');
	size_t to = g->text.len;
	str_putc(&g->text, '\n');
	if (g->text.len > DOCUMENT_MOST)
		return error_set(err, ERR_ARG, "%s: holds more than 1 GiB of text, the most of one document: name a smaller folder",
				 g->root);
	if (d->files == INT_MAX || !MEM_GROW(d->file, g->cap, (size_t)d->files + 1))
		return error_nomem(err, "a document's files");
	d->file[d->files] = (document_file){ .path = str_take(shown), .head = head, .from = from, .to = to, .code = code };
	return d->file[d->files++].path ? str_ok(&g->text, err) : error_nomem(err, "a document's files");
}

static int take_text(gathering *g, const char *rel, str *bytes, const struct stat *st, refusal *why, error *err)
{
	size_t head = g->text.len;
	str shown = STR_INIT;
	int64_t mtime = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;

	name_put_shown(&shown, rel);
	str_putf(&g->text, "=== %s ===\n", str_text(&shown));
	size_t from = g->text.len;
	int status = text_extract(&g->text, NULL, NULL, bytes, why);
	if (status == ERR_NOMEM || shown.oom || g->text.oom)
		status = error_nomem(err, "a document");
	else if (status) {
		str_truncate(&g->text, head);
		status = folder_list_skip(&g->list, rel, why->reason, err);
	} else {
		document_kind k = text_kind(rel, g->text.data + from, g->text.len - from);
		status = record_file(g, &shown, head, from, k == DOC_CODE, err);
		g->d->bytes += st->st_size;
		if (mtime > g->d->mtime_ns)
			g->d->mtime_ns = mtime;
	}
	str_free(&shown);
	return status;
}

static int take_file(gathering *g, const char *rel, error *err)
{
	str bytes = STR_INIT;
	struct stat st;
	refusal why;
	const char *reason;
	char *real = real_place(g, rel, &reason);

	if (!real)
		return folder_list_skip(&g->list, rel, reason, err);
	int status = bytes_read_file(&bytes, &st, real, DOCUMENT_FILE_MOST, false, &g->quiet, &why);
	if (status == ERR_CANCEL)
		status = error_set(err, ERR_CANCEL, "stopped");
	else if (status == ERR_NOMEM || bytes.oom)
		status = error_nomem(err, "a file of the folder");
	else if (status)
		status = folder_list_skip(&g->list, rel, why.reason, err);
	else
		status = take_text(g, rel, &bytes, &st, &why, err);
	str_free(&bytes);
	free(real);
	return status;
}

static int take_all(gathering *g, const progress *p, error *err)
{
	int status = 0;

	for (size_t i = 0; i < g->list.n && !status; i++) {
		progress_event e = { "extracting", "files", (int64_t)i, (int64_t)g->list.n, 0 };
		status = progress_report(p, &e) ? error_set(err, ERR_CANCEL, "stopped") : take_file(g, g->list.path[i], err);
	}
	if (!status) {
		progress_event e = { "extracting", "files", (int64_t)g->list.n, (int64_t)g->list.n, 0 };
		progress_report(p, &e);
	}
	return status;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const document_skip *)a)->path, ((const document_skip *)b)->path);
}

static int nothing_to_read(const gathering *g, error *err)
{
	const folder_list *l = &g->list;

	if (!l->skips)
		return error_set(err, ERR_FORMAT, "%s: has no files to read", g->root);
	return error_set(err, ERR_FORMAT, "%s: has no text to read; %zu files were skipped, the first, %s: %s", g->root,
			 l->skips, l->skip[0].path, l->skip[0].reason);
}

/* What was gathered becomes the document's. */
static int finish(gathering *g, const char *title, error *err)
{
	document *d = g->d;
	str t = STR_INIT;

	if (g->list.skips)
		qsort(g->list.skip, g->list.skips, sizeof(*g->list.skip), by_path);
	if (!d->files)
		return nothing_to_read(g, err);
	if (g->list.skips > INT_MAX)
		return error_set(err, ERR_ARG, "%s: has too many files", g->root);
	document_put_title(&t, title, g->root, true);
	if (t.oom) {
		str_free(&t);
		return error_nomem(err, "a document's name");
	}
	d->skip = g->list.skip;
	d->skips = (int)g->list.skips;
	g->list.skip = NULL;
	g->list.skips = 0;
	str_truncate(&g->text, g->text.len - 1); /* the blank line that would part the next file */
	d->len = g->text.len;
	d->text = str_take(&g->text);
	d->title = str_take(&t);
	d->path = strdup(g->root);
	if (!d->path || !d->title || !d->text)
		return error_nomem(err, "a document");
	return document_seal(d, err);
}

int document_load_folder(document **out, const char *path, const char *title, const progress *p, error *err)
{
	gathering g = { .root = path, .quiet = { .stop = p ? p->stop : NULL } };
	int status = 0;

	*out = NULL;
	if (!(g.d = mem_zeroed(1, sizeof(*g.d))))
		return error_nomem(err, "a document");
	g.d->kind = DOC_FOLDER;
	status = folder_list_make(&g.list, path, p, err);
	if (!status)
		status = take_all(&g, p, err);
	if (!status)
		status = finish(&g, title, err);
	folder_list_free(&g.list);
	str_free(&g.text);
	if (status)
		document_free(g.d);
	else
		*out = g.d;
	return status;
}

#include "store/document.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/document_text.h"

void document_free(document *d)
{
	if (!d)
		return;
	for (int i = 0; i < d->files; i++)
		free(d->file[i].path);
	for (int i = 0; i < d->skips; i++) {
		free(d->skip[i].path);
		free(d->skip[i].reason);
	}
	free(d->file);
	free(d->skip);
	free(d->page);
	free(d->path);
	free(d->title);
	free(d->text);
	free(d);
}

void document_put_title(str *out, const char *title, const char *path, bool folder)
{
	if (title && title[0]) {
		name_put_shown(out, title);
		return;
	}
	if (strcmp(path, "-") == 0) {
		str_puts(out, "stdin");
		return;
	}
	const char *base = path_base(path), *ext = folder ? "" : path_extension(path);
	size_t n = strlen(base) - (ext[0] ? strlen(ext) + 1 : 0);
	str name = STR_INIT;
	str_put(&name, base, n);
	name_put_shown(out, name.len ? name.data : path);
	out->oom |= name.oom;
	str_free(&name);
}

static int refused(error *err, const char *path, const refusal *why)
{
	str shown = STR_INIT;

	name_put_shown(&shown, strcmp(path, "-") == 0 ? "standard input" : path);
	int code = error_set(err, why->code, "%s: %s", str_text(&shown), why->sentence);
	str_free(&shown);
	return code;
}

/* The strings and the one file of a document whose text is in place. */
static int name_parts(document *d, const char *path, const char *title, error *err)
{
	str t = STR_INIT, shown = STR_INIT;

	document_put_title(&t, title, path, false);
	name_put_shown(&shown, path);
	int status = t.oom || shown.oom ? error_nomem(err, "a document's name") : 0;
	d->path = strdup(path);
	d->title = str_take(&t);
	d->file = mem_zeroed(1, sizeof(*d->file));
	if (!status && d->path && d->title && d->file) {
		d->files = 1;
		d->file[0] = (document_file){ .path = str_take(&shown), .to = d->len, .code = d->kind == DOC_CODE };
	}
	str_free(&shown);
	if (!status && (!d->path || !d->title || !d->file || !d->file[0].path))
		status = error_nomem(err, "a document's name");
	return status;
}

int document_from_bytes(document **out, const char *path, const char *title, str *bytes, const struct stat *st,
			error *err)
{
	document *d = mem_zeroed(1, sizeof(*d));
	str text = STR_INIT;
	refusal why;

	*out = NULL;
	if (!d)
		return error_nomem(err, "a document");
	d->bytes = st ? st->st_size : (int64_t)bytes->len;
	d->mtime_ns = st ? (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec : 0;
	int status = text_extract(&text, &d->page, &d->pages, bytes, &why);
	if (status) {
		str_free(&text);
		document_free(d);
		return refused(err, path, &why);
	}
	d->kind = text_kind(path, text.data, text.len);
	d->len = text.len;
	d->text = str_take(&text);
	if (d->kind == DOC_CODE) {
		/* Old sources have form feeds between their parts; nobody speaks of these as pages. */
		free(d->page);
		d->page = NULL;
		d->pages = 0;
	}
	status = name_parts(d, path, title, err);
	if (!status)
		status = document_seal(d, err);
	if (status)
		document_free(d);
	else
		*out = d;
	return status;
}

static int load_file(document **out, const char *path, const char *title, const progress *p, error *err)
{
	str bytes = STR_INIT;
	struct stat st;
	refusal why;
	bool in = strcmp(path, "-") == 0;
	int status = in ? bytes_read_fd(&bytes, STDIN_FILENO, DOCUMENT_MOST, 0, p, &why)
			: bytes_read_file(&bytes, &st, path, DOCUMENT_MOST, true, p, &why);

	if (status)
		status = refused(err, path, &why);
	else if (!(status = str_ok(&bytes, err)))
		status = document_from_bytes(out, path, title, &bytes, in ? NULL : &st, err);
	str_free(&bytes);
	return status;
}

int document_load(document **out, const char *path, const char *title, const progress *p, error *err)
{
	str real = STR_INIT;
	int status;

	*out = NULL;
	if (strcmp(path, "-") == 0)
		return load_file(out, path, title, p, err);
	status = path_real(&real, path, err);
	if (!status)
		status = path_is_dir(real.data) ? document_load_folder(out, real.data, title, p, err)
						: load_file(out, real.data, title, p, err);
	str_free(&real);
	return status;
}

/* ---- places ---- */

static int newlines(const char *p, size_t n)
{
	int lines = 0;

	for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
		lines++;
	return lines;
}

/* The last whose first byte is at or before at; 0 when there is none. */
static int file_at(const document *d, size_t at)
{
	int lo = 0, hi = d->files;

	while (hi - lo > 1) {
		int mid = lo + (hi - lo) / 2;
		if (d->file[mid].head <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int page_at(const document *d, size_t at)
{
	int lo = 0, hi = d->pages;

	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;
		if (d->page[mid] <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void document_locate(document_place *out, const document *d, size_t from, size_t to)
{
	const document_file *f = &d->file[file_at(d, from)];
	size_t first = from < f->from ? f->from : from < f->to ? from : f->to;
	size_t last = to < f->to ? to : f->to;

	out->file = f;
	out->page = page_at(d, from);
	/* What follows the last newline is a line only when something stands there. */
	if (first == f->to && first > f->from)
		first--;
	out->line_from = 1 + newlines(d->text + f->from, first - f->from);
	out->line_to = out->line_from;
	if (last > first + 1)
		out->line_to += newlines(d->text + first, last - 1 - first);
}

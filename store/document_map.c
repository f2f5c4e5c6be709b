#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "store/document_text.h"

/* A path is any bytes but NUL, JSON holds only UTF-8: one that is not stands as hex. */
#define PATH_HEX "path_hex"

int document_seal(document *d, error *err)
{
	str map = STR_INIT;

	/* Of a single file the path stays out: moved, it is the same document. */
	for (int i = 0; i < d->files; i++) {
		const document_file *f = &d->file[i];
		str_putf(&map, "%s\n%zu %zu %zu\n", d->kind == DOC_FOLDER ? f->path : "", f->head, f->from, f->to);
	}
	for (int i = 0; i < d->pages; i++)
		str_putf(&map, "%zu\n", d->page[i]);

	int status = str_ok(&map, err);
	hasher *h = status ? NULL : hasher_new();
	if (h) {
		hasher_part(h, d->title, strlen(d->title));
		hasher_part(h, d->text, d->len);
		hasher_part(h, map.data, map.len);
		hasher_end(h, d->hash);
	} else if (!status) {
		status = error_nomem(err, "a document's hash");
	}
	str_free(&map);
	return status;
}

/* ---- to JSON ---- */

static bool put_path(json_t *root, const char *path)
{
	size_t n = strlen(path);
	str hex = STR_INIT;

	if (utf8_check(path, n) == n)
		return json_object_set_new(root, "path", json_string(path)) == 0;
	for (size_t i = 0; i < n; i++)
		str_putf(&hex, "%02x", (unsigned char)path[i]);
	bool ok = !hex.oom && json_object_set_new(root, PATH_HEX, json_string(hex.data)) == 0;
	str_free(&hex);
	return ok;
}

static json_t *files_json(const document *d)
{
	json_t *list = json_array();

	for (int i = 0; list && i < d->files; i++) {
		const document_file *f = &d->file[i];
		json_t *item = json_pack("{s:s, s:I, s:I, s:I, s:b}", "path", f->path, "head", (json_int_t)f->head,
					 "from", (json_int_t)f->from, "to", (json_int_t)f->to, "code", (int)f->code);
		if (json_array_append_new(list, item)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *pages_json(const document *d)
{
	json_t *list = json_array();

	for (int i = 0; list && i < d->pages; i++) {
		if (json_array_append_new(list, json_integer((json_int_t)d->page[i]))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *skips_json(const document *d)
{
	json_t *list = json_array();

	for (int i = 0; list && i < d->skips; i++) {
		json_t *item = json_pack("{s:s, s:s}", "path", d->skip[i].path, "reason", d->skip[i].reason);
		if (json_array_append_new(list, item)) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int document_map_json(str *out, const document *d, error *err)
{
	json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:s}", "kind", document_kind_name(d->kind), "title", d->title,
				 "bytes", (json_int_t)d->bytes, "mtime_ns", (json_int_t)d->mtime_ns, "hash", d->hash);
	char *text = NULL;

	/* The setters take no NULL for a value, so a list that could not be made fails here. */
	if (root && put_path(root, d->path) && json_object_set_new(root, "files", files_json(d)) == 0 &&
	    json_object_set_new(root, "pages", pages_json(d)) == 0 &&
	    json_object_set_new(root, "skips", skips_json(d)) == 0)
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (!text)
		return error_nomem(err, "a document's map");
	str_puts(out, text);
	free(text);
	return str_ok(out, err);
}

/* ---- and back: the database may have been damaged, so nothing is taken on trust ---- */

static bool get_offset(size_t *out, const json_t *j, size_t least, size_t most)
{
	json_int_t v = json_integer_value(j);

	if (!json_is_integer(j) || v < 0 || (uint64_t)v < least || (uint64_t)v > most)
		return false;
	*out = (size_t)v;
	return true;
}

static char *copy_string(const json_t *j)
{
	const char *s = json_string_value(j);

	return s ? strdup(s) : NULL;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *get_path(const json_t *root)
{
	const char *hex = json_string_value(json_object_get(root, PATH_HEX));

	if (!hex)
		return copy_string(json_object_get(root, "path"));
	size_t n = strlen(hex) / 2;
	char *path = mem_zeroed(n + 1, 1);
	for (size_t i = 0; path && i < n; i++) {
		int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);
		if (hi < 0 || lo < 0 || hi + lo == 0) {
			free(path);
			return NULL;
		}
		path[i] = (char)(hi << 4 | lo);
	}
	return path;
}

static bool get_files(document *d, const json_t *list)
{
	size_t n = json_array_size(list), at = 0;

	if (!n || n > INT32_MAX || !(d->file = mem_zeroed(n, sizeof(*d->file))))
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *j = json_array_get(list, i);
		document_file *f = &d->file[i];
		if (!(f->path = copy_string(json_object_get(j, "path"))))
			return false;
		d->files++;
		if (!get_offset(&f->head, json_object_get(j, "head"), at, d->len) ||
		    !get_offset(&f->from, json_object_get(j, "from"), f->head, d->len) ||
		    !get_offset(&f->to, json_object_get(j, "to"), f->from, d->len))
			return false;
		f->code = json_is_true(json_object_get(j, "code"));
		at = f->to;
	}
	return true;
}

static bool get_pages(document *d, const json_t *list)
{
	size_t n = json_array_size(list), at = 0;

	if (!n)
		return true;
	if (n > INT32_MAX || !(d->page = mem_zeroed(n, sizeof(*d->page))))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!get_offset(&d->page[i], json_array_get(list, i), at, d->len))
			return false;
		at = d->page[i];
	}
	d->pages = (int)n;
	return true;
}

static bool get_skips(document *d, const json_t *list)
{
	size_t n = json_array_size(list);

	if (!n)
		return true;
	if (n > INT32_MAX || !(d->skip = mem_zeroed(n, sizeof(*d->skip))))
		return false;
	for (size_t i = 0; i < n; i++) {
		const json_t *j = json_array_get(list, i);
		document_skip *s = &d->skip[d->skips++];
		s->path = copy_string(json_object_get(j, "path"));
		s->reason = copy_string(json_object_get(j, "reason"));
		if (!s->path || !s->reason)
			return false;
	}
	return true;
}

static bool get_kind(document_kind *out, const json_t *j)
{
	const char *name = json_string_value(j);

	for (int k = 0; name && k < DOC_KINDS; k++) {
		if (strcmp(name, document_kind_name((document_kind)k)) == 0) {
			*out = (document_kind)k;
			return true;
		}
	}
	return false;
}

static bool from_json(document *d, const json_t *root, const char *text)
{
	const char *hash = json_string_value(json_object_get(root, "hash"));

	if (!hash || !get_kind(&d->kind, json_object_get(root, "kind")) || utf8_check(text, d->len) < d->len)
		return false;
	d->bytes = json_integer_value(json_object_get(root, "bytes"));
	d->mtime_ns = json_integer_value(json_object_get(root, "mtime_ns"));
	d->title = copy_string(json_object_get(root, "title"));
	d->path = get_path(root);
	if (!d->title || !d->path || !get_files(d, json_object_get(root, "files")) ||
	    !get_pages(d, json_object_get(root, "pages")) || !get_skips(d, json_object_get(root, "skips")))
		return false;
	/* Text and map belong together only if they give the hash that was stored with them. */
	return document_seal(d, NULL) == 0 && strcmp(hash, d->hash) == 0;
}

int document_from_map(document **out, const char *map_json, const char *text, size_t len, error *err)
{
	document *d = mem_zeroed(1, sizeof(*d));
	int status = 0;

	*out = NULL;
	if (!d || !(d->text = mem_array(len + 1, 1))) {
		free(d);
		return error_nomem(err, "a document");
	}
	if (len)
		memcpy(d->text, text, len);
	d->text[len] = '\0';
	d->len = len;

	json_t *root = json_loads(map_json, JSON_REJECT_DUPLICATES, NULL);
	if (!root || !from_json(d, root, d->text))
		status = error_set(err, ERR_FORMAT, "the library's record of %s is damaged: remove the document and add it again",
				   d->title ? d->title : "a document");
	json_decref(root);
	if (status)
		document_free(d);
	else
		*out = d;
	return status;
}

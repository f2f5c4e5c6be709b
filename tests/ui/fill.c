/* folio-fill HOME N FILE - a library of N documents, the first of which is FILE's text
 * called "long"; the
 * others are written beside it. Nothing of them is read. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/document.h"
#include "store/store.h"

static int put(store *s, const char *path, const char *title, error *err)
{
	document *d = NULL;
	str map = STR_INIT;
	document_row r = { 0 };
	int status = document_load(&d, path, title, NULL, err);

	if (!status && !(status = document_map_json(&map, d, err))) {
		r = (document_row){ .path = strdup(path), .title = strdup(title), .kind = strdup("text"), .bytes = d->bytes, .mtime_ns = d->mtime_ns,
			            .text_bytes = (int64_t)d->len };
		memcpy(r.hash, d->hash, sizeof(r.hash));
		status = store_put_document(s, &r, d->text, (int64_t)d->len, str_text(&map), err);
	}
	document_row_free(&r);
	str_free(&map);
	document_free(d);
	return status;
}

int main(int argc, char **argv)
{
	store *s = NULL;
	char path[512], title[32];
	error err;

	if (argc != 4)
		return 2;
	int status = store_open(&s, argv[1], &err);
	if (!status)
		status = put(s, argv[3], "long", &err);
	for (int i = 1; !status && i < atoi(argv[2]); i++) {
		snprintf(title, sizeof(title), "document-%04d", i);
		snprintf(path, sizeof(path), "%s.%04d", argv[3], i);
		if (!(status = file_write(path, "A short text.\n", 14, &err)))
			status = put(s, path, title, &err);
	}
	store_close(s);
	if (status)
		fprintf(stderr, "folio-fill: %s\n", err.msg);
	return status != 0;
}

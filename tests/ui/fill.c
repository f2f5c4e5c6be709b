/* folio-fill HOME N FILE - a library of N documents, the first of which is FILE's text
 * called "long"; nothing of them is read. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "store/store.h"

static int put(store *s, const char *path, const char *title, const str *text, error *err)
{
	document_row r = { .path = strdup(path), .title = strdup(title), .kind = strdup("text"), .bytes = (int64_t)text->len };
	int status;

	snprintf(r.hash, sizeof(r.hash), "%032zx", text->len);
	status = store_put_document(s, &r, str_text(text), (int64_t)text->len, "{}", err);
	document_row_free(&r);
	return status;
}

int main(int argc, char **argv)
{
	str text = STR_INIT, small = STR_INIT;
	store *s = NULL;
	char name[64];
	error err;

	if (argc != 4)
		return 2;
	str_puts(&small, "A short text.\n");
	int status = file_read(&text, argv[3], (size_t)1 << 30, &err);
	if (!status && !(status = store_open(&s, argv[1], &err)))
		status = put(s, argv[3], "long", &text, &err);
	for (int i = 1; !status && i < atoi(argv[2]); i++) {
		snprintf(name, sizeof(name), "/nowhere/document-%04d.txt", i);
		status = put(s, name, name + 9, &small, &err);
	}
	store_close(s);
	str_free(&text);
	str_free(&small);
	if (status)
		fprintf(stderr, "folio-fill: %s\n", err.msg);
	return status != 0;
}

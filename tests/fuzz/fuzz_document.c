/* tests/fuzz/fuzz_document.c - hostile documents and hostile maps.
 *
 * The first byte says what the others are: a document's bytes, under one of several
 * names, or a map and, after a NUL, the text it belongs to. Without libFuzzer
 * (clang -fsanitize=fuzzer -DLIBFUZZER) the program replays the files it is given. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "store/document_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void require(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "fuzz_document: %s\n", what);
		abort();
	}
}

static void try_passages(const document *d, size_t from, size_t to)
{
	document_passage *p;
	document_place place;
	size_t at = from;
	int n;

	require(document_passages(&p, &n, d, from, to, NULL) == 0, "passages");
	for (int i = 0; i <= n; i++) {
		size_t begin = i < n ? p[i].from : to;
		require(begin >= at, "passages overlap");
		for (; at < begin; at++)
			require(blank(d->text[at]), "a byte is in no passage");
		if (i == n)
			break;
		require(p[i].to > p[i].from && p[i].to <= to, "a passage ends where it may not");
		document_locate(&place, d, p[i].from, p[i].to);
		require(place.line_from >= 1 && place.line_to >= place.line_from, "lines");
		at = p[i].to;
	}
	free(p);
}

static void try_cut(const document *d, size_t most)
{
	uint32_t *token = malloc((d->len + 1) * sizeof(*token));
	document_section *s;
	size_t n = 0, at = 0, tokens = 0;
	int sections;

	if (!token)
		return;
	for (size_t i = 0; i < d->len; i += 1 + i % 4)
		token[n++] = (uint32_t)i;
	if (document_cut(&s, &sections, d, token, n, most, NULL) == 0) {
		for (int i = 0; i < sections; i++) {
			require(s[i].from == at && s[i].tokens <= most, "sections");
			at = s[i].to;
			tokens += s[i].tokens;
		}
		require(at == d->len && tokens == n, "sections do not cover the text");
		free(s);
	}
	free(token);
}

static void try_all(const document *d, uint8_t seed)
{
	require(utf8_check(d->text, d->len) == d->len && !memchr(d->text, '\r', d->len), "text");
	try_passages(d, 0, d->len);
	try_passages(d, d->len / 3, d->len - d->len / 4);
	try_cut(d, 4 + seed);
}

static void try_map(const uint8_t *data, size_t size, uint8_t seed)
{
	str map = STR_INIT;
	const uint8_t *nul = memchr(data, 0, size);
	size_t n = nul ? (size_t)(nul - data) : size;
	const char *text = nul ? (const char *)nul + 1 : "";
	document *d;

	str_put(&map, data, n);
	if (document_from_map(&d, str_text(&map), text, nul ? size - n - 1 : 0, NULL) == 0) {
		try_all(d, seed);
		document_free(d);
	}
	str_free(&map);
}

static void try_document(const uint8_t *data, size_t size, uint8_t seed)
{
	static const char *const name[] = { "/a.txt", "/a.md", "/a.c", "-" };
	str bytes = STR_INIT, map = STR_INIT;
	document *d, *back;

	str_put(&bytes, data, size);
	if (document_from_bytes(&d, name[seed & 3], NULL, &bytes, NULL, NULL) == 0) {
		try_all(d, seed);
		require(document_map_json(&map, d, NULL) == 0, "map");
		require(document_from_map(&back, map.data, d->text, d->len, NULL) == 0, "map and back");
		document_free(back);
		document_free(d);
	}
	str_free(&bytes);
	str_free(&map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 4)
		try_map(data + 1, size - 1, data[0]);
	else
		try_document(data + 1, size - 1, data[0]);
	return 0;
}

#ifndef LIBFUZZER
#include "base/file.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		str bytes = STR_INIT;
		error err;
		if (file_read(&bytes, argv[i], 0, &err)) {
			fprintf(stderr, "%s\n", err.msg);
			return 1;
		}
		LLVMFuzzerTestOneInput((const uint8_t *)str_text(&bytes), bytes.len);
		str_free(&bytes);
	}
	printf("%d inputs replayed\n", argc - 1);
	return argc > 1 ? 0 : 77;
}
#endif

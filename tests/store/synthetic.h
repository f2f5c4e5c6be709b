/* tests/store/synthetic.h - documents made in memory, and what must hold for any. */

#ifndef TESTS_STORE_SYNTHETIC_H
#define TESTS_STORE_SYNTHETIC_H

#include "tests/support.h"

#include "base/file.h"
#include "store/document.h"
#include "store/document_text.h"

/* A document of one file with this name and text. */
static inline document *document_of(const char *name, const char *text, size_t n)
{
	error err;
	str bytes = STR_INIT;
	document *d;

	str_put(&bytes, text, n);
	OK(document_from_bytes(&d, name, NULL, &bytes, NULL, &err));
	str_free(&bytes);
	return d;
}

static inline bool blank_at(const document *d, size_t i)
{
	return strchr(" \t\n\v\f\r", d->text[i]) != NULL;
}

/* Ascending, disjoint, non-blank at both ends, every non-blank byte of [from, to) in one. */
static inline document_passage *passages_of(const document *d, size_t from, size_t to, int *n)
{
	error err;
	document_passage *p;
	size_t at = from;

	OK(document_passages(&p, n, d, from, to, &err));
	for (int i = 0; i <= *n; i++) {
		size_t begin = i < *n ? p[i].from : to;
		if (i < *n && (begin < at || p[i].to <= begin || p[i].to > to || blank_at(d, p[i].to - 1)))
			fail_msg("passage %d of %d is [%zu, %zu) after %zu", i, *n, begin, p[i].to, at);
		for (; at < begin; at++)
			if (!blank_at(d, at))
				fail_msg("byte %zu (%c) is in no passage", at, d->text[at]);
		at = i < *n ? p[i].to : at;
	}
	return p;
}

/* A token begins where a word does, with the blank before it, where blanks do, and now
 * and then inside a word, never inside a character: what tokenizers do, roughly. */
static inline uint32_t *tokens_of(const document *d, size_t *n)
{
	uint32_t *at = malloc((d->len + 1) * sizeof(*at));

	assert_non_null(at);
	*n = 0;
	for (size_t i = 0; i < d->len; i++) {
		bool begins = i == 0 || (blank_at(d, i) != blank_at(d, i - 1) ? d->text[i - 1] != ' ' : i % 9 == 0);
		if (begins && (d->text[i] & 0xc0) != 0x80)
			at[(*n)++] = (uint32_t)i;
	}
	return at;
}

#endif

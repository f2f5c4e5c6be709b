/* store/document.h - a document as text, with the way back to where it came from.
 *
 * text is UTF-8, well-formed, newlines are \n. A folder becomes one text: before
 * each file stands a header line "=== path/in/folder ===" on a line of its own. */

#ifndef STORE_DOCUMENT_H
#define STORE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/progress.h"
#include "base/str.h"

typedef enum { DOC_TEXT, DOC_MARKDOWN, DOC_CODE, DOC_FOLDER, DOC_KINDS } document_kind;
const char *document_kind_name(document_kind k);

/* One file's stretch of the text. */
typedef struct {
	char *path;        /* relative to the folder; the document's path when it is one file;
	                      control characters and ill-formed bytes made visible */
	size_t head;       /* first byte of its header line (== from when there is none) */
	size_t from, to;   /* its own text */
	bool code;         /* cut into passages by lines, not by paragraphs */
} document_file;

typedef struct {
	char *path;   /* what was left out, and why, for the person */
	char *reason; /* "binary", "not UTF-8", "larger than 32 MiB", ... */
} document_skip;

typedef struct {
	document_kind kind;
	char *path;              /* absolute; "-" for standard input */
	char *title;             /* for the prompt and the list: file name without extension, folder name */
	char *text;
	size_t len;
	document_file *file;     /* at least one */
	int files;
	size_t *page;            /* first byte of every page, NULL where there are no pages */
	int pages;
	document_skip *skip;
	int skips;
	int64_t bytes, mtime_ns; /* on disk: of the file, or summed and latest over the folder */
	char hash[HASH_TEXT];    /* of title, text and map */
} document;

/* path: a file, a folder or "-". title NULL: made from the path. A binary file, an
 * empty one, one that is not UTF-8 (a BOM and UTF-16 with a BOM are converted) is
 * ERR_FORMAT here and a skip inside a folder. A folder takes the files that git
 * would list (tracked, or untracked and not ignored), in path order; without a
 * repository, or when the one around it ignores the folder, every file but hidden
 * ones. Links out of the folder, other repositories in it and what is no regular file
 * are skipped by name. Form feeds are page breaks in text and Markdown, and go. */
int document_load(document **out, const char *path, const char *title, const progress *p, error *err);
void document_free(document *d); /* NULL is fine */

/* The map (kind, title, path, files, pages; not the text) as JSON, and back: so the
 * store can give sources long after the file is gone. text is copied. */
int document_map_json(str *out, const document *d, error *err);
int document_from_map(document **out, const char *map_json, const char *text, size_t len, error *err);

/* ---- places ---- */

typedef struct {
	const document_file *file;
	int page;               /* 1-based; 0: no pages */
	int line_from, line_to; /* 1-based in the file, inclusive */
} document_place;

/* Where bytes [from, to) of the text lie; a stretch over several files is put
 * where its first byte is and ends with that file. */
void document_locate(document_place *out, const document *d, size_t from, size_t to);

/* ---- passages: what a source shows ---- */

typedef struct {
	size_t from, to; /* bytes of the text, without surrounding blank lines */
} document_passage;

/* Cut bytes [from, to) into passages, in order: a paragraph of prose (a Markdown
 * heading goes with what follows it; a very long paragraph is cut at sentence ends
 * near 1200 bytes; several one-line paragraphs stay apart), or up to 12 lines of
 * code, cut at blank lines where there are some. Every non-blank byte lies in
 * exactly one. *out is malloc'ed. */
int document_passages(document_passage **out, int *n, const document *d, size_t from, size_t to, error *err);

/* ---- sections: a document longer than the window ---- */

typedef struct {
	size_t from, to; /* bytes of the text */
	size_t tokens;   /* of token_at that begin in it */
} document_section;

/* Cut into the fewest sections of at most most_tokens tokens, about equally long,
 * at file boundaries where they are near, else at paragraph ends, else at line
 * ends, else at spaces, else between characters. token_at: byte offset in the text
 * of each of its n tokens, ascending. Sections cover the text without gap. *out is
 * malloc'ed. */
int document_cut(document_section **out, int *sections, const document *d, const uint32_t *token_at,
                 size_t n, size_t most_tokens, error *err);

#endif

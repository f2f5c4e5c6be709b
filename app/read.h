/* app/read.h - reading a document once: extract, cut into sections, prefill,
 * cluster, write. What was read before and still fits is kept; an interrupted
 * read goes on where it stopped. */

#ifndef APP_READ_H
#define APP_READ_H

#include "app/folio.h"
#include "base/progress.h"
#include "engine/tokenizer.h"
#include "store/document.h"

/* One context to be: a stretch of the text with the words around it. */
typedef struct {
	size_t from, to;       /* bytes of the document's text */
	tokens tok;            /* at[]: bytes of the document's text, or READ_NOT_TEXT */
	char key[HASH_TEXT];
	bool ready;            /* stored already, nothing to do */
	int resumed;           /* tokens finished by an interrupted read */
} read_section;

#define READ_NOT_TEXT UINT32_MAX /* a token of the words around the text */

/* What reading will mean, before it starts. */
typedef struct {
	document *doc;
	int sections;
	read_section *section;
	int window;            /* tokens of the model */
	int64_t text_tokens;   /* of the document alone */
	int64_t tokens;        /* of all sections, with the words around them */
	int64_t disk_bytes;    /* of all contexts */
	int64_t new_bytes;     /* of those that are not stored yet */
	int ready;             /* sections that are */
	int64_t resumed;       /* tokens finished by an interrupted read */
} read_plan;

/* Sections numbers of a packed context file that are not the engine's. */
enum {
	PACKED_IDS = 100,   /* token ids, i32 */
	PACKED_PLACES = 101 /* byte of the document's text of each, u32, READ_NOT_TEXT */
};

/* Tokens of bytes [from, to) of a text with the words around a document; at[] as in
 * read_section. */
int read_encode(tokens *out, const engine *e, const char *title, const char *text, size_t from, size_t to, error *err);

/* Tokens kept free behind a stored context for questions and answers. */
int read_reserve(int window);

/* context_write_fn into a packed file; ud is its packed_writer. */
int read_put_section(void *ud, int section, int layer, const void *bytes, size_t n, error *err);

int read_plan_make(read_plan **out, folio *f, const char *path, const char *title,
                   const progress *p, error *err);
void read_plan_free(read_plan *p); /* NULL is fine */

/* Do it. ERR_CANCEL keeps what is finished. row: the document's, out. name: what the
 * person calls it, NULL to make one from the title. */
int read_run(document_row *row, folio *f, read_plan *plan, const char *name, const progress *p, error *err);

#endif

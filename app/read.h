/* app/read.h - reading a document once: extract, cut into sections, prefill,
 * cluster, write. What was read before and still fits is kept; an interrupted
 * read goes on where it stopped. */

#ifndef APP_READ_H
#define APP_READ_H

#include "app/folio.h"
#include "base/progress.h"
#include "store/document.h"

/* What reading will mean, before it starts. */
typedef struct {
	document *doc;
	int sections;
	document_section *section;   /* [sections] */
	int64_t tokens;              /* of all sections, with the words around them */
	int64_t disk_bytes;          /* of all contexts */
	int ready;                   /* sections that are stored already */
	int64_t resumed_tokens;      /* finished by an interrupted read */
	int window;                  /* tokens a section may have */
} read_plan;

int read_plan_make(read_plan **out, folio *f, const char *path, const char *title,
                   const progress *p, error *err);
void read_plan_free(read_plan *p); /* NULL is fine */

/* Do it. ERR_CANCEL keeps what is finished. row: the document's, out. */
int read_run(document_row *row, folio *f, read_plan *plan, const progress *p, error *err);

#endif

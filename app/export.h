/* app/export.h - a stored conversation as a file for elsewhere. */

#ifndef APP_EXPORT_H
#define APP_EXPORT_H

#include <jansson.h>

#include "app/folio.h"

/* {"id", "document", "title", "turns": [{"question", "answer", "sources", ...}]}; the
 * caller's. */
json_t *export_json(const conversation_row *c, const char *document_name, const turn_row *turn, int n);

/* The conversation about a document as JSON or as Markdown, into out. ERR_NOTFOUND. */
int export_text(str *out, folio *f, int64_t document, int64_t conversation, bool json, error *err);

#endif

/* app/tui_model.h - the interface's values (ui/model.h) made from the library's rows.
 * Each function fills its fields of an otherwise zeroed ui_model, whose strings and
 * arrays then belong to it; tui_move hands a group over to another. */

#ifndef APP_TUI_MODEL_H
#define APP_TUI_MODEL_H

#include "app/answer.h"
#include "ui/model.h"

/* Groups of fields that are made and replaced together. */
typedef enum {
	PART_LIBRARY,       /* document, documents, home, disk_used, disk_free, loaded */
	PART_TEXT,          /* open, open_name, open_title, open_tokens, text, line, page, file */
	PART_CONVERSATION,  /* conversation, turn */
	PART_CONVERSATIONS, /* conversations */
	PART_MODELS,        /* model, fetch_offer */
	PART_SETTINGS,      /* setting */
	PART_LOG,
	PARTS
} tui_part;

/* Free what to has of the part and take from's; from is left without it. */
void tui_move(ui_model *to, ui_model *from, tui_part part);
void tui_free(ui_model *m); /* all parts */

/* fingerprint: of the engine in use, "": none, then what is read of a document is not known. */
int tui_library(ui_model *out, folio *f, const char *fingerprint, error *err);
int tui_text(ui_model *out, folio *f, int64_t id, error *err);
/* conversation 0: the latest one about the document, if there is any. */
int tui_conversation(ui_model *out, folio *f, int64_t doc, int64_t conversation, error *err);
int tui_conversations(ui_model *out, folio *f, int64_t doc, error *err);
int tui_models(ui_model *out, folio *f, error *err);
int tui_settings(ui_model *out, const config *c, error *err);

/* A turn's sources, from what the store or an answer says. */
int tui_sources_json(ui_turn *t, const char *json, error *err);
/* "first word after 0.4 s, 61 tokens/s, ..." from a turn's settings. */
void tui_note(str *out, const answer *a);

void ui_turn_free(ui_turn *t);

#endif

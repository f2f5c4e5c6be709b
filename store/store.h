/* store/store.h - the library on disk: which documents, contexts, conversations
 * and models there are. One SQLite database (WAL) and a folder of packed context
 * files (store/packed.h) under one home folder, all private to the user.
 *
 * Used by one thread at a time; several processes may use one library, each call
 * is a transaction and waits up to 5 s for another's. Rows that a function gives
 * out are owned by the caller and freed by the matching _free. */

#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"

typedef struct store store;

/* home is created (0700) when missing. ERR_FORMAT for a database that is damaged or
 * was written by a newer folio, ERR_BUSY when another process holds it too long. */
int store_open(store **out, const char *home, error *err);
void store_close(store *s); /* NULL is fine */
const char *store_home(const store *s);

/* "contexts/NAME" under home, in out. Names there: *.kv contexts, *.kv.tmp contexts
 * being written, *.part interrupted reads. */
void store_context_path(str *out, const store *s, const char *file);

/* ---- documents ---- */

typedef struct {
	int64_t id;
	char *name;         /* unique, what a person types: "frankenstein", "frankenstein-2" */
	char *path, *title, *kind;
	char hash[HASH_TEXT];
	int64_t bytes, mtime_ns;
	int64_t text_bytes;
	int64_t added, used; /* unix seconds */
} document_row;

void document_row_free(document_row *r); /* frees the strings, not r itself */
void document_rows_free(document_row *r, int n);

/* Insert, or update the one with the same path (the same hash when path is "-").
 * r->id is set; r->name, when empty, becomes the row's name, for a new one a unique
 * one made from title or path; a name that is taken or malformed is ERR_ARG. text
 * and map are kept beside it, as are its conversations. Contexts of another hash are
 * out of use from here on: store_list_contexts does not give them. */
int store_put_document(store *s, document_row *r, const char *text, int64_t text_len,
                       const char *map_json, error *err);
/* Text and map into out strings; either may be NULL. */
int store_document_text(store *s, int64_t document, str *text, str *map_json, error *err);
/* word: a name, an id, a path (resolved first; the file may be gone), or an
 * unambiguous prefix of a name, else of a title; in this order. ERR_NOTFOUND;
 * ERR_ARG lists what an ambiguous prefix could mean. */
int store_find_document(document_row *out, store *s, const char *word, error *err);
int store_list_documents(document_row **out, int *n, store *s, error *err); /* last used first */
int store_touch_document(store *s, int64_t document, error *err);           /* used = now */
int store_rename_document(store *s, int64_t document, const char *name, error *err);
/* Rows first, in one transaction, then the files. *freed: bytes of context files removed. */
int store_remove_document(store *s, int64_t document, int64_t *freed, error *err);

/* ---- contexts: one a section of a document and a model ---- */

typedef struct {
	int64_t id, document;
	int section, sections;          /* 0-based, of how many */
	char model[HASH_TEXT];          /* engine fingerprint */
	char key[HASH_TEXT];            /* of document hash, section bytes, fingerprint, token ids */
	int64_t from_byte, to_byte;     /* of the document's text */
	int64_t tokens, file_bytes;
	char file[80];                  /* name under contexts/ */
	int64_t created, used;
} context_row;

/* The row comes last: the file must be in place already (ERR_NOTFOUND). Replaces the
 * row with the same document, model and section; when the last section of a reading
 * comes, rows that no longer fit the document go. Files that no row names any more
 * go with them; documents with the same content may share one. r->id and
 * r->file_bytes are set. */
int store_put_context(store *s, context_row *r, error *err);
/* All sections of a document for a model, by section, of the text it has now. *n may
 * be 0, and less than .sections after an interrupted read. */
int store_list_contexts(context_row **out, int *n, store *s, int64_t document, const char *model, error *err);
/* What was read, over all documents: a row for each document and model, most recently
 * used first within a document, contexts of an earlier text left out. */
typedef struct {
	int64_t document;
	char model[HASH_TEXT];
	int sections, have;             /* how many there are, and are stored */
	int64_t tokens, file_bytes;
} read_row;
int store_list_read(read_row **out, int *n, store *s, error *err);
/* model NULL: for every model. Rows that no longer fit the document go with their files. */
int store_remove_contexts(store *s, int64_t document, const char *model, int64_t *freed, error *err);
int store_touch_contexts(store *s, int64_t document, const char *model, error *err);

/* What the library holds, and what could be freed. */
typedef struct {
	int64_t context_bytes;   /* of files that rows point at */
	int64_t orphan_bytes;    /* files in contexts/ that no row points at and nobody writes */
	int64_t partial_bytes;   /* interrupted reads */
	int64_t free_bytes;      /* on the file system */
	int documents, contexts, conversations;
} store_usage;
int store_get_usage(store_usage *out, store *s, error *err);

/* Remove least recently used contexts (all sections of a document and model at once,
 * never of document keep) until need more bytes fit into budget. budget 0: no limit.
 * Rows of documents stay. ERR_FULL when it cannot be done, and then none goes;
 * *freed tells what went. Only called when the person set a budget. */
int store_make_room(store *s, int64_t need, int64_t budget, int64_t keep, int64_t *freed, error *err);

/* Remove what dead processes left: contexts being written that nobody has locked,
 * contexts without a row (once older than 10 minutes: their row may be on its way)
 * and interrupted reads of more than 30 days ago. */
int store_sweep(store *s, int64_t *freed, error *err);

/* SQLite's own integrity check and foreign keys; files are packed_verify's. */
int store_check(store *s, error *err);

/* ---- conversations ---- */

typedef struct {
	int64_t id, document;
	char *title; /* its first question */
	int64_t created, used;
	int turns;
} conversation_row;
void conversation_rows_free(conversation_row *r, int n);

typedef struct {
	int64_t id, conversation;
	char *question, *answer;
	char *sources_json;  /* array as in `ask --json` */
	char *settings_json; /* budget, style, temperature, model, ... and what was measured */
	int64_t asked;       /* unix seconds */
	int64_t took_ms;
} turn_row;
void turn_rows_free(turn_row *r, int n);

int store_new_conversation(int64_t *id, store *s, int64_t document, const char *title, error *err);
int store_list_conversations(conversation_row **out, int *n, store *s, int64_t document, error *err);
int store_remove_conversation(store *s, int64_t conversation, error *err);
int store_put_turn(store *s, turn_row *t, error *err); /* t->id is set */
int store_list_turns(turn_row **out, int *n, store *s, int64_t conversation, error *err);
/* Forget the turns from this one on (edit and ask again). */
int store_rewind_turns(store *s, int64_t conversation, int64_t from_turn, error *err);

/* ---- models ---- */

typedef struct {
	int64_t id;
	char *name, *path;
	char fingerprint[HASH_TEXT]; /* of the weights: model_open's; "" when not hashed yet */
	int64_t bytes, mtime_ns;     /* the fingerprint holds only while these do */
	char *profile_json;          /* what was learnt about it: retrieval heads, ... "" at first */
	bool is_default;
	int64_t added;
} model_row;
void model_row_free(model_row *r);
void model_rows_free(model_row *r, int n);

/* By path; m->id, m->name (made unique), m->is_default are set to the row's.
 * profile_json NULL: keep the stored one as long as the fingerprint is the same.
 * is_default: true makes it the default, false leaves that as it is. */
int store_put_model(store *s, model_row *m, error *err);
/* word: name, id, path or an unambiguous prefix of a name; NULL: the default, or the
 * only one. */
int store_find_model(model_row *out, store *s, const char *word, error *err);
int store_list_models(model_row **out, int *n, store *s, error *err);
int store_use_model(store *s, int64_t model, error *err); /* make it the default */
int store_remove_model(store *s, int64_t model, error *err); /* the row; never the file */

#endif

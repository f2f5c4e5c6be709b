/* engine/chat.h - how a document and a question are put to a model.
 *
 * The document comes first and does not depend on the question, so that its
 * context can be stored. The families' words are data (assets/prompts.ini), the
 * family is recognised from the model's own chat template. */

#ifndef ENGINE_CHAT_H
#define ENGINE_CHAT_H

#include "base/error.h"
#include "base/str.h"
#include "engine/tokenizer.h"

typedef enum {
	CHAT_PLAIN, /* no template, or one we do not know */
	CHAT_CHATML,
	CHAT_LLAMA2,
	CHAT_LLAMA3,
	CHAT_MISTRAL,
	CHAT_GEMMA,
	CHAT_ZEPHYR,
	CHAT_FAMILIES,
} chat_family;

typedef enum { CHAT_PHRASE, CHAT_SENTENCE, CHAT_FREE, CHAT_STYLES } chat_style;

const char *chat_family_name(chat_family f); /* "chatml", ... also the section in prompts.ini */
int chat_style_parse(chat_style *out, const char *text, error *err);
const char *chat_style_name(chat_style s);

/* CHAT_PLAIN for "" and for a template that is none of ours. */
chat_family chat_recognise(const char *chat_template);

typedef struct chat chat;

/* words: the text of prompts.ini. ERR_FORMAT names what is missing in it. */
int chat_open(chat **out, chat_family f, const char *words, size_t words_len, error *err);
void chat_close(chat *c);

enum { CHAT_PIECES = 8 };

/* The stored part: system words, title, document. Fills piece[], returns how many;
 * *text_piece_index is the one that is the document's text. title and text must
 * outlive the pieces. Encode with whole = true. */
int chat_document(const chat *c, text_piece piece[CHAT_PIECES], int *text_piece_index,
                  const char *title, const char *text, size_t text_len);

/* The same for a text that is read for one question only, which stands before it, too:
 * for an adapter with question_first. question must outlive the pieces as well. */
int chat_focused(const chat *c, text_piece piece[CHAT_PIECES], const char *question,
                 const char *title, const char *text, size_t text_len);

/* What follows for a question. first: the first question after the document;
 * otherwise a later turn, which also closes the answer before it. words points to
 * memory owned by scratch. Encode with whole = false. */
int chat_question(const chat *c, text_piece piece[CHAT_PIECES], str *scratch,
                  const char *question, chat_style style, bool first);

/* Hash of the words that surround a document: part of a context's fingerprint. */
const char *chat_fingerprint(const chat *c);

#endif

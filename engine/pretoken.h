/* engine/pretoken.h - cutting text into words before byte-level BPE.
 *
 * The rules are regular expressions published with the models, applied one after
 * the other: each cuts further what the ones before left. Parts that a rule does not
 * match stay whole. */

#ifndef ENGINE_PRETOKEN_H
#define ENGINE_PRETOKEN_H

#include <stddef.h>

#include "base/error.h"

typedef struct pretoken pretoken;

/* name: tokenizer.ggml.pre. ERR_UNSUPPORTED, by name, if its rules are unknown. */
int pretoken_open(pretoken **out, const char *name, error *err);
void pretoken_close(pretoken *p); /* NULL is fine */

/* Whole words that are vocabulary entries are taken as they are, without merging. */
int pretoken_whole_words(const pretoken *p);

/* Call word(ud, from, to) for every word of well-formed UTF-8 text, in order; their
 * stretches cover the text. A negative result of word stops and is returned. */
typedef int (*pretoken_fn)(void *ud, size_t from, size_t to, error *err);
int pretoken_split(const pretoken *p, const char *text, size_t n, pretoken_fn word, void *ud, error *err);

#endif

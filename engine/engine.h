/* engine/engine.h - an opened model, ready to run: weights, tokenizer, chat words,
 * threads. Immutable and shareable, but its thread pool runs one session's work
 * at a time. */

#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/pool.h"
#include "engine/adapter.h"
#include "engine/chat.h"
#include "engine/model.h"
#include "engine/tokenizer.h"

typedef struct {
	model *model;
	adapter *adapter; /* NULL: the model as it is */
	tokenizer *tok;
	chat *chat;
	chat_family family;
	pool *pool;
	char fingerprint[HASH_TEXT]; /* model, adapter, tokenizer, RoPE, KV type, layout, words, format */
} engine;

typedef struct {
	int threads;                  /* 0: all cores */
	const char *prompts;          /* text of prompts.ini */
	size_t prompts_len;
	const char *fingerprint_hint; /* see model_open; NULL: hash the file */
} engine_options;

int engine_open(engine **out, const char *path, const engine_options *o, error *err);
/* Put an adapter over the model (engine/adapter.h): from the file name, or, if bytes
 * is not NULL, from n bytes of memory that name describes. Once, before any session;
 * contexts stored with and without it are different ones. */
int engine_adapt(engine *e, const char *name, const void *bytes, size_t n, error *err);

void engine_close(engine *e); /* NULL is fine */

/* The instruction set that the kernels use here: "avx2", ... */
const char *engine_isa_name(void);

#endif

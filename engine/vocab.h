/* engine/vocab.h - a model file's vocabulary as it stands there, before a
 * tokenizer is built from it. Everything is borrowed from the model file. */

#ifndef ENGINE_VOCAB_H
#define ENGINE_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	const char *text; /* not NUL-terminated */
	size_t len;
} vocab_text;

typedef enum {
	VOCAB_SPM_PROTO, /* a SentencePiece model file (tokenizer.model), in proto */
	VOCAB_SPM_LIST,  /* GGUF "llama" or "t5": pieces with scores and types */
	VOCAB_BPE_LIST,  /* GGUF "gpt2": byte-level pieces and merges */
} vocab_kind;

/* GGUF's token types, and SentencePiece's. */
enum {
	TOKEN_NORMAL = 1,
	TOKEN_UNKNOWN = 2,
	TOKEN_CONTROL = 3,
	TOKEN_USER_DEFINED = 4,
	TOKEN_UNUSED = 5,
	TOKEN_BYTE = 6,
};

typedef struct {
	vocab_kind kind;
	const char *model;   /* tokenizer.ggml.model: "llama", "gpt2", "t5"; "" if not from a GGUF */
	const char *pre;     /* tokenizer.ggml.pre: "smollm", "llama-bpe", ...; "" if absent */
	const void *proto;
	size_t proto_len;
	int n;               /* tokens */
	const vocab_text *text;  /* [n] */
	const float *score;      /* [n] or NULL */
	const int32_t *type;     /* [n] or NULL (all normal) */
	int n_merges;
	const vocab_text *merge; /* [n_merges] "left right" */
	const void *charsmap;    /* precompiled normaliser of a unigram model, or NULL */
	size_t charsmap_len;
	int bos, eos, eot, unk, pad; /* token ids, -1 when the file names none */
	/* -1: the file does not say, the tokenizer's family decides. */
	int add_bos, add_eos, add_space_prefix, remove_extra_whitespaces;
} vocab_source;

#endif

/* engine/adapter.h - a low-rank adapter (LoRA; Hu et al. 2021) over a model's linear
 * maps: W x becomes W x + alpha / rank * B (A x), with W left in its own format.
 *
 * Read from GGUF as llama.cpp writes it: general.type "adapter", adapter.type "lora",
 * adapter.lora.alpha, and for each map blk.N.X.weight.lora_a [rank, in] and .lora_b
 * [out, rank]. The factors of maps with the same input lie together, so that one
 * product serves them all. They are kept in Q8_0 where the sizes allow it, else in
 * f16: decoding waits for memory, and a difference needs no more digits than the
 * weights it is added to. Immutable once open. */

#ifndef ENGINE_ADAPTER_H
#define ENGINE_ADAPTER_H

#include "engine/model.h"

typedef enum { AD_Q, AD_K, AD_V, AD_O, AD_GATE, AD_UP, AD_DOWN, AD_MAPS } adapter_map;
typedef enum { AD_IN_ATTN, AD_IN_O, AD_IN_FF, AD_IN_DOWN, AD_INPUTS } adapter_input;

typedef struct {
	weights a[AD_INPUTS]; /* [sum of ranks, in]; out 0: no map with this input is adapted */
	weights b[AD_MAPS];   /* [out, rank], alpha / rank folded in; out 0: not adapted */
	int at[AD_MAPS];      /* where the map's part of a's product begins */
} adapter_layer;

typedef struct {
	char name[96];        /* for people: general.name or the file's name */
	adapter_layer *layer; /* [model's layers] */
	int widest;           /* largest a[].out */
	int rank;             /* largest rank of a map */
	int64_t bytes;        /* of factors in memory */
	/* What the model was taught to answer when a text does not answer the question, and
	 * the probability from which on it does: folio.refusal.text and folio.refusal.least,
	 * keys of our own; "" and 0 without them. */
	char refusal[96];
	double refuse_at;
	/* It was taught to answer from passages that it read with the question before them:
	 * folio.question.first, another key of our own, true or false; and refuse_at there:
	 * folio.question.least, without which it is the same. */
	bool question_first;
	double first_refuse_at;
	char fingerprint[HASH_TEXT];
	char *memory; /* [room]: all factors */
	size_t room;
} adapter;

/* From the file name, or, if bytes is not NULL, from n bytes of memory that name
 * describes (not kept). ERR_UNSUPPORTED when it was made for another architecture, for maps that folio
 * does not adapt, or when m is a folder (whose rows lie in another order than the
 * GGUF's); ERR_FORMAT when it does not fit m or is damaged. */
int adapter_open(adapter **out, const char *name, const void *bytes, size_t n, const model *m, error *err);
void adapter_close(adapter *a); /* NULL is fine */

static inline adapter_input adapter_input_of(adapter_map map)
{
	return map <= AD_V ? AD_IN_ATTN : map == AD_O ? AD_IN_O : map == AD_DOWN ? AD_IN_DOWN : AD_IN_FF;
}

#endif

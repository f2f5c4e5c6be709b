/* engine/model.h - a model file opened: hyperparameters, weights, vocabulary.
 *
 * One struct for GGUF files and Hugging Face folders. The weights are views into
 * the mapped file and keep its number format. The architecture is data: a table
 * in arch.c says which of the flags below hold; the forward pass knows flags only.
 * Immutable once open, readable from any thread. */

#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "engine/vocab.h"
#include "kernels/matmul.h"
#include "kernels/rope.h"

typedef struct {
	char arch[32];     /* "llama", "mistral", "qwen2", "qwen3" */
	char name[96];     /* for people: general.name or the folder's name */
	char size[24];     /* general.size_label, or counted: "135M" */
	char file_type[24];/* the format most weights are in: "Q4_1" */
	int layers, dim, heads, kv_heads, head_dim, ff, vocab;
	int context;       /* tokens the model was made for */
	float eps;         /* rmsnorm */
	rope_pairs pairs;
	int rot;           /* rotated elements of a head */
	float rope_base;
	float rope_gain;   /* 1 but for YaRN-like scalings */
	float *rope_freq;  /* [rot / 2], every scaling already applied */
	bool qkv_bias, qk_norm, tied_output;
	int64_t weights_bytes;
	int64_t parameters;
} model_params;

/* Vectors are f32, converted on opening where the file has them otherwise. */
typedef struct {
	const float *attn_norm, *ffn_norm;     /* [dim] */
	weights q;                             /* [heads * head_dim, dim] */
	weights k, v;                          /* [kv_heads * head_dim, dim] */
	weights o;                             /* [dim, heads * head_dim] */
	const float *q_bias, *k_bias, *v_bias; /* or NULL */
	const float *q_norm, *k_norm;          /* [head_dim] or NULL */
	weights gate, up;                      /* [ff, dim] */
	weights down;                          /* [dim, ff] */
} model_layer;

typedef struct {
	model_params p;
	weights embedding;        /* [vocab, dim] */
	weights output;           /* [vocab, dim]; the embedding when tied */
	const float *output_norm; /* [dim] */
	model_layer *layer;       /* [layers] */
	vocab_source vocab;
	const char *chat_template; /* "" if the file has none */
	char fingerprint[HASH_TEXT]; /* weights' content, hyperparameters, vocabulary */
	void *impl;               /* what the views point into; model.c's own */
} model;

/* path: a .gguf file, or a folder with config.json, *.safetensors and
 * tokenizer.model. The whole file is hashed for the fingerprint; fingerprint_hint,
 * if not NULL, is believed instead (the store remembers it with size and time).
 * ERR_FORMAT for bytes that are not what they should be, ERR_UNSUPPORTED, by name,
 * for an architecture, a tensor format or a vocabulary that folio cannot run. */
int model_open(model **out, const char *path, const char *fingerprint_hint, error *err);
void model_close(model *m); /* NULL is fine */

/* Only the vocabulary and the chat template, for counting tokens: of a GGUF file,
 * with or without weights in it, of a folder, or of a tokenizer.model. The weights
 * and most of p stay empty. */
int model_open_vocabulary(model **out, const char *path, error *err);

/* Bytes of keys and values of one token over all layers, f16. */
int64_t model_kv_bytes(const model_params *p);

#endif

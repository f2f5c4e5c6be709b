/* engine/model_impl.h - what model.c, model_gguf.c and model_hf.c share: the two
 * kinds of file answer the same questions. */

#ifndef ENGINE_MODEL_IMPL_H
#define ENGINE_MODEL_IMPL_H

#include "base/file.h"
#include "engine/arch.h"
#include "engine/gguf.h"
#include "engine/model.h"
#include "engine/safetensors.h"

/* A tensor as both kinds of file can give it. */
typedef struct {
	dtype type;
	int64_t out, in; /* a vector: out 1 */
	const void *data;
	uint64_t bytes;
} tensor_view;

/* The names of a model's tensors, with %d for the layer. */
typedef enum {
	T_EMBEDDING, T_OUTPUT, T_OUTPUT_NORM, T_ATTN_NORM, T_FFN_NORM, T_Q, T_K, T_V, T_O,
	T_Q_BIAS, T_K_BIAS, T_V_BIAS, T_Q_NORM, T_K_NORM, T_GATE, T_UP, T_DOWN, T_COUNT,
} tensor_role;

typedef struct {
	char *path;
	bool hf;
	gguf g;
	safetensors st;
	file_map tokenizer;      /* tokenizer.model of a folder */
	vocab_text *text, *merge;
	char *strings;           /* NUL-terminated copies for vocab and template */
	void **vector;           /* converted vectors, copied scores and types */
	size_t vectors, vectors_cap;
} model_impl;

/* false if the file has no such tensor. layer is ignored for the first three. */
bool gguf_role(tensor_view *out, const gguf *g, tensor_role role, int layer);
bool hf_role(tensor_view *out, const safetensors *s, tensor_role role, int layer);

/* Hyperparameters (rope_freq included) and vocabulary. */
int gguf_params(model *m, model_impl *im, error *err);
int hf_params(model *m, model_impl *im, error *err);

/* The vocabulary and chat template alone. */
int gguf_vocabulary(model *m, model_impl *im, error *err);

/* base^(-2j / rot) into p->rope_freq. */
int rope_plain(model_params *p, error *err);
/* Llama 3.1's scaling, after "rope_type": "llama3". */
void rope_llama3(model_params *p, double factor, double low, double high, double original);

/* value within [lo, hi] as int, else ERR_FORMAT naming the key. */
int model_int(int *out, double value, double lo, double hi, const char *path, const char *key, error *err);

#endif

/* tests/engine/tiny_model.h - one-layer models of a few bytes, as a GGUF file and as
 * a Hugging Face folder, to be made wrong in one place by a test. */

#ifndef TESTS_TINY_MODEL_H
#define TESTS_TINY_MODEL_H

#include "tests/engine/gguf_writer.h"

enum { TINY_DIM = 8, TINY_HEADS = 2, TINY_KV = 1, TINY_HEAD = 4, TINY_FF = 12, TINY_VOCAB = 5 };

/* The parts of a GGUF file, counted as they grow. */
typedef struct {
	str values, infos, data;
	uint64_t n_values, n_tensors;
} tiny;

static inline void tiny_text(tiny *t, const char *key, const char *v)
{
	put_key_text(&t->values, key, v);
	t->n_values++;
}

static inline void tiny_u32(tiny *t, const char *arch, const char *key, uint32_t v)
{
	str full = STR_INIT;

	str_putf(&full, "%s%s%s", arch, arch[0] ? "." : "", key);
	put_key_u32(&t->values, str_text(&full), v);
	t->n_values++;
	str_free(&full);
}

static inline void tiny_f32(tiny *t, const char *key, float v)
{
	put_key(&t->values, key, GGUF_F32);
	str_put(&t->values, &v, sizeof(v));
	t->n_values++;
}

/* A boolean; anything but 0 and 1 is none. */
static inline void tiny_bool(tiny *t, const char *key, int v)
{
	put_key(&t->values, key, GGUF_BOOL);
	str_putc(&t->values, (char)v);
	t->n_values++;
}

/* F32 [out, in] with small values of its own. */
static inline void tiny_tensor(tiny *t, const char *name, int out, int in)
{
	put_tensor(&t->infos, name, (uint64_t)in, (uint64_t)out, 0, t->data.len);
	t->n_tensors++;
	for (int i = 0; i < out * in; i++) {
		float v = (float)((i * 7 + out) % 13) * 0.125f - 0.75f;
		str_put(&t->data, &v, sizeof(v));
	}
	put_padding(&t->data, 32);
}

/* The file's bytes; t is empty after it. */
static inline void tiny_end(tiny *t, str *out)
{
	put_header(out, 3, t->n_tensors, t->n_values);
	str_put(out, str_text(&t->values), t->values.len);
	str_put(out, str_text(&t->infos), t->infos.len);
	put_padding(out, 32);
	str_put(out, str_text(&t->data), t->data.len);
	str_free(&t->values);
	str_free(&t->infos);
	str_free(&t->data);
	*t = (tiny){ 0 };
}

typedef struct {
	const char *key;
	uint32_t v;
} tiny_change;

/* change: a hyperparameter's other value, or NULL. */
static inline void tiny_params(tiny *t, const char *arch, const tiny_change *change)
{
	const tiny_change usual[] = {
		{ "block_count", 1 }, { "context_length", 64 }, { "embedding_length", TINY_DIM }, { "feed_forward_length", TINY_FF },
		{ "attention.head_count", TINY_HEADS }, { "attention.head_count_kv", TINY_KV },
	};
	bool changed = !change;

	tiny_text(t, "general.architecture", arch);
	tiny_text(t, "general.name", "tiny");
	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
		bool this = change && strcmp(change->key, usual[i].key) == 0;
		tiny_u32(t, arch, usual[i].key, this ? change->v : usual[i].v);
		changed = changed || this;
	}
	if (!changed)
		tiny_u32(t, strchr(change->key, '.') && strncmp(change->key, "own.", 4) ? "" : arch,
		         strncmp(change->key, "own.", 4) ? change->key : change->key + 4, change->v);
}

static inline void tiny_vocab(tiny *t)
{
	static const char *const token[TINY_VOCAB] = { "a", "b", "ab", "\xc4\xa0", "<|end|>" };

	tiny_text(t, "tokenizer.ggml.model", "gpt2");
	tiny_text(t, "tokenizer.ggml.pre", "smollm");
	put_key_array(&t->values, "tokenizer.ggml.tokens", GGUF_STRING, TINY_VOCAB);
	for (int i = 0; i < TINY_VOCAB; i++)
		put_text(&t->values, token[i]);
	put_key_array(&t->values, "tokenizer.ggml.token_type", GGUF_I32, TINY_VOCAB);
	for (int i = 0; i < TINY_VOCAB; i++)
		put_u32(&t->values, i == 4 ? TOKEN_CONTROL : TOKEN_NORMAL);
	put_key_array(&t->values, "tokenizer.ggml.merges", GGUF_STRING, 1);
	put_text(&t->values, "a b");
	t->n_values += 3;
	tiny_u32(t, "", "tokenizer.ggml.eos_token_id", 4);
}

static inline void tiny_tensors(tiny *t, bool bias, bool norm)
{
	int q = TINY_HEADS * TINY_HEAD, kv = TINY_KV * TINY_HEAD;

	tiny_tensor(t, "token_embd.weight", TINY_VOCAB, TINY_DIM);
	tiny_tensor(t, "output_norm.weight", 1, TINY_DIM);
	tiny_tensor(t, "blk.0.attn_norm.weight", 1, TINY_DIM);
	tiny_tensor(t, "blk.0.attn_q.weight", q, TINY_DIM);
	tiny_tensor(t, "blk.0.attn_k.weight", kv, TINY_DIM);
	tiny_tensor(t, "blk.0.attn_v.weight", kv, TINY_DIM);
	tiny_tensor(t, "blk.0.attn_output.weight", TINY_DIM, q);
	tiny_tensor(t, "blk.0.ffn_norm.weight", 1, TINY_DIM);
	tiny_tensor(t, "blk.0.ffn_gate.weight", TINY_FF, TINY_DIM);
	tiny_tensor(t, "blk.0.ffn_up.weight", TINY_FF, TINY_DIM);
	tiny_tensor(t, "blk.0.ffn_down.weight", TINY_DIM, TINY_FF);
	if (bias) {
		tiny_tensor(t, "blk.0.attn_q.bias", 1, q);
		tiny_tensor(t, "blk.0.attn_k.bias", 1, kv);
		tiny_tensor(t, "blk.0.attn_v.bias", 1, kv);
	}
	if (norm) {
		tiny_tensor(t, "blk.0.attn_q_norm.weight", 1, TINY_HEAD);
		tiny_tensor(t, "blk.0.attn_k_norm.weight", 1, TINY_HEAD);
	}
}

/* A whole model: llama, qwen2 or qwen3. */
static inline void tiny_gguf(str *out, const char *arch, const tiny_change *change)
{
	tiny t = { 0 };

	tiny_params(&t, arch, change);
	tiny_vocab(&t);
	tiny_tensors(&t, strcmp(arch, "qwen2") == 0, strcmp(arch, "qwen3") == 0);
	tiny_end(&t, out);
}

/* ---- the same as a folder ---- */

static inline void tiny_entry(str *header, const char *name, int out, int in, size_t *at)
{
	size_t bytes = (size_t)out * (size_t)in * 4;

	str_putf(header, "%s\"model.%s.weight\":{\"dtype\":\"F32\",\"shape\":[%d,%d],\"data_offsets\":[%zu,%zu]}",
	         header->len > 1 ? "," : "", name, out, in, *at, *at + bytes);
	*at += bytes;
}

/* model.safetensors: every weight is 0.125. */
static inline void tiny_safetensors(str *out)
{
	int q = TINY_HEADS * TINY_HEAD, kv = TINY_KV * TINY_HEAD;
	const float weight = 0.125f;
	str h = STR_INIT;
	size_t at = 0;

	str_putc(&h, '{');
	tiny_entry(&h, "embed_tokens", TINY_VOCAB, TINY_DIM, &at);
	tiny_entry(&h, "norm", 1, TINY_DIM, &at);
	tiny_entry(&h, "layers.0.input_layernorm", 1, TINY_DIM, &at);
	tiny_entry(&h, "layers.0.self_attn.q_proj", q, TINY_DIM, &at);
	tiny_entry(&h, "layers.0.self_attn.k_proj", kv, TINY_DIM, &at);
	tiny_entry(&h, "layers.0.self_attn.v_proj", kv, TINY_DIM, &at);
	tiny_entry(&h, "layers.0.self_attn.o_proj", TINY_DIM, q, &at);
	tiny_entry(&h, "layers.0.post_attention_layernorm", 1, TINY_DIM, &at);
	tiny_entry(&h, "layers.0.mlp.gate_proj", TINY_FF, TINY_DIM, &at);
	tiny_entry(&h, "layers.0.mlp.up_proj", TINY_FF, TINY_DIM, &at);
	tiny_entry(&h, "layers.0.mlp.down_proj", TINY_DIM, TINY_FF, &at);
	str_putc(&h, '}');
	put_u64(out, h.len);
	str_put(out, str_text(&h), h.len);
	for (size_t i = 0; i < at / 4; i++)
		str_put(out, &weight, sizeof(weight));
	str_free(&h);
}

/* config.json; more: further members, each with a leading comma. */
static inline void tiny_config(str *out, const char *arch, const char *more)
{
	str_putf(out,
	         "{\"model_type\":\"%s\",\"hidden_size\":%d,\"intermediate_size\":%d,\"num_hidden_layers\":1,"
	         "\"num_attention_heads\":%d,\"num_key_value_heads\":%d,\"vocab_size\":%d,"
	         "\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5%s}",
	         arch, TINY_DIM, TINY_FF, TINY_HEADS, TINY_KV, TINY_VOCAB, more);
}

#endif

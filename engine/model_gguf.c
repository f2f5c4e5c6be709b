#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/model_impl.h"

static const char *const names[T_COUNT] = {
	"token_embd.weight", "output.weight", "output_norm.weight", "blk.%d.attn_norm.weight", "blk.%d.ffn_norm.weight",
	"blk.%d.attn_q.weight", "blk.%d.attn_k.weight", "blk.%d.attn_v.weight", "blk.%d.attn_output.weight",
	"blk.%d.attn_q.bias", "blk.%d.attn_k.bias", "blk.%d.attn_v.bias", "blk.%d.attn_q_norm.weight",
	"blk.%d.attn_k_norm.weight", "blk.%d.ffn_gate.weight", "blk.%d.ffn_up.weight", "blk.%d.ffn_down.weight",
};

bool gguf_role(tensor_view *out, const gguf *g, tensor_role role, int layer)
{
	char name[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof(name), names[role], layer);
#pragma GCC diagnostic pop
	const gguf_tensor *t = gguf_find_tensor(g, name);
	if (!t || t->dim[2] != 1 || t->dim[3] != 1)
		return false;
	*out = (tensor_view){ t->type, t->dim[1], t->dim[0], t->data, t->bytes };
	return true;
}

/* arch.key as a number. */
static double number(const gguf *g, const arch *a, const char *key, double fallback)
{
	char full[96];

	snprintf(full, sizeof(full), "%s.%s", a->name, key);
	return gguf_number(g, full, fallback);
}

static int sizes(model_params *p, const gguf *g, const arch *a, error *err)
{
	const char *path = g->path;
	tensor_view embedding;
	int status;

	if ((status = model_int(&p->layers, number(g, a, "block_count", 0), 1, 4096, path, "block_count", err)) ||
	    (status = model_int(&p->dim, number(g, a, "embedding_length", 0), 1, 1 << 20, path, "embedding_length", err)) ||
	    (status = model_int(&p->heads, number(g, a, "attention.head_count", 0), 1, 4096, path, "attention.head_count", err)) ||
	    (status = model_int(&p->kv_heads, number(g, a, "attention.head_count_kv", p->heads), 1, p->heads, path, "attention.head_count_kv", err)) ||
	    (status = model_int(&p->head_dim, number(g, a, "attention.key_length", (double)(p->dim / p->heads)), 2, 256, path, "attention.key_length", err)) ||
	    (status = model_int(&p->ff, number(g, a, "feed_forward_length", 0), 1, 1 << 22, path, "feed_forward_length", err)) ||
	    (status = model_int(&p->context, number(g, a, "context_length", 0), 64, 1 << 26, path, "context_length", err)) ||
	    (status = model_int(&p->rot, number(g, a, "rope.dimension_count", p->head_dim), 2, p->head_dim, path, "rope.dimension_count", err)))
		return status;
	if (number(g, a, "attention.value_length", p->head_dim) != p->head_dim)
		return error_set(err, ERR_UNSUPPORTED, "%s: keys and values of different length are not supported", path);
	if (number(g, a, "expert_count", 0) > 0)
		return error_set(err, ERR_UNSUPPORTED, "%s: is a mixture-of-experts model, which folio cannot run yet", path);
	p->eps = (float)number(g, a, "attention.layer_norm_rms_epsilon", 1e-5);
	p->rope_base = (float)number(g, a, "rope.freq_base", 10000);
	if (!gguf_role(&embedding, g, T_EMBEDDING, 0))
		return error_set(err, ERR_FORMAT, "%s: the tensor token_embd.weight is missing", path);
	return model_int(&p->vocab, (double)embedding.out, 1, 1 << 26, path, "vocabulary", err);
}

/* Linear scaling by a factor; Llama 3's comes as a tensor of divisors. */
static int rope(model_params *p, const gguf *g, const arch *a, error *err)
{
	char key[96];
	int status = rope_plain(p, err);

	if (status)
		return status;
	snprintf(key, sizeof(key), "%s.rope.scaling.type", a->name);
	vocab_text kind = gguf_string(g, key);
	double factor = number(g, a, "rope.scaling.factor", number(g, a, "rope.scale_linear", 1));
	if (kind.len == 0 || (kind.len == 4 && !memcmp(kind.text, "none", 4)))
		factor = kind.len ? 1 : factor;
	else if (kind.len != 6 || memcmp(kind.text, "linear", 6))
		return error_set(err, ERR_UNSUPPORTED, "%s: the position scaling '%.*s' is not supported, only linear and Llama 3's",
		                 g->path, (int)(kind.len < 40 ? kind.len : 40), kind.text);
	if (!(factor > 0) || !isfinite(factor))
		return error_set(err, ERR_FORMAT, "%s: a position scaling of %g is impossible", g->path, factor);
	const gguf_tensor *t = gguf_find_tensor(g, "rope_freqs.weight");
	if (t && (t->type != DT_F32 || t->dim[0] < p->rot / 2))
		return error_set(err, ERR_FORMAT, "%s: rope_freqs.weight has the wrong size", g->path);
	for (int j = 0; j < p->rot / 2; j++) {
		float divisor = 1;
		if (t)
			memcpy(&divisor, t->data + 4 * j, 4);
		if (!(divisor > 0))
			return error_set(err, ERR_FORMAT, "%s: rope_freqs.weight holds an impossible value", g->path);
		p->rope_freq[j] = (float)((double)p->rope_freq[j] / factor / (double)divisor);
	}
	return 0;
}

static int id(const gguf *g, const char *key, int n)
{
	double v = gguf_number(g, key, -1);

	return v >= 0 && v < n ? (int)v : -1;
}

static int flag(const gguf *g, const char *key)
{
	return (int)gguf_number(g, key, -1);
}

/* Copy a string of the file behind a NUL; *at moves on. */
static const char *keep(char **at, vocab_text t)
{
	char *s = *at;

	memcpy(s, t.text, t.len);
	s[t.len] = '\0';
	*at += t.len + 1;
	return s;
}

/* Numbers of an array in place, when there are n of the right type and aligned. */
static int numbers(const void **out, const gguf *g, const char *key, gguf_type type, int n, error *err)
{
	const gguf_value *v = gguf_find(g, key);

	*out = NULL;
	if (!v)
		return 0;
	if (v->type != GGUF_ARRAY || v->item != type || v->n != (uint64_t)n)
		return error_set(err, ERR_FORMAT, "%s: %s does not fit the vocabulary", g->path, key);
	*out = v->data;
	return 0;
}

/* Scores and types may lie unaligned in the file: copy them. */
static int copy_numbers(void **out, model_impl *im, const void *from, int n, error *err)
{
	*out = NULL;
	if (!from)
		return 0;
	void *copy = mem_array((size_t)n, 4);
	if (!copy || !MEM_GROW(im->vector, im->vectors_cap, im->vectors + 1)) {
		free(copy);
		return error_nomem(err, "the vocabulary");
	}
	memcpy(copy, from, (size_t)n * 4);
	im->vector[im->vectors++] = copy;
	*out = copy;
	return 0;
}

int gguf_vocabulary(model *m, model_impl *im, error *err)
{
	const gguf *g = &im->g;
	vocab_source *v = &m->vocab;
	vocab_text kind = gguf_string(g, "tokenizer.ggml.model"), pre = gguf_string(g, "tokenizer.ggml.pre");
	vocab_text words = gguf_string(g, "tokenizer.chat_template");
	const void *score, *type;
	void *own_score, *own_type;
	int status;

	if (!(im->strings = mem_array(kind.len + pre.len + words.len + 3, 1)))
		return error_nomem(err, "the vocabulary");
	char *at = im->strings;
	v->model = keep(&at, kind);
	v->pre = keep(&at, pre);
	m->chat_template = keep(&at, words);
	if (strcmp(v->model, "gpt2") == 0)
		v->kind = VOCAB_BPE_LIST;
	else if (strcmp(v->model, "llama") == 0 || strcmp(v->model, "t5") == 0)
		v->kind = VOCAB_SPM_LIST;
	else
		return error_set(err, ERR_UNSUPPORTED, "%s: the tokenizer '%.40s' is not supported", im->path, v->model);
	if ((status = gguf_strings(&im->text, &v->n, g, "tokenizer.ggml.tokens", err)) ||
	    (status = gguf_strings(&im->merge, &v->n_merges, g, "tokenizer.ggml.merges", err)))
		return status;
	if (!v->n)
		return error_set(err, ERR_FORMAT, "%s: holds no vocabulary", im->path);
	if ((status = numbers(&score, g, "tokenizer.ggml.scores", GGUF_F32, v->n, err)) ||
	    (status = numbers(&type, g, "tokenizer.ggml.token_type", GGUF_I32, v->n, err)) ||
	    (status = copy_numbers(&own_score, im, score, v->n, err)) ||
	    (status = copy_numbers(&own_type, im, type, v->n, err)))
		return status;
	v->score = own_score;
	v->type = own_type;
	v->text = im->text;
	v->merge = im->merge;
	const gguf_value *map = gguf_find(g, "tokenizer.ggml.precompiled_charsmap");
	if (map && map->type == GGUF_ARRAY && (map->item == GGUF_U8 || map->item == GGUF_I8)) {
		v->charsmap = map->data;
		v->charsmap_len = (size_t)map->n;
	}
	v->bos = id(g, "tokenizer.ggml.bos_token_id", v->n);
	v->eos = id(g, "tokenizer.ggml.eos_token_id", v->n);
	v->eot = id(g, "tokenizer.ggml.eot_token_id", v->n);
	v->unk = id(g, "tokenizer.ggml.unknown_token_id", v->n);
	v->pad = id(g, "tokenizer.ggml.padding_token_id", v->n);
	v->add_bos = flag(g, "tokenizer.ggml.add_bos_token");
	v->add_eos = flag(g, "tokenizer.ggml.add_eos_token");
	v->add_space_prefix = flag(g, "tokenizer.ggml.add_space_prefix");
	v->remove_extra_whitespaces = flag(g, "tokenizer.ggml.remove_extra_whitespaces");
	return 0;
}

static void text_into(char *out, size_t cap, vocab_text t)
{
	size_t n = t.len < cap - 1 ? t.len : cap - 1;

	memcpy(out, t.text, n);
	out[n] = '\0';
}

/* A layer's tensor that we do not use would change what the model computes. */
static int only_known_tensors(const gguf *g, const arch *a, error *err)
{
	for (size_t i = 0; i < g->tensors; i++) {
		vocab_text t = g->tensor[i].name;
		const char *dot = t.len > 4 && !memcmp(t.text, "blk.", 4) ? memchr(t.text + 4, '.', t.len - 4) : NULL;
		if (!dot)
			continue;
		size_t n = (size_t)(t.text + t.len - dot);
		bool known = false;
		for (int r = 0; r < T_COUNT && !known; r++) {
			const char *own = strstr(names[r], "%d");
			known = own && strlen(own + 2) == n && !memcmp(own + 2, dot, n) &&
			        (a->qk_norm || (r != T_Q_NORM && r != T_K_NORM));
		}
		if (!known)
			return error_set(err, ERR_UNSUPPORTED, "%s: its layers have the tensor '%.*s', which folio cannot run in a %s model", g->path,
			                 (int)(t.len < 60 ? t.len : 60), t.text, a->name);
	}
	return 0;
}

int gguf_params(model *m, model_impl *im, error *err)
{
	const gguf *g = &im->g;
	model_params *p = &m->p;
	vocab_text name = gguf_string(g, "general.architecture"), kind = gguf_string(g, "general.type");
	const arch *a = arch_find(name.text, (int)name.len);
	int status;

	if (kind.len && (kind.len != 5 || memcmp(kind.text, "model", 5)))
		return error_set(err, ERR_UNSUPPORTED, "%s: is a GGUF of type '%.*s', not a model", im->path, (int)(kind.len < 40 ? kind.len : 40), kind.text);
	if (!a)
		return error_set(err, ERR_UNSUPPORTED, "%s: the architecture '%.*s' is not supported; folio runs %s", im->path,
		                 (int)(name.len < 40 ? name.len : 40), name.text, arch_names());
	double parts = gguf_number(g, "split.count", 1);
	if (parts > 1)
		return error_set(err, ERR_UNSUPPORTED, "%s: is one of %.0f parts; join them with llama-gguf-split --merge first", im->path, parts);
	if ((status = only_known_tensors(g, a, err)))
		return status;
	text_into(p->arch, sizeof(p->arch), name);
	text_into(p->name, sizeof(p->name), gguf_string(g, "general.name"));
	text_into(p->size, sizeof(p->size), gguf_string(g, "general.size_label"));
	p->qkv_bias = a->qkv_bias;
	p->qk_norm = a->qk_norm;
	p->pairs = a->gguf_pairs;
	if ((status = sizes(p, g, a, err)) || (status = rope(p, g, a, err)))
		return status;
	return gguf_vocabulary(m, im, err);
}

#include "engine/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/model_impl.h"

int model_int(int *out, double value, double lo, double hi, const char *path, const char *key, error *err)
{
	if (!(value >= lo && value <= hi) || value != floor(value))
		return error_set(err, ERR_FORMAT, "%s: %s is missing or impossible (%g)", path, key, value);
	*out = (int)value;
	return 0;
}

int rope_plain(model_params *p, error *err)
{
	if (p->rot % 2 || !(p->rope_base > 1) || !isfinite(p->rope_base))
		return error_set(err, ERR_FORMAT, "impossible position embedding: %d rotated dimensions, base %g", p->rot, (double)p->rope_base);
	p->rope_gain = 1;
	p->rope_freq = mem_array((size_t)p->rot / 2, sizeof(float));
	if (!p->rope_freq)
		return error_nomem(err, "the position embedding");
	for (int j = 0; j < p->rot / 2; j++)
		p->rope_freq[j] = (float)pow((double)p->rope_base, -2.0 * j / p->rot);
	return 0;
}

/* Long waves are stretched by the factor, short ones kept, those between blended
 * (the scaling published with Llama 3.1). */
void rope_llama3(model_params *p, double factor, double low, double high, double original)
{
	for (int j = 0; j < p->rot / 2; j++) {
		double f = (double)p->rope_freq[j], turns = original * f / (2 * M_PI);
		if (turns < low)
			f /= factor;
		else if (turns < high) {
			double part = (turns - low) / (high - low);
			f = (1 - part) * f / factor + part * f;
		}
		p->rope_freq[j] = (float)f;
	}
}

static bool role(tensor_view *out, const model_impl *im, tensor_role r, int layer)
{
	return im->hf ? hf_role(out, &im->st, r, layer) : gguf_role(out, &im->g, r, layer);
}

static const char *const role_name[T_COUNT] = {
	"token embedding", "output", "output norm", "attention norm", "feed-forward norm", "attention query", "attention key",
	"attention value", "attention output", "query bias", "key bias", "value bias", "query norm", "key norm",
	"feed-forward gate", "feed-forward up", "feed-forward down",
};

static int wrong(const model_impl *im, tensor_role r, int layer, const tensor_view *t, int64_t out, int64_t in, error *err)
{
	char have[64] = "is missing";

	if (t)
		snprintf(have, sizeof(have), "is %lld x %lld, not %lld x %lld", (long long)t->out, (long long)t->in, (long long)out, (long long)in);
	return error_set(err, ERR_FORMAT, "%s: the %s tensor of layer %d %s: the file is damaged or was converted wrongly",
	                 im->path, role_name[r], layer, have);
}

static int matrix(weights *w, model *m, tensor_role r, int layer, int out, int in, error *err)
{
	const model_impl *im = m->impl;
	tensor_view t;

	if (!role(&t, im, r, layer))
		return wrong(im, r, layer, NULL, out, in, err);
	if (t.out != out || t.in != in || dtype_row_bytes(t.type, in) == 0)
		return wrong(im, r, layer, &t, out, in, err);
	*w = (weights){ t.data, t.type, out, in };
	m->p.weights_bytes += (int64_t)t.bytes;
	m->p.parameters += (int64_t)out * in;
	return 0;
}

static int vector(const float **v, model *m, tensor_role r, int layer, int n, error *err)
{
	model_impl *im = m->impl;
	tensor_view t;

	if (!role(&t, im, r, layer))
		return wrong(im, r, layer, NULL, 1, n, err);
	if (t.out != 1 || t.in != n || dtype_get(t.type)->block != 1)
		return wrong(im, r, layer, &t, 1, n, err);
	float *f = mem_aligned((size_t)n, sizeof(*f));
	if (!f || !MEM_GROW(im->vector, im->vectors_cap, im->vectors + 1)) {
		free(f);
		return error_nomem(err, "the model");
	}
	im->vector[im->vectors++] = f;
	ref_dequantize(f, t.data, t.type, n);
	*v = f;
	m->p.parameters += n;
	return 0;
}

static int layer_weights(model *m, int l, error *err)
{
	const model_params *p = &m->p;
	model_layer *w = &m->layer[l];
	int qd = p->heads * p->head_dim, kd = p->kv_heads * p->head_dim, status;

	if ((status = vector(&w->attn_norm, m, T_ATTN_NORM, l, p->dim, err)) || (status = vector(&w->ffn_norm, m, T_FFN_NORM, l, p->dim, err)) ||
	    (status = matrix(&w->q, m, T_Q, l, qd, p->dim, err)) || (status = matrix(&w->k, m, T_K, l, kd, p->dim, err)) ||
	    (status = matrix(&w->v, m, T_V, l, kd, p->dim, err)) || (status = matrix(&w->o, m, T_O, l, p->dim, qd, err)) ||
	    (status = matrix(&w->gate, m, T_GATE, l, p->ff, p->dim, err)) || (status = matrix(&w->up, m, T_UP, l, p->ff, p->dim, err)) ||
	    (status = matrix(&w->down, m, T_DOWN, l, p->dim, p->ff, err)))
		return status;
	if (p->qkv_bias && ((status = vector(&w->q_bias, m, T_Q_BIAS, l, qd, err)) || (status = vector(&w->k_bias, m, T_K_BIAS, l, kd, err)) ||
	                    (status = vector(&w->v_bias, m, T_V_BIAS, l, kd, err))))
		return status;
	if (p->qk_norm && ((status = vector(&w->q_norm, m, T_Q_NORM, l, p->head_dim, err)) || (status = vector(&w->k_norm, m, T_K_NORM, l, p->head_dim, err))))
		return status;
	return 0;
}

static int all_weights(model *m, error *err)
{
	model_params *p = &m->p;
	const model_impl *im = m->impl;
	tensor_view bias;
	int status;

	/* Some converters write llama models with biases: a file that has them wants them. */
	p->qkv_bias = p->qkv_bias || role(&bias, im, T_Q_BIAS, 0);
	if (p->heads % p->kv_heads)
		return error_set(err, ERR_FORMAT, "%s: %d heads cannot share %d KV heads evenly", im->path, p->heads, p->kv_heads);
	m->layer = mem_zeroed((size_t)p->layers, sizeof(*m->layer));
	if (!m->layer)
		return error_nomem(err, "the model");
	if ((status = matrix(&m->embedding, m, T_EMBEDDING, 0, p->vocab, p->dim, err)) ||
	    (status = vector(&m->output_norm, m, T_OUTPUT_NORM, 0, p->dim, err)))
		return status;
	tensor_view out;
	/* A GGUF ties by leaving the tensor out; a folder says so in its configuration. */
	p->tied_output = p->tied_output || (!im->hf && !role(&out, im, T_OUTPUT, 0));
	if (p->tied_output)
		m->output = m->embedding;
	else if ((status = matrix(&m->output, m, T_OUTPUT, 0, p->vocab, p->dim, err)))
		return status;
	for (int l = 0; l < p->layers && !status; l++)
		status = layer_weights(m, l, err);
	return status;
}

static void describe(model_params *p, const model *m)
{
	int count[DT_COUNT] = { 0 }, most = 0;

	for (int l = 0; l < p->layers; l++)
		count[m->layer[l].down.type]++;
	for (int t = 0; t < DT_COUNT; t++)
		most = count[t] > count[most] ? t : most;
	snprintf(p->file_type, sizeof(p->file_type), "%s", dtype_get((dtype)most)->name);
	if (!p->size[0]) {
		double n = (double)p->parameters;
		if (n >= 1e9)
			snprintf(p->size, sizeof(p->size), "%.1fB", n / 1e9);
		else
			snprintf(p->size, sizeof(p->size), "%.0fM", n / 1e6);
	}
}

/* Everything in the file decides what keys and values come out: hash all of it. */
static int fingerprint(model *m, const char *hint, error *err)
{
	const model_impl *im = m->impl;

	if (hint && strlen(hint) == HASH_TEXT - 1) {
		memcpy(m->fingerprint, hint, HASH_TEXT);
		return 0;
	}
	hasher *h = hasher_new();
	if (!h)
		return error_nomem(err, "the model's fingerprint");
	if (im->hf) {
		const model_params *p = &m->p;
		int32_t n[] = { p->layers, p->dim, p->heads, p->kv_heads, p->head_dim, p->ff, p->vocab, p->rot, p->qkv_bias, p->qk_norm };
		hasher_part(h, p->arch, strlen(p->arch));
		hasher_part(h, n, sizeof(n));
		hasher_part(h, &p->eps, sizeof(p->eps));
		hasher_part(h, p->rope_freq, (size_t)p->rot / 2 * sizeof(float));
		for (int i = 0; i < im->st.maps; i++)
			hasher_part(h, im->st.map[i].data, im->st.map[i].size);
		hasher_part(h, im->tokenizer.data, im->tokenizer.size);
	} else
		hasher_part(h, im->g.map.data, im->g.map.size);
	hasher_end(h, m->fingerprint);
	return 0;
}

static int open_files(model *m, model_impl *im, const char *path, error *err)
{
	int status;

	im->hf = path_is_dir(path);
	if (!(im->path = strdup(path)))
		return error_nomem(err, "the model's path");
	if (im->hf) {
		if ((status = hf_params(m, im, err)))
			return status;
		return safetensors_open(&im->st, path, err);
	}
	if ((status = gguf_open(&im->g, path, err)))
		return status;
	return gguf_params(m, im, err);
}

int model_open(model **out, const char *path, const char *fingerprint_hint, error *err)
{
	model *m = mem_zeroed(1, sizeof(*m));
	model_impl *im = mem_zeroed(1, sizeof(*im));
	int status;

	*out = NULL;
	if (!m || !im) {
		free(m);
		free(im);
		return error_nomem(err, "the model");
	}
	m->impl = im;
	m->chat_template = "";
	if ((status = open_files(m, im, path, err)) || (status = all_weights(m, err)) ||
	    (status = fingerprint(m, fingerprint_hint, err))) {
		model_close(m);
		return status;
	}
	describe(&m->p, m);
	if (!m->p.name[0])
		snprintf(m->p.name, sizeof(m->p.name), "%s", path_base(path));
	*out = m;
	return 0;
}

/* A tokenizer.model by itself or in a folder. */
static int open_tokenizer_model(model *m, model_impl *im, const char *path, error *err)
{
	str file = STR_INIT;

	if (path_is_dir(path))
		path_join(&file, path, "tokenizer.model");
	else
		str_puts(&file, path);
	int status = str_ok(&file, err);
	if (!status)
		status = file_map_open(&im->tokenizer, file.data, err);
	str_free(&file);
	m->vocab = (vocab_source){
		.kind = VOCAB_SPM_PROTO, .model = "", .pre = "", .proto = im->tokenizer.data, .proto_len = im->tokenizer.size,
		.bos = -1, .eos = -1, .eot = -1, .unk = -1, .pad = -1,
		.add_bos = -1, .add_eos = -1, .add_space_prefix = -1, .remove_extra_whitespaces = -1,
	};
	return status;
}

int model_open_vocabulary(model **out, const char *path, error *err)
{
	model *m = mem_zeroed(1, sizeof(*m));
	model_impl *im = mem_zeroed(1, sizeof(*im));
	file_map head = { 0 };
	int status = 0;

	*out = NULL;
	if (!m || !im || !(im->path = strdup(path))) {
		free(m);
		free(im);
		return error_nomem(err, "the vocabulary");
	}
	m->impl = im;
	m->chat_template = "";
	bool folder = path_is_dir(path), is_gguf = false;
	if (!folder && !(status = file_map_open(&head, path, err)))
		is_gguf = head.size >= 4 && memcmp(head.data, "GGUF", 4) == 0;
	file_map_close(&head);
	if (!status && is_gguf && !(status = gguf_open(&im->g, path, err)))
		status = gguf_vocabulary(m, im, err);
	else if (!status && !is_gguf)
		status = open_tokenizer_model(m, im, path, err);
	if (status) {
		model_close(m);
		return status;
	}
	m->p.vocab = m->vocab.n;
	*out = m;
	return 0;
}

void model_close(model *m)
{
	if (!m)
		return;
	model_impl *im = m->impl;
	for (size_t i = 0; i < im->vectors; i++)
		free(im->vector[i]);
	free(im->vector);
	free(im->text);
	free(im->merge);
	free(im->strings);
	free(im->path);
	file_map_close(&im->tokenizer);
	safetensors_close(&im->st);
	gguf_close(&im->g);
	free(im);
	free(m->layer);
	free(m->p.rope_freq);
	free(m);
}

int64_t model_kv_bytes(const model_params *p)
{
	return (int64_t)p->layers * 2 * p->kv_heads * p->head_dim * 2;
}

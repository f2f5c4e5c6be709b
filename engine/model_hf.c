#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/model_impl.h"

static const char *const names[T_COUNT] = {
	"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight", "model.layers.%d.input_layernorm.weight",
	"model.layers.%d.post_attention_layernorm.weight", "model.layers.%d.self_attn.q_proj.weight",
	"model.layers.%d.self_attn.k_proj.weight", "model.layers.%d.self_attn.v_proj.weight", "model.layers.%d.self_attn.o_proj.weight",
	"model.layers.%d.self_attn.q_proj.bias", "model.layers.%d.self_attn.k_proj.bias", "model.layers.%d.self_attn.v_proj.bias",
	"model.layers.%d.self_attn.q_norm.weight", "model.layers.%d.self_attn.k_norm.weight", "model.layers.%d.mlp.gate_proj.weight",
	"model.layers.%d.mlp.up_proj.weight", "model.layers.%d.mlp.down_proj.weight",
};

bool hf_role(tensor_view *out, const safetensors *s, tensor_role role, int layer)
{
	char name[96];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(name, sizeof(name), names[role], layer);
#pragma GCC diagnostic pop
	const safetensor *t = safetensors_find(s, name);
	if (!t || t->dims < 1 || t->dims > 2)
		return false;
	*out = (tensor_view){ t->type, t->dims == 2 ? t->dim[0] : 1, t->dims == 2 ? t->dim[1] : t->dim[0], t->data, t->bytes };
	return true;
}

static double number(const json_t *c, const char *key, double fallback)
{
	const json_t *v = json_object_get(c, key);

	return json_is_number(v) ? json_number_value(v) : fallback;
}

static int sizes(model_params *p, const json_t *c, const char *path, error *err)
{
	int status;

	if ((status = model_int(&p->layers, number(c, "num_hidden_layers", 0), 1, 4096, path, "num_hidden_layers", err)) ||
	    (status = model_int(&p->dim, number(c, "hidden_size", 0), 1, 1 << 20, path, "hidden_size", err)) ||
	    (status = model_int(&p->heads, number(c, "num_attention_heads", 0), 1, 4096, path, "num_attention_heads", err)) ||
	    (status = model_int(&p->kv_heads, number(c, "num_key_value_heads", p->heads), 1, p->heads, path, "num_key_value_heads", err)) ||
	    (status = model_int(&p->head_dim, number(c, "head_dim", (double)(p->dim / p->heads)), 2, 256, path, "head_dim", err)) ||
	    (status = model_int(&p->ff, number(c, "intermediate_size", 0), 1, 1 << 22, path, "intermediate_size", err)) ||
	    (status = model_int(&p->vocab, number(c, "vocab_size", 0), 1, 1 << 26, path, "vocab_size", err)) ||
	    (status = model_int(&p->context, number(c, "max_position_embeddings", 0), 64, 1 << 26, path, "max_position_embeddings", err)))
		return status;
	p->rot = p->head_dim;
	p->eps = (float)number(c, "rms_norm_eps", 1e-6);
	p->rope_base = (float)number(c, "rope_theta", number(json_object_get(c, "rope_parameters"), "rope_theta", 10000));
	p->tied_output = json_is_true(json_object_get(c, "tie_word_embeddings"));
	/* Beyond its sliding window such a model forgets: reading less is the honest limit. */
	double window = number(c, "sliding_window", 0);
	if (window > 0 && window < p->context && !json_is_false(json_object_get(c, "use_sliding_window")))
		return model_int(&p->context, window, 64, 1 << 26, path, "sliding_window", err);
	return 0;
}

static int rope(model_params *p, const json_t *c, const char *path, error *err)
{
	/* Transformers 5 calls it rope_parameters. */
	const json_t *s = json_object_get(c, "rope_scaling"), *newer = json_object_get(c, "rope_parameters");
	int status = rope_plain(p, err);

	if (!json_is_object(s))
		s = newer;
	if (status || !json_is_object(s))
		return status;
	const char *kind = json_string_value(json_object_get(s, "rope_type"));
	if (!kind)
		kind = json_string_value(json_object_get(s, "type"));
	double factor = number(s, "factor", 1);
	if (kind && strcmp(kind, "default") == 0)
		return 0;
	if (!(factor > 0))
		return error_set(err, ERR_FORMAT, "%s: a rope_scaling factor of %g is impossible", path, factor);
	if (kind && strcmp(kind, "linear") == 0) {
		for (int j = 0; j < p->rot / 2; j++)
			p->rope_freq[j] = (float)((double)p->rope_freq[j] / factor);
		return 0;
	}
	if (kind && strcmp(kind, "llama3") == 0) {
		double low = number(s, "low_freq_factor", 1), high = number(s, "high_freq_factor", 4), original = number(s, "original_max_position_embeddings", 8192);
		if (!(low > 0 && high > low && original > 0))
			return error_set(err, ERR_FORMAT, "%s: its rope_scaling has impossible numbers", path);
		rope_llama3(p, factor, low, high, original);
		return 0;
	}
	return error_set(err, ERR_UNSUPPORTED, "%s: the rope_scaling '%.40s' is not supported, only linear and llama3", path, kind ? kind : "(none)");
}

static int token_id(const json_t *c, const char *key, int vocab)
{
	const json_t *v = json_object_get(c, key);

	if (json_is_array(v))
		v = json_array_get(v, 0);
	json_int_t i = json_is_integer(v) ? json_integer_value(v) : -1;
	return i >= 0 && i < vocab ? (int)i : -1;
}

/* tokenizer_config.json's chat_template, if there is one. */
static int chat_template(model *m, model_impl *im, error *err)
{
	str path = STR_INIT;
	path_join(&path, im->path, "tokenizer_config.json");
	json_t *c = path.oom ? NULL : json_load_file(path.data, 0, NULL);
	const char *t = json_string_value(json_object_get(c, "chat_template"));

	im->strings = mem_text(t);
	m->chat_template = im->strings;
	json_decref(c);
	str_free(&path);
	return im->strings ? 0 : error_nomem(err, "the chat template");
}

static int vocabulary(model *m, model_impl *im, const json_t *c, error *err)
{
	str path = STR_INIT;
	int status;

	path_join(&path, im->path, "tokenizer.model");
	if ((status = str_ok(&path, err)))
		return status;
	status = file_map_open(&im->tokenizer, path.data, err);
	if (status == ERR_NOTFOUND)
		status = error_set(err, ERR_UNSUPPORTED, "%s: there is no tokenizer.model in this folder, and folio reads no tokenizer.json: "
		                   "use the model's GGUF file", im->path);
	str_free(&path);
	if (status)
		return status;
	m->vocab = (vocab_source){
		.kind = VOCAB_SPM_PROTO, .model = "", .pre = "", .proto = im->tokenizer.data, .proto_len = im->tokenizer.size,
		.bos = token_id(c, "bos_token_id", m->p.vocab), .eos = token_id(c, "eos_token_id", m->p.vocab),
		.eot = -1, .unk = -1, .pad = token_id(c, "pad_token_id", m->p.vocab),
		.add_bos = -1, .add_eos = -1, .add_space_prefix = -1, .remove_extra_whitespaces = -1,
	};
	return chat_template(m, im, err);
}

/* What would change the computation and is not in our forward pass. */
static int only_known_settings(const json_t *c, const char *path, error *err)
{
	const char *act = json_string_value(json_object_get(c, "hidden_act"));

	if (act && strcmp(act, "silu"))
		return error_set(err, ERR_UNSUPPORTED, "%s: the activation '%.40s' is not supported, only silu", path, act);
	if (json_is_object(json_object_get(c, "quantization_config")))
		return error_set(err, ERR_UNSUPPORTED, "%s: its tensors are quantised in a way folio does not read: use the model's GGUF file", path);
	if (number(c, "num_experts", number(c, "num_local_experts", 0)) > 0)
		return error_set(err, ERR_UNSUPPORTED, "%s: is a mixture-of-experts model, which folio cannot run yet", path);
	if (number(c, "partial_rotary_factor", 1) != 1)
		return error_set(err, ERR_UNSUPPORTED, "%s: rotates only part of each head, which folio cannot run in a folder", path);
	return 0;
}

static int from_config(model *m, model_impl *im, const json_t *c, error *err)
{
	model_params *p = &m->p;
	const char *kind = json_string_value(json_object_get(c, "model_type"));
	const arch *a = arch_find(kind ? kind : "", kind ? (int)strlen(kind) : 0);
	int status;

	if (!a)
		return error_set(err, ERR_UNSUPPORTED, "%s: the architecture '%.40s' is not supported; folio runs %s", im->path,
		                 kind ? kind : "(none)", arch_names());
	if ((status = only_known_settings(c, im->path, err)))
		return status;
	snprintf(p->arch, sizeof(p->arch), "%s", a->name);
	snprintf(p->name, sizeof(p->name), "%s", path_base(im->path));
	p->qkv_bias = a->qkv_bias || json_is_true(json_object_get(c, "attention_bias"));
	p->qk_norm = a->qk_norm;
	p->pairs = ROPE_HALF;
	if ((status = sizes(p, c, im->path, err)) || (status = rope(p, c, im->path, err)))
		return status;
	return vocabulary(m, im, c, err);
}

int hf_params(model *m, model_impl *im, error *err)
{
	str path = STR_INIT;
	json_error_t where;
	int status;

	path_join(&path, im->path, "config.json");
	if ((status = str_ok(&path, err)))
		return status;
	json_t *c = json_load_file(path.data, 0, &where);
	if (!json_is_object(c))
		status = error_set(err, path_exists(path.data) ? ERR_FORMAT : ERR_NOTFOUND, "%s: is missing or no JSON object: "
		                   "a model folder needs config.json, model.safetensors and tokenizer.model", path.data);
	else
		status = from_config(m, im, c, err);
	json_decref(c);
	str_free(&path);
	return status;
}

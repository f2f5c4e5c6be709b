#include "engine/adapter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/gguf.h"
#include "engine/model_impl.h"
#include "kernels/half.h"

static const char *const map_name[AD_MAPS] = { "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down" };

enum { MOST_RANK = 1024 };

static bool is(vocab_text t, const char *word)
{
	return t.len == strlen(word) && memcmp(t.text, word, t.len) == 0;
}

static int check_kind(const gguf *g, const model *m, double *alpha, error *err)
{
	vocab_text made_for = gguf_string(g, "general.architecture");
	const model_impl *im = m->impl;

	if (!is(gguf_string(g, "general.type"), "adapter") || !is(gguf_string(g, "adapter.type"), "lora"))
		return error_set(err, ERR_UNSUPPORTED, "%s: is no LoRA adapter in GGUF; make one with llama.cpp's convert_lora_to_gguf.py", g->path);
	if (!is(made_for, m->p.arch))
		return error_set(err, ERR_UNSUPPORTED, "%s: was made for a model of the architecture '%.*s', but this model is '%s'", g->path,
		                 (int)(made_for.len < 40 ? made_for.len : 40), made_for.text, m->p.arch);
	if (im->hf)
		return error_set(err, ERR_UNSUPPORTED, "%s: belongs to the model's GGUF file, not to a Hugging Face folder", g->path);
	*alpha = gguf_number(g, "adapter.lora.alpha", 0);
	if (!(*alpha > 0) || !isfinite(*alpha))
		return error_set(err, ERR_FORMAT, "%s: adapter.lora.alpha is missing or impossible (%g)", g->path, *alpha);
	return 0;
}

/* Every tensor must be a factor of a map that we adapt: one that is passed over
 * would make another model of it. */
static int check_names(const gguf *g, const model *m, error *err)
{
	for (size_t i = 0; i < g->tensors; i++) {
		vocab_text t = g->tensor[i].name;
		bool known = false;
		char name[64];
		int layer = -1, end = 0;
		snprintf(name, sizeof(name), "%.*s", (int)(t.len < 63 ? t.len : 63), t.text);
		if (sscanf(name, "blk.%d.%n", &layer, &end) == 1 && end && layer >= 0 && layer < m->p.layers)
			for (int map = 0; map < AD_MAPS && !known; map++)
				for (int side = 0; side < 2 && !known; side++) {
					char want[64];
					snprintf(want, sizeof(want), "blk.%d.%s.weight.lora_%c", layer, map_name[map], "ab"[side]);
					known = is(t, want);
				}
		if (!known)
			return error_set(err, ERR_UNSUPPORTED, "%s: adapts '%s', which folio does not: only the attention and feed-forward maps of the "
			                 "model's %d layers", g->path, name, m->p.layers);
	}
	return 0;
}

/* n values of a tensor times scale, as f16. */
static int convert(f16 *out, const gguf_tensor *t, size_t n, float scale, const char *path, error *err)
{
	float *f = mem_array(n, sizeof(*f));

	if (!f)
		return error_nomem(err, "the adapter");
	ref_dequantize(f, t->data, t->type, (int64_t)n);
	for (size_t i = 0; i < n; i++) {
		f[i] *= scale;
		if (!(fabsf(f[i]) <= 65504.0f)) {
			free(f);
			return error_set(err, ERR_FORMAT, "%s: holds a value that is no usable number: it is damaged, fetch or make it again", path);
		}
		out[i] = f16_from_f32(f[i]);
	}
	free(f);
	return 0;
}

static f16 *own(adapter *a, size_t n)
{
	f16 *p = mem_aligned(n, sizeof(*p));

	if (!p || !MEM_GROW(a->owned, a->cap, a->n_owned + 1)) {
		free(p);
		return NULL;
	}
	a->owned[a->n_owned++] = p;
	a->bytes += (int64_t)(n * sizeof(*p));
	return p;
}

typedef struct {
	const gguf_tensor *a, *b;
	int rank;
} factors;

static int find(factors *f, const gguf *g, int layer, adapter_map map, const weights *w, error *err)
{
	char name[2][64];

	for (int side = 0; side < 2; side++)
		snprintf(name[side], sizeof(name[side]), "blk.%d.%s.weight.lora_%c", layer, map_name[map], "ab"[side]);
	*f = (factors){ gguf_find_tensor(g, name[0]), gguf_find_tensor(g, name[1]), 0 };
	if (!f->a && !f->b)
		return 0;
	if (!f->a || !f->b)
		return error_set(err, ERR_FORMAT, "%s: has only one of %s and %s: it is damaged", g->path, name[0], name[1]);
	int64_t rank = f->a->dim[1];
	if (f->a->dims > 2 || f->b->dims > 2 || f->a->dim[0] != w->in || f->b->dim[0] != rank || f->b->dim[1] != w->out ||
	    rank < 1 || rank > MOST_RANK)
		return error_set(err, ERR_FORMAT, "%s: %s and its partner are %lld x %lld and %lld x %lld, which does not fit the model's %d x %d: "
		                 "it was made for another model", g->path, name[0], (long long)f->a->dim[1], (long long)f->a->dim[0],
		                 (long long)f->b->dim[1], (long long)f->b->dim[0], w->out, w->in);
	f->rank = (int)rank;
	return 0;
}

static int open_layer(adapter *a, const gguf *g, const model *m, int l, double alpha, error *err)
{
	const model_layer *w = &m->layer[l];
	const weights *map[AD_MAPS] = { &w->q, &w->k, &w->v, &w->o, &w->gate, &w->up, &w->down };
	adapter_layer *to = &a->layer[l];
	factors f[AD_MAPS];
	f16 *stack[AD_INPUTS] = { NULL };
	int status = 0;

	for (int i = 0; i < AD_MAPS && !status; i++) {
		weights *in = &to->a[adapter_input_of((adapter_map)i)];
		status = find(&f[i], g, l, (adapter_map)i, map[i], err);
		to->at[i] = in->out;
		*in = (weights){ NULL, DT_F16, in->out + (status ? 0 : f[i].rank), map[i]->in };
	}
	for (int i = 0; i < AD_INPUTS && !status; i++) {
		a->widest = to->a[i].out > a->widest ? to->a[i].out : a->widest;
		if (to->a[i].out && !(stack[i] = own(a, (size_t)to->a[i].out * (size_t)to->a[i].in)))
			status = error_nomem(err, "the adapter");
		to->a[i].data = stack[i];
	}
	for (int i = 0; i < AD_MAPS && !status; i++) {
		if (!f[i].rank)
			continue;
		size_t in = (size_t)map[i]->in, na = (size_t)f[i].rank * in, nb = (size_t)f[i].rank * (size_t)map[i]->out;
		f16 *b = own(a, nb);
		a->rank = f[i].rank > a->rank ? f[i].rank : a->rank;
		to->b[i] = (weights){ b, DT_F16, map[i]->out, f[i].rank };
		status = b ? convert(stack[adapter_input_of((adapter_map)i)] + (size_t)to->at[i] * in, f[i].a, na, 1, g->path, err)
		           : error_nomem(err, "the adapter");
		if (!status)
			status = convert(b, f[i].b, nb, (float)(alpha / f[i].rank), g->path, err);
	}
	return status;
}

int adapter_open(adapter **out, const char *path, const void *bytes, size_t n, const model *m, error *err)
{
	adapter *a = mem_zeroed(1, sizeof(*a));
	gguf g = { 0 };
	double alpha = 0;
	int status;

	*out = NULL;
	if (!a)
		return error_nomem(err, "the adapter");
	status = bytes ? gguf_parse(&g, bytes, n, path, err) : gguf_open(&g, path, err);
	if (!status && bytes && !(g.path = strdup(path)))
		status = error_nomem(err, "the adapter");
	if (status || (status = check_kind(&g, m, &alpha, err)) || (status = check_names(&g, m, err)))
		goto out;
	if (!(a->layer = mem_zeroed((size_t)m->p.layers, sizeof(*a->layer)))) {
		status = error_nomem(err, "the adapter");
		goto out;
	}
	for (int l = 0; l < m->p.layers && !status; l++)
		status = open_layer(a, &g, m, l, alpha, err);
	if (!status && !a->rank)
		status = error_set(err, ERR_FORMAT, "%s: holds no factors", path);
	if (!status) {
		vocab_text name = gguf_string(&g, "general.name");
		snprintf(a->name, sizeof(a->name), "%.*s", (int)(name.len < 95 ? name.len : 95), name.len ? name.text : "");
		if (!a->name[0])
			snprintf(a->name, sizeof(a->name), "%s", path_base(path));
		hash_text(a->fingerprint, bytes ? bytes : g.map.data, bytes ? n : g.map.size);
		*out = a;
	}
out:
	gguf_close(&g);
	if (status)
		adapter_close(a);
	return status;
}

void adapter_close(adapter *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n_owned; i++)
		free(a->owned[i]);
	free(a->owned);
	free(a->layer);
	free(a);
}

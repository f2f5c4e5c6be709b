#include "engine/adapter.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "base/utf8.h"
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

static bool a_bar(double p)
{
	return p > 0 && p <= 1;
}

static int read_refusal(adapter *a, const gguf *g, error *err)
{
	vocab_text t = gguf_string(g, "folio.refusal.text");
	double least = gguf_number(g, "folio.refusal.least", 0);

	if (!gguf_find(g, "folio.refusal.text") && !gguf_find(g, "folio.refusal.least"))
		return 0;
	if (!t.len || t.len >= sizeof(a->refusal) || memchr(t.text, '\0', t.len) || utf8_check(t.text, t.len) < t.len || !a_bar(least))
		return error_set(err, ERR_FORMAT, "%s: folio.refusal.text needs 1 to %zu bytes of UTF-8 and folio.refusal.least a number above 0 and up to 1",
		                 g->path, sizeof(a->refusal) - 1);
	memcpy(a->refusal, t.text, t.len);
	a->refuse_at = least;
	return 0;
}

static int read_question_first(adapter *a, const gguf *g, error *err)
{
	const gguf_value *v = gguf_find(g, "folio.question.first");
	double least = gguf_number(g, "folio.question.least", a->refuse_at);

	if (v && (v->type != GGUF_BOOL || *(const uint8_t *)v->data > 1))
		return error_set(err, ERR_FORMAT, "%s: folio.question.first must be true or false", g->path);
	if (gguf_find(g, "folio.question.least") && !(a_bar(least) && a->refusal[0]))
		return error_set(err, ERR_FORMAT, "%s: folio.question.least must be a number above 0 and up to 1, beside a folio.refusal.text", g->path);
	a->question_first = v && *(const uint8_t *)v->data;
	a->first_refuse_at = least;
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

static dtype format_of(int64_t row)
{
	return row % dtype_get(DT_Q8_0)->block ? DT_F16 : DT_Q8_0;
}

static int no_number(const char *path, error *err)
{
	return error_set(err, ERR_FORMAT, "%s: holds a value that is no usable number: it is damaged, fetch or make it again", path);
}

/* Q8_0 as it is; a block begins with its scale in f16. */
static int copy_blocks(uint8_t *out, const uint8_t *in, size_t bytes, const char *path, error *err)
{
	for (size_t i = 0; i < bytes; i += (size_t)dtype_get(DT_Q8_0)->bytes) {
		f16 d;
		memcpy(&d, in + i, sizeof(d));
		if (!isfinite(f16_to_f32(d)))
			return no_number(path, err);
	}
	memcpy(out, in, bytes);
	return 0;
}

/* The tensor's rows, each dim[0] long, times scale. */
static int convert(void *out, const gguf_tensor *t, float scale, const char *path, error *err)
{
	int64_t row = t->dim[0];
	size_t from = dtype_row_bytes(t->type, row), to = dtype_row_bytes(format_of(row), row);
	if (t->type == format_of(row) && t->type == DT_Q8_0 && scale == 1)
		return copy_blocks(out, t->data, from * (size_t)t->dim[1], path, err);
	float *f = mem_array((size_t)row, sizeof(*f));
	int status = f ? 0 : error_nomem(err, "the adapter");

	for (int64_t j = 0; j < t->dim[1] && !status; j++) {
		ref_dequantize(f, t->data + (size_t)j * from, t->type, row);
		for (int64_t i = 0; i < row && !status; i++) {
			f[i] *= scale;
			if (!(fabsf(f[i]) <= 65504.0f))
				status = no_number(path, err);
		}
		if (!status)
			ref_quantize((char *)out + (size_t)j * to, f, format_of(row), row);
	}
	free(f);
	return status;
}

static size_t rows_bytes(int64_t rows, int64_t row)
{
	return (dtype_row_bytes(format_of(row), row) * (size_t)rows + 63) / 64 * 64;
}

/* One piece of memory for all factors: every token reads all of it. */
static int reserve(adapter *a, const gguf *g, error *err)
{
	for (size_t i = 0; i < g->tensors; i++)
		a->room += rows_bytes(g->tensor[i].dim[1], g->tensor[i].dim[0]);
	return (a->memory = mem_huge(a->room, 1)) ? 0 : error_nomem(err, "the adapter");
}

/* Memory for the weights' rows, which are those of one tensor or several. */
static void *take(adapter *a, const weights *w)
{
	void *p = a->memory + a->bytes;

	a->bytes += (int64_t)rows_bytes(w->out, w->in);
	assert((size_t)a->bytes <= a->room);
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
	void *stack[AD_INPUTS] = { NULL };
	int status = 0;

	for (int i = 0; i < AD_MAPS && !status; i++) {
		weights *in = &to->a[adapter_input_of((adapter_map)i)];
		status = find(&f[i], g, l, (adapter_map)i, map[i], err);
		to->at[i] = in->out;
		*in = (weights){ NULL, format_of(map[i]->in), in->out + (status ? 0 : f[i].rank), map[i]->in };
	}
	for (int i = 0; i < AD_INPUTS && !status; i++) {
		a->widest = to->a[i].out > a->widest ? to->a[i].out : a->widest;
		if (to->a[i].out)
			to->a[i].data = stack[i] = take(a, &to->a[i]);
	}
	for (int i = 0; i < AD_MAPS && !status; i++) {
		if (!f[i].rank)
			continue;
		adapter_input input = adapter_input_of((adapter_map)i);
		size_t row = dtype_row_bytes(to->a[input].type, map[i]->in);
		a->rank = f[i].rank > a->rank ? f[i].rank : a->rank;
		to->b[i] = (weights){ NULL, format_of(f[i].rank), map[i]->out, f[i].rank };
		void *b = take(a, &to->b[i]);
		to->b[i].data = b;
		if (!(status = convert((char *)stack[input] + (size_t)to->at[i] * row, f[i].a, 1, g->path, err)))
			status = convert(b, f[i].b, (float)(alpha / f[i].rank), g->path, err);
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
	if (status || (status = check_kind(&g, m, &alpha, err)) || (status = check_names(&g, m, err)) || (status = read_refusal(a, &g, err)) ||
	    (status = read_question_first(a, &g, err)))
		goto out;
	if (!(a->layer = mem_zeroed((size_t)m->p.layers, sizeof(*a->layer)))) {
		status = error_nomem(err, "the adapter");
		goto out;
	}
	status = reserve(a, &g, err);
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
	free(a->memory);
	free(a->layer);
	free(a);
}

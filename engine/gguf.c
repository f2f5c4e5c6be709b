#include "engine/gguf.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const int type_bytes[GGUF_TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

/* ggml's numbers for the formats folio runs, and names for those it does not. */
static const struct {
	const char *name;
	int type; /* dtype, or -1 */
} ggml_types[] = {
	{ "F32", DT_F32 }, { "F16", DT_F16 }, { "Q4_0", DT_Q4_0 }, { "Q4_1", DT_Q4_1 }, { "Q4_2", -1 }, { "Q4_3", -1 },
	{ "Q5_0", DT_Q5_0 }, { "Q5_1", DT_Q5_1 }, { "Q8_0", DT_Q8_0 }, { "Q8_1", -1 }, { "Q2_K", -1 }, { "Q3_K", -1 },
	{ "Q4_K", DT_Q4_K }, { "Q5_K", DT_Q5_K }, { "Q6_K", DT_Q6_K }, { "Q8_K", -1 }, { "IQ2_XXS", -1 }, { "IQ2_XS", -1 },
	{ "IQ3_XXS", -1 }, { "IQ1_S", -1 }, { "IQ4_NL", -1 }, { "IQ3_S", -1 }, { "IQ2_S", -1 }, { "IQ4_XS", -1 },
	{ "I8", -1 }, { "I16", -1 }, { "I32", -1 }, { "I64", -1 }, { "F64", -1 }, { "IQ1_M", -1 }, { "BF16", DT_BF16 },
	{ "Q4_0_4_4", -1 }, { "Q4_0_4_8", -1 }, { "Q4_0_8_8", -1 }, { "TQ1_0", -1 }, { "TQ2_0", -1 },
	{ "IQ4_NL_4_4", -1 }, { "IQ4_NL_4_8", -1 }, { "IQ4_NL_8_8", -1 }, { "MXFP4", -1 },
};

typedef struct {
	const uint8_t *p, *end, *begin;
	const char *name; /* of the file */
} reader;

static int bad(const reader *r, error *err, const char *what)
{
	return error_set(err, ERR_FORMAT, "%s: not a usable GGUF file (%s at byte %zu): it is damaged or was cut short, fetch it again",
	                 r->name, what, (size_t)(r->p - r->begin));
}

static size_t left(const reader *r)
{
	return (size_t)(r->end - r->p);
}

static bool get(void *out, reader *r, size_t n)
{
	if (left(r) < n)
		return false;
	memcpy(out, r->p, n);
	r->p += n;
	return true;
}

static bool get_string(vocab_text *out, reader *r)
{
	uint64_t n;

	if (!get(&n, r, 8) || n > left(r))
		return false;
	*out = (vocab_text){ (const char *)r->p, (size_t)n };
	r->p += n;
	return true;
}

static bool same(vocab_text a, vocab_text b)
{
	return a.len == b.len && memcmp(a.text, b.text, a.len) == 0;
}

static int skip_array(gguf_value *v, reader *r, error *err)
{
	uint32_t item;

	if (!get(&item, r, 4) || !get(&v->n, r, 8))
		return bad(r, err, "an array is cut off");
	if (item >= GGUF_TYPES || item == GGUF_ARRAY)
		return bad(r, err, "an array of an unknown type");
	v->item = (gguf_type)item;
	v->data = r->p;
	if (item == GGUF_STRING) {
		vocab_text s;
		for (uint64_t i = 0; i < v->n; i++)
			if (!get_string(&s, r))
				return bad(r, err, "a string is cut off");
		return 0;
	}
	if (v->n > left(r) / (size_t)type_bytes[item])
		return bad(r, err, "an array is longer than the file");
	r->p += v->n * (size_t)type_bytes[item];
	return 0;
}

static int get_value(gguf_value *v, reader *r, error *err)
{
	uint32_t type;

	if (!get_string(&v->key, r) || !get(&type, r, 4) || type >= GGUF_TYPES)
		return bad(r, err, "a key is cut off or has an unknown type");
	if (v->key.len == 0 || v->key.len > 65535)
		return bad(r, err, "a key of impossible length");
	v->type = (gguf_type)type;
	v->n = 1;
	if (type == GGUF_ARRAY)
		return skip_array(v, r, err);
	v->data = r->p;
	vocab_text s;
	if (type == GGUF_STRING)
		return get_string(&s, r) ? 0 : bad(r, err, "a string is cut off");
	if (left(r) < (size_t)type_bytes[type])
		return bad(r, err, "a value is cut off");
	r->p += type_bytes[type];
	return 0;
}

static int tensor_type(dtype *out, uint32_t type, vocab_text tensor, const reader *r, error *err)
{
	size_t known = sizeof(ggml_types) / sizeof(*ggml_types);

	if (type < known && ggml_types[type].type >= 0) {
		*out = (dtype)ggml_types[type].type;
		return 0;
	}
	char number[16];
	snprintf(number, sizeof(number), "%u", type);
	return error_set(err, ERR_UNSUPPORTED, "%s: the tensor %.*s has the format %s, which folio cannot run: choose a file in "
	                 "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K, F16, BF16 or F32", r->name,
	                 (int)(tensor.len < 80 ? tensor.len : 80), tensor.text, type < known ? ggml_types[type].name : number);
}

/* Name, shape and format; offset is checked once the start of the data is known. */
static int get_tensor(gguf_tensor *t, uint64_t *offset, reader *r, error *err)
{
	uint32_t dims, type;
	int64_t total = 1;

	if (!get_string(&t->name, r) || t->name.len == 0 || t->name.len > 1024 || !get(&dims, r, 4))
		return bad(r, err, "a tensor's name is cut off or impossible");
	if (dims < 1 || dims > 4)
		return bad(r, err, "a tensor of more than four dimensions or none");
	t->dims = (int)dims;
	for (int i = 0; i < 4; i++) {
		uint64_t d = 1;
		if (i < t->dims && !get(&d, r, 8))
			return bad(r, err, "a tensor's shape is cut off");
		if (d < 1 || d > INT32_MAX || __builtin_mul_overflow(total, (int64_t)d, &total))
			return bad(r, err, "a tensor of impossible size");
		t->dim[i] = (int64_t)d;
	}
	if (!get(&type, r, 4) || !get(offset, r, 8))
		return bad(r, err, "a tensor is cut off");
	int status = tensor_type(&t->type, type, t->name, r, err);
	if (status)
		return status;
	size_t row = dtype_row_bytes(t->type, t->dim[0]);
	if (!row || __builtin_mul_overflow(row, (uint64_t)(total / t->dim[0]), &t->bytes))
		return bad(r, err, "a tensor's rows do not fit its format");
	return 0;
}

static int read_values(gguf *g, reader *r, uint64_t n, error *err)
{
	size_t cap = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (!MEM_GROW(g->value, cap, g->values + 1))
			return error_nomem(err, "the model file's header");
		gguf_value *v = &g->value[g->values];
		int status = get_value(v, r, err);
		if (status)
			return status;
		g->values++;
	}
	return 0;
}

static int read_tensors(gguf *g, reader *r, uint64_t n, error *err)
{
	size_t cap = 0, offsets_cap = 0;
	uint64_t *offset = NULL;
	int status = 0;

	for (uint64_t i = 0; i < n && !status; i++) {
		if (!MEM_GROW(g->tensor, cap, g->tensors + 1) || !MEM_GROW(offset, offsets_cap, g->tensors + 1))
			status = error_nomem(err, "the model file's header");
		else if (!(status = get_tensor(&g->tensor[g->tensors], &offset[g->tensors], r, err)))
			g->tensors++;
	}
	double align = gguf_number(g, "general.alignment", 32);
	if (!status && !(align >= 1 && align <= 1 << 20 && align == (uint32_t)align &&
	                 ((uint32_t)align & ((uint32_t)align - 1)) == 0))
		status = bad(r, err, "an alignment that is no power of two");
	if (!status) {
		size_t a = (size_t)align, at = ((size_t)(r->p - r->begin) + a - 1) / a * a, size = (size_t)(r->end - r->begin);
		for (size_t i = 0; i < g->tensors && !status; i++) {
			gguf_tensor *t = &g->tensor[i];
			if (offset[i] % a || at > size || offset[i] > size - at || t->bytes > size - at - offset[i])
				status = error_set(err, ERR_FORMAT, "%s: the tensor %.*s lies outside the file: it was cut short, fetch it again",
				                   r->name, (int)(t->name.len < 80 ? t->name.len : 80), t->name.text);
			else
				t->data = r->begin + at + offset[i];
		}
	}
	free(offset);
	return status;
}

static int by_key(const void *a, const void *b)
{
	const vocab_text *x = a, *y = b;
	int c = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);

	return c ? c : x->len < y->len ? -1 : x->len > y->len;
}

/* key and name are the first members: one comparison serves both tables. */
static int sort_unique(void *base, size_t n, size_t size, const reader *r, error *err)
{
	if (n)
		qsort(base, n, size, by_key);
	for (size_t i = 1; i < n; i++)
		if (same(*(vocab_text *)((char *)base + (i - 1) * size), *(vocab_text *)((char *)base + i * size)))
			return bad(r, err, "a name appears twice");
	return 0;
}

int gguf_parse(gguf *out, const uint8_t *bytes, size_t n, const char *name, error *err)
{
	reader r = { bytes, bytes + n, bytes, name };
	uint32_t magic, version;
	uint64_t tensors, values;
	int status;

	if (n < 4 || memcmp(bytes, "GGUF", 4))
		return error_set(err, ERR_FORMAT, "%s: is not a GGUF model file", name);
	if (!get(&magic, &r, 4) || !get(&version, &r, 4))
		return bad(&r, err, "the header is cut off");
	if (version != 2 && version != 3)
		return error_set(err, ERR_UNSUPPORTED, "%s: GGUF version %u is not supported, only 2 and 3: convert the model again with "
		                 "a current llama.cpp", name, version);
	if (!get(&tensors, &r, 8) || !get(&values, &r, 8))
		return bad(&r, err, "the header is cut off");
	out->version = (int)version;
	if ((status = read_values(out, &r, values, err)) || (status = sort_unique(out->value, out->values, sizeof(*out->value), &r, err)) ||
	    (status = read_tensors(out, &r, tensors, err)))
		return status;
	return sort_unique(out->tensor, out->tensors, sizeof(*out->tensor), &r, err);
}

int gguf_open(gguf *out, const char *path, error *err)
{
	*out = (gguf){ 0 };
	int status = file_map_open(&out->map, path, err);

	if (!status && !(out->path = strdup(path)))
		status = error_nomem(err, "the model's path");
	if (!status)
		status = gguf_parse(out, out->map.data, out->map.size, out->path, err);
	if (status)
		gguf_close(out);
	return status;
}

void gguf_close(gguf *g)
{
	free(g->value);
	free(g->tensor);
	free(g->path);
	file_map_close(&g->map);
	*g = (gguf){ 0 };
}

const gguf_value *gguf_find(const gguf *g, const char *key)
{
	vocab_text k = { key, strlen(key) };

	/* Not sorted yet while the header is being read: look at all of them then. */
	for (size_t lo = 0; lo < g->values; lo++)
		if (same(g->value[lo].key, k))
			return &g->value[lo];
	return NULL;
}

const gguf_tensor *gguf_find_tensor(const gguf *g, const char *name)
{
	vocab_text k = { name, strlen(name) };

	return g->tensors ? bsearch(&k, g->tensor, g->tensors, sizeof(*g->tensor), by_key) : NULL;
}

double gguf_number(const gguf *g, const char *key, double fallback)
{
	const gguf_value *v = gguf_find(g, key);
	union { uint8_t u8; int8_t i8; uint16_t u16; int16_t i16; uint32_t u32; int32_t i32; float f32; uint64_t u64; int64_t i64; double f64; } x = { 0 };

	if (!v || v->type == GGUF_STRING || v->type == GGUF_ARRAY)
		return fallback;
	memcpy(&x, v->data, (size_t)type_bytes[v->type]);
	switch (v->type) {
	case GGUF_U8:
	case GGUF_BOOL: return x.u8;
	case GGUF_I8: return x.i8;
	case GGUF_U16: return x.u16;
	case GGUF_I16: return x.i16;
	case GGUF_U32: return x.u32;
	case GGUF_I32: return x.i32;
	case GGUF_F32: return (double)x.f32;
	case GGUF_U64: return (double)x.u64;
	case GGUF_I64: return (double)x.i64;
	default: return x.f64;
	}
}

static vocab_text string_at(const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, 8);
	return (vocab_text){ (const char *)p + 8, (size_t)n };
}

vocab_text gguf_string(const gguf *g, const char *key)
{
	const gguf_value *v = gguf_find(g, key);

	return v && v->type == GGUF_STRING ? string_at(v->data) : (vocab_text){ "", 0 };
}

int gguf_strings(vocab_text **out, int *n, const gguf *g, const char *key, error *err)
{
	const gguf_value *v = gguf_find(g, key);

	*out = NULL;
	*n = 0;
	if (!v)
		return 0;
	if (v->type != GGUF_ARRAY || v->item != GGUF_STRING || v->n > INT_MAX)
		return error_set(err, ERR_FORMAT, "%s: %s is no list of strings", g->path ? g->path : "the model file", key);
	/* Each string took at least 8 bytes of the file, so this is in proportion to it. */
	*out = mem_array((size_t)v->n, sizeof(**out));
	if (!*out)
		return error_nomem(err, "the vocabulary");
	const uint8_t *p = v->data;
	for (; *n < (int)v->n; p += 8 + (*out)[(*n)++].len)
		(*out)[*n] = string_at(p);
	return 0;
}

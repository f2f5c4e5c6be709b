#include "engine/safetensors.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"

static int bad(const char *name, error *err, const char *what)
{
	return error_set(err, ERR_FORMAT, "%s: not a usable safetensors file (%s): it is damaged or was cut short, fetch it again", name, what);
}

static int type_of(dtype *out, const char *text, const char *tensor, const char *name, error *err)
{
	static const struct { const char *text; dtype type; } types[] = { { "F32", DT_F32 }, { "F16", DT_F16 }, { "BF16", DT_BF16 } };

	for (size_t i = 0; i < 3; i++)
		if (text && strcmp(text, types[i].text) == 0) {
			*out = types[i].type;
			return 0;
		}
	return error_set(err, ERR_UNSUPPORTED, "%s: the tensor %.80s has the format %.16s; folio runs safetensors in F32, F16 and BF16",
	                 name, tensor, text ? text : "(none)");
}

/* {"dtype": "F16", "shape": [..], "data_offsets": [from, to]} */
static int add_tensor(safetensors *s, size_t *cap, const char *key, const json_t *v, const uint8_t *data, size_t n,
                      const char *name, error *err)
{
	const json_t *shape = json_object_get(v, "shape"), *at = json_object_get(v, "data_offsets");
	safetensor t = { .dims = (int)json_array_size(shape) };
	int64_t total = 1;
	int status = type_of(&t.type, json_string_value(json_object_get(v, "dtype")), key, name, err);

	if (status)
		return status;
	if (!json_is_array(shape) || t.dims > 4 || json_array_size(at) != 2)
		return bad(name, err, "a tensor without a usable shape or place");
	for (int i = 0; i < 4; i++) {
		const json_t *d = json_array_get(shape, (size_t)i);
		t.dim[i] = i < t.dims ? json_integer_value(d) : 1;
		if ((i < t.dims && !json_is_integer(d)) || t.dim[i] < 1 || t.dim[i] > INT32_MAX ||
		    __builtin_mul_overflow(total, t.dim[i], &total))
			return bad(name, err, "a tensor of impossible size");
	}
	json_int_t from = json_integer_value(json_array_get(at, 0)), to = json_integer_value(json_array_get(at, 1));
	if (!json_is_integer(json_array_get(at, 0)) || !json_is_integer(json_array_get(at, 1)) || from < 0 || to < from ||
	    (uint64_t)to > n || total > INT64_MAX / 8 || to - from != total * dtype_get(t.type)->bytes)
		return bad(name, err, "a tensor outside the file or of the wrong length");
	if (safetensors_find(s, key))
		return bad(name, err, "a tensor appears twice");
	t.data = data + from;
	t.bytes = (uint64_t)(to - from);
	if (!MEM_GROW(s->tensor, *cap, s->tensors + 1) || !(t.name = strdup(key)))
		return error_nomem(err, "the model file's header");
	s->tensor[s->tensors++] = t;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const uint8_t *x = (*(const safetensor *const *)a)->data, *y = (*(const safetensor *const *)b)->data;

	return (x > y) - (x < y);
}

/* Tensors [first, s->tensors) are one file's: no byte of it may belong to two. */
static int check_apart(const safetensors *s, size_t first, const char *name, error *err)
{
	size_t n = s->tensors - first;
	const safetensor **t = calloc(n + 1, sizeof(*t));
	int status = t ? 0 : error_nomem(err, "the model file's header");

	for (size_t i = 0; t && i < n; i++)
		t[i] = &s->tensor[first + i];
	if (t)
		qsort(t, n, sizeof(*t), by_place);
	for (size_t i = 1; !status && i < n; i++)
		if (t[i]->data < t[i - 1]->data + t[i - 1]->bytes)
			status = bad(name, err, "two tensors overlap");
	free(t);
	return status;
}

int safetensors_parse(safetensors *s, const uint8_t *bytes, size_t n, const char *name, error *err)
{
	uint64_t header;
	size_t first = s->tensors, cap = first;
	int status = 0;

	if (n < 8)
		return bad(name, err, "the header is cut off");
	memcpy(&header, bytes, 8);
	if (header > n - 8 || header > 100u << 20)
		return bad(name, err, "the header is longer than the file");
	json_t *root = json_loadb((const char *)bytes + 8, (size_t)header, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return bad(name, err, "the header is no JSON object");
	}
	const char *key;
	json_t *v;
	json_object_foreach(root, key, v)
		if (!status && strcmp(key, "__metadata__"))
			status = add_tensor(s, &cap, key, v, bytes + 8 + header, n - 8 - (size_t)header, name, err);
	json_decref(root);
	return status ? status : check_apart(s, first, name, err);
}

static int open_shard(safetensors *s, const char *folder, const char *file, error *err)
{
	str path = STR_INIT;
	file_map *more = realloc(s->map, (size_t)(s->maps + 1) * sizeof(*more));
	int status;

	if (!more)
		return error_nomem(err, "the model's files");
	s->map = more;
	if (strchr(file, '/'))
		return error_set(err, ERR_FORMAT, "%s: its index names '%.80s', a file outside the folder", folder, file);
	path_join(&path, folder, file);
	if (!(status = str_ok(&path, err)) && !(status = file_map_open(&s->map[s->maps], path.data, err))) {
		s->maps++;
		status = safetensors_parse(s, s->map[s->maps - 1].data, s->map[s->maps - 1].size, path.data, err);
	}
	str_free(&path);
	return status;
}

/* Each different file that the index's weight_map names, once, in its order. */
static int open_shards(safetensors *s, const char *folder, const json_t *weights, error *err)
{
	json_t *seen = json_object();
	const char *key;
	json_t *v;
	int status = seen ? 0 : error_nomem(err, "the model's index");

	json_object_foreach((json_t *)weights, key, v) {
		const char *file = json_string_value(v);
		if (status || (file && json_object_get(seen, file)))
			continue;
		if (!file)
			status = error_set(err, ERR_FORMAT, "%s: model.safetensors.index.json is damaged", folder);
		else if (json_object_set_new(seen, file, json_true()))
			status = error_nomem(err, "the model's index");
		else
			status = open_shard(s, folder, file, err);
	}
	json_decref(seen);
	return status;
}

int safetensors_open(safetensors *out, const char *folder, error *err)
{
	str path = STR_INIT;
	int status;

	*out = (safetensors){ 0 };
	path_join(&path, folder, "model.safetensors");
	if ((status = str_ok(&path, err)))
		goto out;
	if (path_exists(path.data)) {
		status = open_shard(out, folder, "model.safetensors", err);
		goto out;
	}
	path_join(&path, folder, "model.safetensors.index.json");
	if ((status = str_ok(&path, err)))
		goto out;
	json_t *index = json_load_file(path.data, 0, NULL);
	const json_t *weights = json_object_get(index, "weight_map");
	if (json_is_object(weights))
		status = open_shards(out, folder, weights, err);
	else
		status = error_set(err, index ? ERR_FORMAT : ERR_NOTFOUND, "%s: there is no model.safetensors and no usable "
		                   "model.safetensors.index.json in this folder", folder);
	json_decref(index);
out:
	str_free(&path);
	if (status)
		safetensors_close(out);
	return status;
}

void safetensors_close(safetensors *s)
{
	for (size_t i = 0; i < s->tensors; i++)
		free(s->tensor[i].name);
	free(s->tensor);
	for (int i = 0; i < s->maps; i++)
		file_map_close(&s->map[i]);
	free(s->map);
	*s = (safetensors){ 0 };
}

const safetensor *safetensors_find(const safetensors *s, const char *name)
{
	for (size_t i = 0; i < s->tensors; i++)
		if (strcmp(s->tensor[i].name, name) == 0)
			return &s->tensor[i];
	return NULL;
}

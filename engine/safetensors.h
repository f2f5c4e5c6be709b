/* engine/safetensors.h - the tensors of a Hugging Face model: one file, or several
 * named by an index. Checked like gguf.h; the data stays in the mapped files. */

#ifndef ENGINE_SAFETENSORS_H
#define ENGINE_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "kernels/dtype.h"

typedef struct {
	char *name;
	dtype type;         /* F32, F16 or BF16 */
	int dims;
	int64_t dim[4];     /* the slowest first: a [out, in] matrix is {out, in} */
	const uint8_t *data;
	uint64_t bytes;
} safetensor;

typedef struct {
	file_map *map;
	int maps;
	safetensor *tensor;
	size_t tensors;
} safetensors;

/* folder: holds model.safetensors, or model.safetensors.index.json and its shards. */
int safetensors_open(safetensors *out, const char *folder, error *err);
void safetensors_close(safetensors *s); /* a zeroed one is fine */

/* Add the tensors of one file's bytes; name is for messages. */
int safetensors_parse(safetensors *s, const uint8_t *bytes, size_t n, const char *name, error *err);

const safetensor *safetensors_find(const safetensors *s, const char *name);

#endif

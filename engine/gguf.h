/* engine/gguf.h - a GGUF file (versions 2 and 3) checked and laid open.
 *
 * Everything points into the mapped file. Opening checks every length, offset,
 * count, type and string, so that later code may trust what it finds here. Memory
 * is taken in proportion to bytes that are really there, never to a claimed count. */

#ifndef ENGINE_GGUF_H
#define ENGINE_GGUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "engine/vocab.h"
#include "kernels/dtype.h"

typedef enum {
	GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL,
	GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64, GGUF_TYPES,
} gguf_type;

typedef struct {
	vocab_text key;
	gguf_type type, item; /* item: of an array */
	uint64_t n;           /* elements of an array, else 1 */
	const uint8_t *data;  /* first byte of the value(s); strings are length-prefixed */
} gguf_value;

typedef struct {
	vocab_text name;
	dtype type;
	int dims;
	int64_t dim[4];       /* the fastest first: a [out, in] matrix is {in, out}; unused ones are 1 */
	const uint8_t *data;
	uint64_t bytes;
} gguf_tensor;

typedef struct {
	file_map map;
	char *path;
	int version;
	gguf_value *value;
	size_t values;
	gguf_tensor *tensor;
	size_t tensors;
} gguf;

int gguf_open(gguf *out, const char *path, error *err);
void gguf_close(gguf *g); /* a zeroed one is fine */

/* The same over bytes in memory, which must outlive g; *out is zeroed before. */
int gguf_parse(gguf *out, const uint8_t *bytes, size_t n, const char *name, error *err);

const gguf_value *gguf_find(const gguf *g, const char *key);      /* NULL if absent */
const gguf_tensor *gguf_find_tensor(const gguf *g, const char *name);

/* A number as double; fallback if the key is absent or no number. */
double gguf_number(const gguf *g, const char *key, double fallback);
/* A string; "" if absent or no string. */
vocab_text gguf_string(const gguf *g, const char *key);
/* Strings of an array into a malloc'ed table that points into the file. *n is 0 and
 * *out NULL if the key is absent. */
int gguf_strings(vocab_text **out, int *n, const gguf *g, const char *key, error *err);

#endif

/* tests/engine/gguf_writer.h - small GGUF files in memory, right or wrong on
 * purpose: the pieces of the format, one function each, appended to a str. */

#ifndef TESTS_GGUF_WRITER_H
#define TESTS_GGUF_WRITER_H

#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "engine/gguf.h"

static inline void put_u32(str *s, uint32_t v)
{
	str_put(s, &v, 4);
}

static inline void put_u64(str *s, uint64_t v)
{
	str_put(s, &v, 8);
}

static inline void put_text(str *s, const char *text)
{
	put_u64(s, strlen(text));
	str_puts(s, text);
}

static inline void put_header(str *s, uint32_t version, uint64_t tensors, uint64_t values)
{
	str_puts(s, "GGUF");
	put_u32(s, version);
	put_u64(s, tensors);
	put_u64(s, values);
}

static inline void put_key(str *s, const char *key, gguf_type type)
{
	put_text(s, key);
	put_u32(s, type);
}

static inline void put_key_text(str *s, const char *key, const char *text)
{
	put_key(s, key, GGUF_STRING);
	put_text(s, text);
}

static inline void put_key_u32(str *s, const char *key, uint32_t v)
{
	put_key(s, key, GGUF_U32);
	put_u32(s, v);
}

/* item may be any number; the items follow by the caller's hand. */
static inline void put_key_array(str *s, const char *key, uint32_t item, uint64_t n)
{
	put_key(s, key, GGUF_ARRAY);
	put_u32(s, item);
	put_u64(s, n);
}

/* type: ggml's number (0: F32). A matrix of two dimensions. */
static inline void put_tensor(str *s, const char *name, uint64_t in, uint64_t out, uint32_t type, uint64_t offset)
{
	put_text(s, name);
	put_u32(s, 2);
	put_u64(s, in);
	put_u64(s, out);
	put_u32(s, type);
	put_u64(s, offset);
}

static inline void put_padding(str *s, size_t align)
{
	while (s->len % align && !s->oom)
		str_putc(s, '\0');
}

#endif

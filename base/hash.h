/* base/hash.h - content hashes and checksums (XXH3). */

#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HASH_TEXT 33 /* 32 hex digits and a NUL */

uint64_t hash_64(const void *bytes, size_t n);

/* 128-bit content hash as lower-case hex. */
void hash_text(char out[HASH_TEXT], const void *bytes, size_t n);

/* Hash of several parts in order, each preceded by its length, so that moving
 * a byte from one part to the next changes it. */
typedef struct hasher hasher;
hasher *hasher_new(void); /* NULL when memory is exhausted */
void hasher_part(hasher *h, const void *bytes, size_t n);
void hasher_end(hasher *h, char out[HASH_TEXT]); /* frees h */

/* SHA-256 of a file as 64 hex digits, to check a download. */
int hash_file_sha256(char out[65], const char *path, error *err);

#endif

/* base/mem.h - allocation with checked sizes. All of these return NULL when the
 * size overflows or memory is exhausted; free with free(). */

#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* n * size bytes, uninitialised / zeroed. n or size of 0 gives a valid pointer. */
void *mem_array(size_t n, size_t size);
void *mem_zeroed(size_t n, size_t size);

/* n * size bytes aligned to 64 (a cache line and an AVX-512 register). */
void *mem_aligned(size_t n, size_t size);

/* The same for what is large and read over and over: in huge pages, if it fills one and
 * the system has them. */
void *mem_huge(size_t n, size_t size);

/* A copy of the text; of "" when it is NULL. */
char *mem_text(const char *s);

/* Make room for need elements in *ptr, growing by half; *cap is the capacity.
 * false, with both untouched, when memory is exhausted. */
bool mem_grow(void **ptr, size_t *cap, size_t need, size_t size);

#define MEM_GROW(ptr, cap, need) mem_grow((void **)&(ptr), &(cap), (need), sizeof(*(ptr)))

#endif

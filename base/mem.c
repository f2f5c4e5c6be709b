#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static bool product(size_t *out, size_t n, size_t size)
{
	return !__builtin_mul_overflow(n, size, out) && *out <= SIZE_MAX / 2;
}

void *mem_array(size_t n, size_t size)
{
	size_t bytes;

	if (!product(&bytes, n, size))
		return NULL;
	return malloc(bytes ? bytes : 1);
}

void *mem_zeroed(size_t n, size_t size)
{
	size_t bytes;

	if (!product(&bytes, n, size))
		return NULL;
	return calloc(1, bytes ? bytes : 1);
}

void *mem_aligned(size_t n, size_t size)
{
	size_t bytes;

	if (!product(&bytes, n, size))
		return NULL;
	return aligned_alloc(64, (bytes + 64) / 64 * 64);
}

void *mem_huge(size_t n, size_t size)
{
	const size_t page = 2 << 20;
	size_t bytes;

	if (!product(&bytes, n, size))
		return NULL;
	if (bytes < page)
		return mem_aligned(bytes, 1);
	bytes = (bytes + page - 1) / page * page;
	void *p = aligned_alloc(page, bytes);
#ifdef MADV_HUGEPAGE
	if (p)
		madvise(p, bytes, MADV_HUGEPAGE); /* a wish: without them it is slower, no more */
#endif
	return p;
}

char *mem_text(const char *s)
{
	return strdup(s ? s : "");
}

bool mem_grow(void **ptr, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return true;

	size_t want = *cap + *cap / 2;
	if (want < need)
		want = need;
	if (want < 16)
		want = 16;

	size_t bytes;
	if (!product(&bytes, want, size))
		return false;
	void *p = realloc(*ptr, bytes);
	if (!p)
		return false;
	*ptr = p;
	*cap = want;
	return true;
}

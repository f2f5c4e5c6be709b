#include "base/hash.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

struct hasher {
	XXH3_state_t *state;
};

static void to_hex(char out[HASH_TEXT], XXH128_hash_t h)
{
	snprintf(out, HASH_TEXT, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

uint64_t hash_64(const void *bytes, size_t n)
{
	return XXH3_64bits(bytes, n);
}

void hash_text(char out[HASH_TEXT], const void *bytes, size_t n)
{
	to_hex(out, XXH3_128bits(bytes, n));
}

hasher *hasher_new(void)
{
	hasher *h = malloc(sizeof(*h));

	if (!h)
		return NULL;
	h->state = XXH3_createState();
	if (!h->state) {
		free(h);
		return NULL;
	}
	XXH3_128bits_reset(h->state);
	return h;
}

void hasher_part(hasher *h, const void *bytes, size_t n)
{
	uint64_t len = n;

	XXH3_128bits_update(h->state, &len, sizeof(len));
	if (n)
		XXH3_128bits_update(h->state, bytes, n);
}

void hasher_end(hasher *h, char out[HASH_TEXT])
{
	to_hex(out, XXH3_128bits_digest(h->state));
	XXH3_freeState(h->state);
	free(h);
}

int hash_file_sha256(char out[65], const char *path, error *err)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return error_errno(err, ERR_IO, "%s: cannot be opened", path);

	struct sha256_ctx ctx;
	unsigned char buf[1 << 16], digest[SHA256_DIGEST_SIZE];
	size_t n;
	int status = 0;

	sha256_init(&ctx);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		sha256_update(&ctx, n, buf);
	if (ferror(f))
		status = error_errno(err, ERR_IO, "%s: cannot be read", path);
	fclose(f);
	if (status)
		return status;

	sha256_digest(&ctx, sizeof(digest), digest);
	for (int i = 0; i < SHA256_DIGEST_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* A journal of any bytes: opened with the blocks that are whole, cut after them, and
 * good for going on. */

#include <fcntl.h>
#include <unistd.h>

#include "base/hash.h"
#include "store/packed.h"
#include "tests/fuzz/fuzz.h"

#define KEY "0123456789abcdef"

static const char *scratch(void)
{
	static char path[64];

	/* In memory where that is possible: every append waits for the disk. */
	snprintf(path, sizeof(path), "%s/folio-fuzz-%ld.part", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm",
	         (long)getpid());
	return path;
}

static void write_bytes(const uint8_t *data, size_t n)
{
	int fd = open(scratch(), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	close(fd);
}

/* The number of blocks, each read. */
static int open_and_read(partial **p)
{
	error err = { 0 };

	if (partial_open(p, scratch(), KEY, &err))
		abort(); /* whatever is in the file is dropped, not an error */
	for (int i = 0; i < partial_blocks(*p); i++) {
		const void *bytes;
		size_t n;
		int status = partial_get(*p, i, &bytes, &n, &err);
		CHECK(status == 0);
		volatile uint64_t sum = hash_64(bytes, n);
		(void)sum;
	}
	return partial_blocks(*p);
}

/* Sums made right block by block, as far as their lengths lead. */
static void seal(uint8_t *data, size_t n)
{
	uint64_t v;

	if (n >= 64) {
		v = hash_64(data, 56);
		memcpy(data + 56, &v, 8);
	}
	for (size_t at = 64; n >= 64 && at <= n - 64;) {
		uint64_t len;
		memcpy(&len, data + at + 16, 8);
		if (len <= n - at - 64) {
			v = hash_64(data + at + 64, len);
			memcpy(data + at + 24, &v, 8);
		}
		v = hash_64(data + at, 56);
		memcpy(data + at + 56, &v, 8);
		if (len > n - at - 64)
			break;
		at += 64 + (len + 63) / 64 * 64;
	}
}

static void try_file(const uint8_t *data, size_t n)
{
	error err = { 0 };
	partial *p;

	write_bytes(data, n);
	int blocks = open_and_read(&p);
	if (partial_append(p, "more", 4, &err))
		abort();
	partial_close(p);
	int again = open_and_read(&p);
	CHECK(again == blocks + 1);
	partial_discard(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n + 1);

	if (!copy)
		abort();
	memcpy(copy, data, n);
	try_file(copy, n);
	seal(copy, n);
	try_file(copy, n);
	free(copy);
	return 0;
}

/* Journals of 0 to 2 blocks, as the writer makes them. */
static __attribute__((unused)) bool fuzz_seed(str *out, int blocks)
{
	error err;
	partial *p;
	char bytes[100];

	unlink(scratch());
	if (blocks == 3 || partial_open(&p, scratch(), KEY, &err))
		return false;
	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < blocks; i++)
		if (partial_append(p, bytes, 64 + (size_t)i * 20, &err))
			abort();
	partial_close(p);
	return file_read(out, scratch(), 0, &err) == 0;
}

/* A packed context file of any bytes: refused with a sentence or read within its
 * bounds. Each input is tried as it is and with its checksums made right, so that
 * what they guard is reached. */

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "store/packed.h"
#include "store/packed_format.h"
#include "tests/fuzz/fuzz.h"

/* Touch every byte that is given out. */
static uint64_t read_all(packed_file *f)
{
	uint64_t sum = 0;

	for (int section = -1; section < 12; section++)
		for (int layer = -1; layer < 4; layer++) {
			error err = { 0 };
			const void *bytes;
			size_t n;
			if (packed_get(f, section, layer, section & 1, &bytes, &n, &err) == 0)
				sum += hash_64(bytes, n);
			else
				CHECK(err.code == ERR_FORMAT && err.msg[0]);
		}
	return sum;
}

static void try_file(const uint8_t *data, size_t n)
{
	char path[64];
	error err = { 0 };
	packed_file *f;
	int fd = memfd_create("packed", 0);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int status = packed_open(&f, path, NULL, &err);
	CHECK(status == 0 || (status == ERR_FORMAT && !f && err.msg[0]));
	if (!status) {
		volatile uint64_t sum = read_all(f);
		(void)sum;
		CHECK((size_t)packed_size(f) == n);
		packed_verify(f, NULL, &err);
		packed_close(f);
	}
	close(fd);
}

static void seal(uint8_t *data, size_t n)
{
	packed_header *h = (packed_header *)data;

	if (n < sizeof(*h))
		return;
	size_t bytes = (size_t)h->sections * sizeof(packed_entry);
	if (h->table_at <= n && bytes <= n - h->table_at)
		h->table_sum = hash_64(data + h->table_at, bytes);
	h->sum = packed_header_sum(h);
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

/* ---- seeds: 0 to 3 sections of a few bytes ---- */

static __attribute__((unused)) bool fuzz_seed(str *out, int sections)
{
	packed_header h = { .magic = PACKED_MAGIC, .version = PACKED_VERSION, .sections = (uint32_t)sections,
	                    .key = "0123456789abcdef" };
	packed_entry e[4];

	if (sections == 4)
		return false;
	str_put(out, &h, sizeof(h));
	for (int i = 0; i < sections; i++) {
		char bytes[PACKED_PAGE] = { (char)i };
		size_t len = (size_t)i * 60;
		e[i] = (packed_entry){ i, i - 1, out->len, len, hash_64(bytes, len) };
		if (len)
			str_put(out, bytes, sizeof(bytes));
	}
	h.table_at = out->len;
	str_put(out, e, (size_t)sections * sizeof(*e));
	h.size = out->len;
	if (out->oom)
		return false;
	memcpy(out->data, &h, sizeof(h));
	seal((uint8_t *)out->data, out->len);
	return true;
}

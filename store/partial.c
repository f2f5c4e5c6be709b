#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/disk.h"
#include "store/packed.h"

/* The file: a head, then blocks, each a block_head and its payload padded to 64
 * bytes. Little-endian, like all of folio's files. */
#define HEAD_MAGIC  "folioPJ1"
#define BLOCK_MAGIC 0x6b636f6c626f696cu

typedef struct {
	char magic[8];
	char key[48]; /* NUL-padded */
	uint64_t sum; /* of the bytes before */
} file_head;

typedef struct {
	uint64_t magic, number, len, payload_sum;
	uint64_t zero[3];
	uint64_t sum; /* of the bytes before */
} block_head;

_Static_assert(sizeof(file_head) == 64 && sizeof(block_head) == 64, "payloads start at multiples of 64");

typedef struct {
	int64_t at; /* of the payload */
	size_t len;
	uint64_t sum;
} block;

struct partial {
	char *path;
	int fd;
	int64_t end;   /* where the next block goes */
	block *block;
	size_t blocks, cap;
	char *buf;     /* payload last given out */
	size_t buf_cap;
};

static int64_t padded(size_t len)
{
	return (int64_t)((len + 63) / 64 * 64);
}

void partial_close(partial *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	free(p->path);
	free(p->block);
	free(p->buf);
	free(p);
}

void partial_discard(partial *p)
{
	if (p)
		unlink(p->path); /* before the lock goes: another folio may be waiting to begin */
	partial_close(p);
}

int partial_blocks(const partial *p)
{
	return (int)p->blocks;
}

static int read_payload(partial *p, const block *b, error *err)
{
	if (!MEM_GROW(p->buf, p->buf_cap, b->len))
		return error_nomem(err, "a block of an interrupted read");

	int status = disk_read(p->fd, p->path, p->buf, b->len, b->at, err);
	if (!status && hash_64(p->buf, b->len) != b->sum)
		status = error_set(err, ERR_FORMAT, "%s: is damaged: remove it, and the document is read from its start",
		                   p->path);
	return status;
}

/* ---- opening ---- */

static void fill_head(file_head *h, const char *key)
{
	*h = (file_head){ .magic = HEAD_MAGIC };
	memcpy(h->key, key, strlen(key));
	h->sum = hash_64(h, sizeof(*h) - sizeof(h->sum));
}

static int begin_anew(partial *p, const file_head *h, error *err)
{
	p->end = sizeof(*h);
	if (ftruncate(p->fd, 0))
		return disk_write_failed(p->path, 0, err);
	int status = disk_write(p->fd, p->path, h, sizeof(*h), 0, err);
	return status ? status : file_sync_dir(p->path, err);
}

/* The block at p->end, if it is whole. 1: it is, 0: it is not, negative: trouble. */
static int scan_block(partial *p, int64_t size, error *err)
{
	block_head h;

	if (size - p->end < (int64_t)sizeof(h))
		return 0;
	int status = disk_read(p->fd, p->path, &h, sizeof(h), p->end, err);
	if (status)
		return status;
	if (h.magic != BLOCK_MAGIC || h.sum != hash_64(&h, sizeof(h) - sizeof(h.sum)) || h.number != p->blocks ||
	    h.len > PARTIAL_MOST || padded(h.len) > size - p->end - (int64_t)sizeof(h))
		return 0;

	block b = { p->end + (int64_t)sizeof(h), h.len, h.payload_sum };
	status = read_payload(p, &b, err);
	if (status)
		return status == ERR_FORMAT ? 0 : status;
	if (!MEM_GROW(p->block, p->cap, p->blocks + 1))
		return error_nomem(err, "an interrupted read");
	p->block[p->blocks++] = b;
	p->end = b.at + padded(b.len);
	return 1;
}

/* Keep the whole blocks, cut off the rest. */
static int scan(partial *p, int64_t size, error *err)
{
	int found;

	p->end = sizeof(file_head);
	while ((found = scan_block(p, size, err)) > 0)
		;
	if (found == 0 && size > p->end && ftruncate(p->fd, p->end))
		found = disk_write_failed(p->path, 0, err);
	return found;
}

static int open_blocks(partial *p, const char *key, error *err)
{
	file_head want, have;
	struct stat st;
	int status;

	fill_head(&want, key);
	if (fstat(p->fd, &st))
		return error_errno(err, ERR_IO, "%s: cannot be examined", p->path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_IO, "%s: is in the way, a file is needed here", p->path);
	if (st.st_size < (int64_t)sizeof(have))
		return begin_anew(p, &want, err);
	if ((status = disk_read(p->fd, p->path, &have, sizeof(have), 0, err)))
		return status;
	if (memcmp(&have, &want, sizeof(have)) != 0)
		return begin_anew(p, &want, err);
	return scan(p, st.st_size, err);
}

int partial_open(partial **out, const char *path, const char *key, error *err)
{
	partial *p = mem_zeroed(1, sizeof(*p));
	int status;

	*out = NULL;
	if (!p || !(p->path = strdup(path))) {
		free(p);
		return error_nomem(err, "an interrupted read");
	}
	p->fd = -1;
	if (!key[0] || strlen(key) >= HASH_TEXT)
		status = error_set(err, ERR_ARG, "%s: \"%s\" is no key for a context", path, key);
	else if ((status = disk_lock(&p->fd, path, err)) == 0)
		status = open_blocks(p, key, err);
	if (status) {
		partial_close(p);
		return status;
	}
	*out = p;
	return 0;
}

/* ---- blocks ---- */

int partial_get(partial *p, int i, const void **bytes, size_t *n, error *err)
{
	*bytes = NULL;
	*n = 0;
	if (i < 0 || (size_t)i >= p->blocks)
		return error_set(err, ERR_ARG, "%s: has no block %d", p->path, i);

	int status = read_payload(p, &p->block[i], err);
	if (!status) {
		*bytes = p->buf;
		*n = p->block[i].len;
	}
	return status;
}

static int write_block(partial *p, const block_head *h, const void *bytes, error *err)
{
	static const char zero[64];
	int64_t at = p->end + (int64_t)sizeof(*h);
	int status;

	/* The head last: with it the block begins to exist, also when the machine stops
	 * in between (and its checksum covers what the disk wrote out of order). */
	if ((status = disk_write(p->fd, p->path, bytes, h->len, at, err)) ||
	    (status = disk_write(p->fd, p->path, zero, (size_t)padded(h->len) - h->len, at + (int64_t)h->len, err)) ||
	    (status = disk_write(p->fd, p->path, h, sizeof(*h), p->end, err)))
		return status;
	return fdatasync(p->fd) ? disk_write_failed(p->path, 0, err) : 0;
}

int partial_append(partial *p, const void *bytes, size_t n, error *err)
{
	if (n > PARTIAL_MOST)
		return error_set(err, ERR_ARG, "%s: a block of %zu bytes is too large", p->path, n);
	if (!MEM_GROW(p->block, p->cap, p->blocks + 1))
		return error_nomem(err, "an interrupted read");

	block_head h = { .magic = BLOCK_MAGIC, .number = p->blocks, .len = n, .payload_sum = hash_64(bytes, n) };
	h.sum = hash_64(&h, sizeof(h) - sizeof(h.sum));
	int status = write_block(p, &h, bytes, err);
	/* A torn tail would be dropped on opening; the room it takes is wanted now. */
	if (status) {
		if (ftruncate(p->fd, p->end))
			log_line(LOG_WARN, "%s: a torn block stays until it is opened again", p->path);
		return status;
	}
	p->block[p->blocks++] = (block){ p->end + (int64_t)sizeof(h), n, h.payload_sum };
	p->end += (int64_t)sizeof(h) + padded(n);
	return 0;
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/disk.h"
#include "store/packed.h"
#include "store/packed_format.h"

enum { BUFFER = 1 << 20 };

struct packed_writer {
	char *path, *tmp;
	char key[HASH_TEXT];
	int fd;
	uint64_t at;    /* where the buffer begins in the file */
	size_t used;    /* bytes in it */
	uint8_t *buf;   /* [BUFFER] */
	packed_entry *entry;
	size_t entries, cap;
};

static void writer_free(packed_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w->path);
	free(w->tmp);
	free(w->buf);
	free(w->entry);
	free(w);
}

static bool key_ok(const char *key)
{
	size_t n = strlen(key);

	return n > 0 && n < HASH_TEXT && strspn(key, "0123456789abcdefABCDEF") == n;
}

int packed_create(packed_writer **out, const char *path, const char *key, error *err)
{
	*out = NULL;
	if (!key_ok(key))
		return error_set(err, ERR_ARG, "%s: \"%s\" is no key for a context", path, key);

	packed_writer *w = mem_zeroed(1, sizeof(*w));
	if (!w)
		return error_nomem(err, "writing a context");
	w->fd = -1;
	w->at = PACKED_PAGE;
	snprintf(w->key, sizeof(w->key), "%s", key);
	w->path = strdup(path);
	w->buf = mem_aligned(BUFFER, 1);
	int status = w->path && w->buf && asprintf(&w->tmp, "%s.tmp", path) > 0 ? 0 : error_nomem(err, "writing a context");
	if (!status)
		status = disk_lock(&w->fd, w->tmp, err);
	if (status) {
		writer_free(w);
		return status;
	}
	/* What a dead process left begins anew. */
	if (ftruncate(w->fd, 0)) {
		status = disk_write_failed(w->tmp, 0, err);
		packed_abandon(w);
		return status;
	}
	*out = w;
	return 0;
}

int packed_expect(const packed_writer *w, int64_t bytes, error *err)
{
	return disk_need(w->tmp, bytes, err);
}

/* ---- the stream of bytes behind the header ---- */

static int flush(packed_writer *w, error *err)
{
	int status = disk_write(w->fd, w->tmp, w->buf, w->used, (int64_t)w->at, err);

	if (!status) {
		w->at += w->used;
		w->used = 0;
	}
	return status;
}

static int stream(packed_writer *w, const void *bytes, size_t n, error *err)
{
	int status = 0;

	if (w->used + n > BUFFER)
		status = flush(w, err);
	if (status || n == 0)
		return status;
	if (n >= BUFFER) { /* copying it would only cost */
		if ((status = disk_write(w->fd, w->tmp, bytes, n, (int64_t)w->at, err)) == 0)
			w->at += n;
		return status;
	}
	memcpy(w->buf + w->used, bytes, n);
	w->used += n;
	return 0;
}

static int stream_to_page(packed_writer *w, error *err)
{
	static const char zero[PACKED_PAGE];
	size_t over = (w->at + w->used) % PACKED_PAGE;

	return over ? stream(w, zero, PACKED_PAGE - over, err) : 0;
}

int packed_put(packed_writer *w, int section, int layer, const void *bytes, size_t n, error *err)
{
	if (n > INT64_MAX / 2)
		return error_set(err, ERR_ARG, "%s: a section of %zu bytes cannot be written", w->tmp, n);
	if (w->entries == PACKED_MOST_SECTIONS || !MEM_GROW(w->entry, w->cap, w->entries + 1))
		return error_nomem(err, "the table of sections");
	/* Two of the same would be refused on opening. A thousand is the scale: this stays cheap. */
	for (size_t i = 0; i < w->entries; i++)
		if (w->entry[i].section == section && w->entry[i].layer == layer)
			return error_set(err, ERR_ARG, "%s: section %d of layer %d was written already", w->tmp, section, layer);

	int status = stream_to_page(w, err);
	if (status)
		return status;
	packed_entry e = { section, layer, w->at + w->used, n, hash_64(bytes, n) };
	if ((status = stream(w, bytes, n, err)) == 0)
		w->entry[w->entries++] = e;
	return status;
}

/* ---- the end ---- */

static int finish(packed_writer *w, error *err)
{
	size_t bytes = w->entries * sizeof(*w->entry);
	packed_header h = { .magic = PACKED_MAGIC, .version = PACKED_VERSION, .sections = (uint32_t)w->entries };
	int status = stream_to_page(w, err);

	if (status)
		return status;
	memcpy(h.key, w->key, strlen(w->key));
	h.table_at = w->at + w->used;
	h.table_sum = hash_64(w->entry, bytes);
	h.size = h.table_at + bytes;
	h.sum = packed_header_sum(&h);
	if ((status = stream(w, w->entry, bytes, err)) || (status = flush(w, err)) ||
	    (status = disk_write(w->fd, w->tmp, &h, sizeof(h), 0, err)))
		return status;
	/* The name may promise a whole file only once its bytes are on the disk. */
	if (fsync(w->fd))
		return disk_write_failed(w->tmp, 0, err);
	/* store_sweep spares what is young: fsync may have taken long. */
	futimens(w->fd, NULL);
	return 0;
}

int packed_commit(packed_writer *w, error *err)
{
	int status = finish(w, err);

	if (!status && rename(w->tmp, w->path))
		status = error_errno(err, ERR_IO, "%s: cannot be put in place", w->path);
	if (status) {
		packed_abandon(w);
		return status;
	}
	status = file_sync_dir(w->path, err);
	writer_free(w);
	return status;
}

void packed_abandon(packed_writer *w)
{
	if (w)
		unlink(w->tmp); /* while it is still locked: nobody else can have begun it */
	writer_free(w);
}

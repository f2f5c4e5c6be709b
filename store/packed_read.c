#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/mem.h"
#include "store/packed.h"
#include "store/packed_format.h"

/* Per section, sorted by section and layer. */
typedef struct {
	packed_entry e;
	bool checked;
} slot;

struct packed_file {
	char *path;
	file_map map;
	slot *slot;
	size_t slots;
};

static int damaged(const packed_file *f, const char *what, error *err)
{
	return error_set(err, ERR_FORMAT, "%s: %s: run `folio verify`", f->path, what);
}

void packed_close(packed_file *f)
{
	if (!f)
		return;
	file_map_close(&f->map);
	free(f->slot);
	free(f->path);
	free(f);
}

int64_t packed_size(const packed_file *f)
{
	return (int64_t)f->map.size;
}

static int check_header(const packed_file *f, const char *key, error *err)
{
	const packed_header *h = (const packed_header *)f->map.data;

	if (f->map.size < sizeof(*h))
		return damaged(f, "is too short to be a context", err);
	if (memcmp(h->magic, PACKED_MAGIC, sizeof(h->magic)) != 0)
		return damaged(f, "is not a context of folio", err);
	if (h->sum != packed_header_sum(h))
		return damaged(f, "its header is damaged", err);
	if (h->version > PACKED_VERSION)
		return error_set(err, ERR_FORMAT, "%s: was written by a newer folio (format %u): update folio", f->path,
		                 h->version);
	if (h->version < 1)
		return damaged(f, "has an unknown format", err);
	if (h->key[sizeof(h->key) - 1])
		return damaged(f, "its key is damaged", err);
	if (key && strcmp(h->key, key) != 0)
		return damaged(f, "holds another context than was asked for", err);
	if (h->size != f->map.size)
		return damaged(f, "is not as long as it was written", err);
	return 0;
}

/* Where the table lies; its length follows from the file's, so a count cannot lie. */
static int check_table(const packed_file *f, error *err)
{
	const packed_header *h = (const packed_header *)f->map.data;
	size_t size = f->map.size, bytes = (size_t)h->sections * sizeof(packed_entry);

	if (h->sections > PACKED_MOST_SECTIONS || h->table_at < PACKED_PAGE || h->table_at % PACKED_PAGE ||
	    h->table_at > size || size - h->table_at != bytes)
		return damaged(f, "its table of sections is out of place", err);
	if (h->table_sum != hash_64(f->map.data + h->table_at, bytes))
		return damaged(f, "its table of sections is damaged", err);
	return 0;
}

static uint64_t next_page(uint64_t at)
{
	return at + (PACKED_PAGE - at % PACKED_PAGE) % PACKED_PAGE;
}

/* Every section where the one before puts it; all sums stay below the file's size. */
static int take_entries(packed_file *f, error *err)
{
	const packed_header *h = (const packed_header *)f->map.data;
	const packed_entry *e = (const packed_entry *)(f->map.data + h->table_at);
	uint64_t at = PACKED_PAGE;

	f->slots = h->sections;
	f->slot = mem_zeroed(f->slots, sizeof(*f->slot));
	if (!f->slot)
		return error_nomem(err, "the table of sections");
	for (size_t i = 0; i < f->slots; i++) {
		if (e[i].at != at || e[i].len > h->table_at - at)
			return damaged(f, "a section is out of place", err);
		at = next_page(at + e[i].len);
		f->slot[i].e = e[i];
	}
	return at == h->table_at ? 0 : damaged(f, "its sections do not fill it", err);
}

static int compare(const void *a, const void *b)
{
	const packed_entry *x = &((const slot *)a)->e, *y = &((const slot *)b)->e;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return (x->layer > y->layer) - (x->layer < y->layer);
}

static int sort_entries(packed_file *f, error *err)
{
	qsort(f->slot, f->slots, sizeof(*f->slot), compare);
	for (size_t i = 1; i < f->slots; i++)
		if (compare(&f->slot[i - 1], &f->slot[i]) == 0)
			return damaged(f, "a section is there twice", err);
	return 0;
}

int packed_open(packed_file **out, const char *path, const char *key, error *err)
{
	packed_file *f = mem_zeroed(1, sizeof(*f));
	int status;

	*out = NULL;
	if (!f || !(f->path = strdup(path))) {
		packed_close(f);
		return error_nomem(err, "opening a context");
	}
	if ((status = file_map_open(&f->map, path, err)) || (status = check_header(f, key, err)) ||
	    (status = check_table(f, err)) || (status = take_entries(f, err)) || (status = sort_entries(f, err))) {
		packed_close(f);
		return status;
	}
	*out = f;
	return 0;
}

static bool intact(const packed_file *f, slot *s)
{
	if (!s->checked)
		s->checked = hash_64(f->map.data + s->e.at, s->e.len) == s->e.sum;
	return s->checked;
}

static int damaged_section(const packed_file *f, const slot *s, error *err)
{
	return error_set(err, ERR_FORMAT,
	                 "%s: section %d of layer %d is damaged: remove its document with `folio rm` and add it again",
	                 f->path, s->e.section, s->e.layer);
}

int packed_get(packed_file *f, int section, int layer, bool check, const void **bytes, size_t *n, error *err)
{
	slot want = { .e = { .section = section, .layer = layer } };
	slot *s = bsearch(&want, f->slot, f->slots, sizeof(*f->slot), compare);

	*bytes = NULL;
	*n = 0;
	if (!s)
		return error_set(err, ERR_FORMAT, "%s: section %d of layer %d is missing: run `folio verify`", f->path, section,
		                 layer);
	if (check && !intact(f, s))
		return damaged_section(f, s, err);
	*bytes = f->map.data + s->e.at;
	*n = s->e.len;
	return 0;
}

/* The checksum reads front to back: let the kernel read far ahead. */
static bool verify_section(const packed_file *f, slot *s)
{
	void *at = (void *)(uintptr_t)(f->map.data + s->e.at);

	s->checked = false;
	if (!s->e.len)
		return intact(f, s);
	madvise(at, s->e.len, MADV_SEQUENTIAL);
	bool fine = intact(f, s);
	madvise(at, s->e.len, MADV_NORMAL);
	return fine;
}

int packed_verify(packed_file *f, const progress *p, error *err)
{
	progress_event ev = { .stage = "verifying", .unit = "bytes" };

	for (size_t i = 0; i < f->slots; i++)
		ev.total += (int64_t)f->slot[i].e.len;
	for (size_t i = 0; i < f->slots; i++) {
		if (progress_report(p, &ev))
			return error_set(err, ERR_CANCEL, "%s: verifying was stopped", f->path);
		if (!verify_section(f, &f->slot[i]))
			return damaged_section(f, &f->slot[i], err);
		ev.done += (int64_t)f->slot[i].e.len;
	}
	progress_report(p, &ev);
	return 0;
}

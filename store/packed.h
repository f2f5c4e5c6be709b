/* store/packed.h - one context in one file: named sections, page-aligned, each with
 * a checksum, written so that a crash leaves nothing half done, read through mmap.
 *
 * Layout, little-endian: a header page (magic "folioKV1", format version, key,
 * section count, offset and checksum of the table, checksum of the header), then
 * the sections, each at a multiple of 4096, then the table of sections. What the
 * numbers of sections mean is the caller's business. */

#ifndef STORE_PACKED_H
#define STORE_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/progress.h"

/* ---- writing ---- */

typedef struct packed_writer packed_writer;

/* Begin path.tmp; key is any text of up to 32 hex digits that identifies the
 * content. A leftover path.tmp of a dead process is replaced; that of a living one
 * is ERR_BUSY. */
int packed_create(packed_writer **out, const char *path, const char *key, error *err);
/* ERR_FULL, with how much is missing, when so many bytes do not fit on the disk. */
int packed_expect(const packed_writer *w, int64_t bytes, error *err);
/* After a failure only packed_abandon may follow. */
int packed_put(packed_writer *w, int section, int layer, const void *bytes, size_t n, error *err);
/* Table, header, fsync, rename to path, fsync of the folder. Frees w in any case. */
int packed_commit(packed_writer *w, error *err);
void packed_abandon(packed_writer *w); /* removes path.tmp, frees w; NULL is fine */

/* ---- reading ---- */

/* Used by one thread at a time; the bytes it gives out may be read by any. The file
 * is only ever replaced by rename, so a mapping stays whole; a disk that fails while
 * mapped bytes are read is a SIGBUS, as for every mapping. */
typedef struct packed_file packed_file;

/* Checks magic, version, key (unless NULL), size, header and table: every offset
 * and length lies in the file, no section twice. ERR_FORMAT names the file and
 * says to run `folio verify`, ERR_NOTFOUND if there is none. */
int packed_open(packed_file **out, const char *path, const char *key, error *err);
void packed_close(packed_file *f); /* NULL is fine */

/* The section's bytes, valid until packed_close. check: compare its checksum now
 * (once; remembered), otherwise that is left to packed_verify. ERR_FORMAT if the
 * section is missing or damaged. */
int packed_get(packed_file *f, int section, int layer, bool check, const void **bytes, size_t *n, error *err);

/* Check every section. */
int packed_verify(packed_file *f, const progress *p, error *err);

int64_t packed_size(const packed_file *f);

/* ---- an interrupted read ---- */

enum { PARTIAL_MOST = 1 << 30 }; /* bytes of a block */

/* contexts/KEY.part: an append-only journal of the blocks that are finished, so that
 * a read goes on after Ctrl-C or a crash. A block that was not wholly written, or is
 * damaged, and all after it are dropped on opening; a journal with another key
 * begins anew. The file is locked: ERR_BUSY if another folio is reading the same
 * document. */
typedef struct partial partial;
int partial_open(partial **out, const char *path, const char *key, error *err);
void partial_close(partial *p);   /* keeps the file */
void partial_discard(partial *p); /* removes it; NULL is fine */
int partial_blocks(const partial *p);
/* Borrowed until the next partial call. */
int partial_get(partial *p, int block, const void **bytes, size_t *n, error *err);
/* On disk when it returns. After a failure the blocks before are still there. */
int partial_append(partial *p, const void *bytes, size_t n, error *err);

#endif

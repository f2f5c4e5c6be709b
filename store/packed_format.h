/* store/packed_format.h - the bytes of a packed context file, for its writer, its
 * reader and their tests. Little-endian, as all machines folio runs on. */

#ifndef STORE_PACKED_FORMAT_H
#define STORE_PACKED_FORMAT_H

#include <stdint.h>

#include "base/hash.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "packed files are mapped as they are: this needs a little-endian machine"
#endif

enum {
	PACKED_PAGE = 4096,
	PACKED_VERSION = 1,
	PACKED_MOST_SECTIONS = 1 << 20, /* far above 10 kinds x 1000 layers */
};

#define PACKED_MAGIC "folioKV1"

/* First page. Its last 8 bytes stay the checksum of all before them in every later
 * version, so that "newer" and "damaged" can be told apart. */
typedef struct {
	char magic[8];
	uint32_t version, sections;
	char key[40]; /* NUL-padded */
	uint64_t table_at, table_sum;
	uint64_t size; /* of the whole file: the table is its end */
	char zero[PACKED_PAGE - 88];
	uint64_t sum;
} packed_header;

/* Sections lie in the order of the table, each at the first page boundary after the
 * one before, the first after the header: so nothing can overlap. */
typedef struct {
	int32_t section, layer;
	uint64_t at, len, sum;
} packed_entry;

_Static_assert(sizeof(packed_header) == PACKED_PAGE, "the header fills its page");
_Static_assert(sizeof(packed_entry) == 32, "no padding in the table");

static inline uint64_t packed_header_sum(const packed_header *h)
{
	return hash_64(h, sizeof(*h) - sizeof(h->sum));
}

#endif

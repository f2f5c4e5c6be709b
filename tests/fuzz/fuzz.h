/* tests/fuzz/fuzz.h - one fuzz entry in libFuzzer's form, and a main that replays a
 * corpus where there is no libFuzzer: the files named on the command line, or, with
 * none, seeds that the entry makes and mutations of them.
 *
 * An entry defines LLVMFuzzerTestOneInput and fuzz_seed. Build with
 * -DFOLIO_LIBFUZZER -fsanitize=fuzzer to leave main to libFuzzer. */

#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/str.h"

/* Like assert, but also in a Release build. */
#define CHECK(what)                                                                      \
	do {                                                                             \
		if (!(what)) {                                                           \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                         \
		}                                                                        \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Seed i into out; false when there are no more. */
static bool fuzz_seed(str *out, int i);

#ifndef FOLIO_LIBFUZZER

#include "base/file.h"

enum { FUZZ_MUTATIONS = 1500 };

/* A few changes such as damage and malice make: flips, extreme numbers, cuts, copies. */
static void fuzz_mutate(str *s, rng *r)
{
	static const uint64_t extreme[] = { 0, 1, 0x7f, 0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX };

	for (uint32_t k = 1 + rng_below(r, 4); k-- && s->len;) {
		size_t at = (size_t)(rng_next(r) % s->len);
		size_t n = s->len - at < 8 ? s->len - at : 8;
		uint64_t v = extreme[rng_below(r, 8)];
		switch (rng_below(r, 5)) {
		case 0:
			s->data[at] ^= (char)(1 << rng_below(r, 8));
			break;
		case 1:
			memcpy(s->data + at, &v, n);
			break;
		case 2:
			memmove(s->data + at, s->data + rng_next(r) % (at + 1), n);
			break;
		case 3:
			s->data[at] = (char)rng_next(r);
			break;
		default:
			if (rng_below(r, 4) == 0)
				str_truncate(s, at);
		}
	}
}

static int fuzz_file(const char *path)
{
	error err;
	str s = STR_INIT;
	int status = file_read(&s, path, 64 << 20, &err);

	if (status)
		fprintf(stderr, "%s\n", err.msg);
	else
		LLVMFuzzerTestOneInput((const uint8_t *)str_text(&s), s.len);
	str_free(&s);
	return status;
}

int main(int argc, char **argv)
{
	str seed = STR_INIT, s = STR_INIT;
	rng r = { 1 };
	int runs = 0;

	for (int i = 1; i < argc; i++)
		if (fuzz_file(argv[i]))
			return 1;
	for (int i = 0; argc == 1 && fuzz_seed(&seed, i); i++, str_clear(&seed)) {
		for (int k = 0; k <= FUZZ_MUTATIONS && !seed.oom; k++, runs++) {
			str_clear(&s);
			str_put(&s, str_text(&seed), seed.len);
			if (k)
				fuzz_mutate(&s, &r);
			LLVMFuzzerTestOneInput((const uint8_t *)str_text(&s), s.len);
		}
	}
	str_free(&seed);
	str_free(&s);
	if (argc == 1)
		printf("%d inputs\n", runs);
	return 0;
}

#endif
#endif

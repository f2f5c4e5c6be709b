/* tests/support.h - where tests find what is not part of the project.
 *
 * $FOLIO_TEST_DATA (else ../shared/data beside the checkout): documents, tokenizer
 * vectors, small models. $FOLIO_TEST_MODEL: the default model's GGUF file, which
 * tests/run.sh fetches. Each test that needs one says so and skips without it. */

#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"

/* Path of a file under the test data, or NULL. Static memory, eight at a time. */
static inline const char *test_data(const char *name)
{
	static char path[8][1024];
	static int turn;
	const char *root = getenv("FOLIO_TEST_DATA");
	char *p = path[turn++ % 8];

	if (root)
		snprintf(p, sizeof(path[0]), "%s/%s", root, name);
	else
		snprintf(p, sizeof(path[0]), "%s/../shared/data/%s", FOLIO_SOURCE_DIR, name);
	return access(p, R_OK) == 0 ? p : NULL;
}

static inline const char *test_model(void)
{
	const char *p = getenv("FOLIO_TEST_MODEL");
	return p && access(p, R_OK) == 0 ? p : NULL;
}

#define NEED(path, what)                                                    \
	do {                                                                \
		if (!(path)) {                                              \
			print_message("skipped: %s is not here\n", (what)); \
			skip();                                             \
		}                                                           \
	} while (0)

/* A call that must succeed; prints the error's sentence when it does not. */
#define OK(call)                                                                      \
	do {                                                                          \
		int status_ = (call);                                                 \
		if (status_)                                                          \
			fail_msg("%s: %d %s", #call, status_, err.msg);               \
	} while (0)

/* A fresh private folder; the caller removes it with test_remove. */
static inline const char *test_folder(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/folio-test-XXXXXX", getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 30 ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(path));
	return path;
}

static inline void test_remove(const char *folder)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", folder);
	assert_int_equal(system(cmd), 0);
}

#endif

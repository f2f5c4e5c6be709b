#include "tests/support.h"

#include <sys/stat.h>

#include "app/models_found.h"
#include "base/file.h"
#include "base/path.h"

static error err;
static char folder[80];

static int begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s", test_folder());
	setenv("HOME", folder, 1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	test_remove(folder);
	return 0;
}

/* A file of so many bytes below HOME, its folders made. */
static void put(const char *name, off_t bytes)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	*strrchr(path, '/') = '\0';
	OK(path_make_dirs(path, &err));
	path[strlen(path)] = '/';
	OK(file_write(path, "", 0, &err));
	assert_int_equal(truncate(path, bytes), 0);
}

static void finds_models_where_they_are_kept(void **state)
{
	found_model *m;
	char from[300], to[300];
	int n;

	(void)state;
	OK(models_found(&m, &n, &err));
	assert_int_equal(n, 0);
	put("models/zeta.Q4_0.gguf", 2 << 20);
	put("models/notes.txt", 2 << 20);
	put("models/vocabulary.gguf", 1000);
	put("models/mmproj-eyes.gguf", 2 << 20);
	put("models/split-00001-of-00002.gguf", 2 << 20);
	put(".lmstudio/models/maker/line/Alpha.GGUF", 3 << 20);
	/* Hugging Face keeps the bytes apart and links to them by name. */
	put(".cache/huggingface/hub/models--a--b/blobs/0123", 4 << 20);
	put(".cache/huggingface/hub/models--a--b/snapshots/abc/x", 1);
	snprintf(from, sizeof(from), "%s/.cache/huggingface/hub/models--a--b/blobs/0123", folder);
	snprintf(to, sizeof(to), "%s/.cache/huggingface/hub/models--a--b/snapshots/abc/linked.gguf", folder);
	assert_int_equal(symlink(from, to), 0);
	/* The same file by another name is no second model; a circle ends. */
	snprintf(to, sizeof(to), "%s/models/again.gguf", folder);
	snprintf(from, sizeof(from), "%s/models/zeta.Q4_0.gguf", folder);
	assert_int_equal(symlink(from, to), 0);
	snprintf(to, sizeof(to), "%s/models/circle", folder);
	assert_int_equal(symlink(folder, to), 0);

	OK(models_found(&m, &n, &err));
	assert_int_equal(n, 3);
	assert_true(!strcmp(m[0].name, "Alpha") || !strcmp(m[0].name, "again"));
	int64_t bytes = 0;
	for (int i = 0; i < n; i++) {
		bytes += m[i].bytes;
		assert_int_equal(m[i].path[0], '/');
	}
	assert_int_equal(bytes, 9 << 20);
	found_models_free(m, n);
}

static void no_home_is_no_harm(void **state)
{
	found_model *m;
	int n;

	(void)state;
	unsetenv("HOME");
	OK(models_found(&m, &n, &err));
	assert_int_equal(n, 0);
	found_models_free(m, n);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(finds_models_where_they_are_kept), TEST(no_home_is_no_harm) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

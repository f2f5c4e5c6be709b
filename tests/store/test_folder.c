#include "tests/support.h"

#include <errno.h>
#include <git2.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "base/utf8.h"
#include "store/document.h"

static error err;
static const char *folder;

static int set_up(void **state)
{
	(void)state;
	git_libgit2_init();
	folder = test_folder();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_remove(folder);
	git_libgit2_shutdown();
	return 0;
}

static const char *at(const char *name)
{
	static char path[8][512];
	static int turn;
	char *p = path[turn++ % 8];

	snprintf(p, sizeof(path[0]), "%s%s%s", folder, name[0] ? "/" : "", name);
	return p;
}

/* Write a file, with the folders it lies in. */
static void put(const char *name, const char *text)
{
	char dir[512];
	const char *path = at(name);

	snprintf(dir, sizeof(dir), "%.*s", (int)(path_base(path) - path), path);
	OK(path_make_dirs(dir, &err));
	OK(file_write(path, text, strlen(text), &err));
}

static git_repository *make_repository(const char *name)
{
	git_repository *repo;

	OK(path_make_dirs(at(name), &err));
	assert_int_equal(git_repository_init(&repo, at(name), 0), 0);
	return repo;
}

static void track(git_repository *repo, const char *path)
{
	git_index *index;

	assert_int_equal(git_repository_index(&index, repo), 0);
	assert_int_equal(git_index_add_bypath(index, path), 0);
	assert_int_equal(git_index_write(index), 0);
	git_index_free(index);
}

static document *load(const char *name)
{
	document *d;

	OK(document_load(&d, at(name), NULL, NULL, &err));
	assert_int_equal(d->kind, DOC_FOLDER);
	assert_int_equal(utf8_check(d->text, d->len), d->len);
	return d;
}

/* The paths of the files, each followed by a blank. */
static const char *names(const document *d)
{
	static char all[2048];

	all[0] = '\0';
	for (int i = 0; i < d->files; i++) {
		strncat(all, d->file[i].path, sizeof(all) - strlen(all) - 1);
		strncat(all, " ", sizeof(all) - strlen(all) - 1);
	}
	return all;
}

static const char *reason(const document *d, const char *path)
{
	for (int i = 0; i < d->skips; i++)
		if (strcmp(d->skip[i].path, path) == 0)
			return d->skip[i].reason;
	return "not in the list of what was skipped";
}

static void joins_files_in_order(void **state)
{
	(void)state;
	put("b.c", "int b;\n\n/* end */\n");
	put("a/z.txt", "no newline");
	put("a.md", "# A\r\nline\r\n");
	put(".hidden", "no\n");
	put(".git-not/x", "no\n");
	document *d = load("");
	document_place p;

	assert_string_equal(d->text, "=== a.md ===\n# A\nline\n\n=== a/z.txt ===\nno newline\n\n"
				     "=== b.c ===\nint b;\n\n/* end */\n");
	assert_string_equal(names(d), "a.md a/z.txt b.c ");
	assert_string_equal(d->title, path_base(folder));
	assert_string_equal(d->path, folder);
	assert_int_equal(d->skips, 0);
	assert_false(d->file[0].code);
	assert_true(d->file[2].code);
	for (int i = 0; i < d->files; i++)
		assert_memory_equal(d->text + d->file[i].head, "=== ", 4);
	assert_memory_equal(d->text + d->file[1].from, "no newline\n", d->file[1].to - d->file[1].from);
	assert_int_equal(d->bytes, 18 + 10 + 11);

	size_t end = (size_t)(strstr(d->text, "/* end") - d->text);
	document_locate(&p, d, end, d->len);
	assert_ptr_equal(p.file, &d->file[2]);
	assert_int_equal(p.line_from, 3);
	assert_int_equal(p.line_to, 3);
	document_locate(&p, d, d->file[2].head, d->len);
	assert_int_equal(p.line_from, 1);
	document_locate(&p, d, d->file[0].from, d->len);
	assert_ptr_equal(p.file, &d->file[0]);
	assert_int_equal(p.line_to, 2);
	document_free(d);
}

static void skips_by_name(void **state)
{
	(void)state;
	static char big[(32 << 20) + 2];

	put("good.txt", "good\n");
	put("empty", "");
	put("latin.txt", "caf\xe9\n");
	put("book.pdf", "%PDF-1.7\n");
	OK(file_write(at("image"), "\x89PNG\0\0", 6, &err));
	memset(big, 'x', sizeof(big));
	OK(file_write(at("big.txt"), big, sizeof(big), &err));
	assert_int_equal(mkfifo(at("pipe"), 0600), 0);
	document *d = load("");

	assert_string_equal(names(d), "good.txt ");
	assert_int_equal(d->skips, 6);
	assert_string_equal(reason(d, "empty"), "empty");
	assert_string_equal(reason(d, "latin.txt"), "not UTF-8");
	assert_string_equal(reason(d, "book.pdf"), "a PDF");
	assert_string_equal(reason(d, "image"), "binary");
	assert_string_equal(reason(d, "big.txt"), "larger than 32 MiB");
	assert_string_equal(reason(d, "pipe"), "not a regular file");
	for (int i = 1; i < d->skips; i++)
		assert_true(strcmp(d->skip[i - 1].path, d->skip[i].path) < 0);
	document_free(d);
}

static void skips_what_it_may_not_read(void **state)
{
	(void)state;
	put("good.txt", "good\n");
	put("secret.txt", "secret\n");
	put("closed/a.txt", "a\n");
	chmod(at("secret.txt"), 0);
	chmod(at("closed"), 0);
	bool all_powerful = access(at("secret.txt"), R_OK) == 0;
	document *d = load("");

	chmod(at("closed"), 0700);
	if (all_powerful) {
		document_free(d);
		print_message("skipped: root may read everything\n");
		skip();
	}
	assert_string_equal(names(d), "good.txt ");
	assert_string_equal(reason(d, "secret.txt"), strerror(EACCES));
	assert_string_equal(reason(d, "closed"), strerror(EACCES));
	document_free(d);
}

static void follows_links_inside_only(void **state)
{
	(void)state;
	put("out.txt", "outside\n");
	put("in/.hidden", "hidden\n");
	put("in/real.txt", "real\n");
	put("in/sub/x.txt", "x\n");
	assert_int_equal(symlink("../out.txt", at("in/out")), 0);
	assert_int_equal(symlink("/etc", at("in/etc")), 0);
	assert_int_equal(symlink("real.txt", at("in/again")), 0);
	assert_int_equal(symlink("sub", at("in/folder")), 0);
	assert_int_equal(symlink("..", at("in/sub/up")), 0);
	assert_int_equal(symlink("loop", at("in/loop")), 0);
	assert_int_equal(symlink("nothing", at("in/broken")), 0);
	assert_int_equal(symlink(".hidden", at("in/shown")), 0);
	document *d = load("in");

	assert_string_equal(names(d), "real.txt shown sub/x.txt ");
	assert_string_equal(reason(d, "out"), "a link out of the folder");
	assert_string_equal(reason(d, "etc"), "a link out of the folder");
	assert_string_equal(reason(d, "again"), "a link to a file that is read itself");
	assert_string_equal(reason(d, "folder"), "a link to a folder");
	assert_string_equal(reason(d, "loop"), "a broken link");
	assert_string_equal(reason(d, "broken"), "a broken link");
	assert_null(strstr(d->text, "outside"));
	document_free(d);
}

static void shows_odd_names_safely(void **state)
{
	(void)state;
	put("a\33[2Jb.txt", "text\n");
	put("x ===\n=== y", "text\n");
	put("bad\xff.txt", "text\n");
	put("bin\33\xff", "\1\2\3\4\5\6\x0e\x0f\n");
	document *d = load(""), *back;
	str map = STR_INIT;

	assert_int_equal(d->files, 3);
	assert_null(strchr(d->text, '\33'));
	assert_non_null(strstr(d->text, "=== a^[[2Jb.txt ===\n"));
	assert_non_null(strstr(d->text, "=== x ===^J=== y ===\n"));
	assert_string_equal(d->skip[0].path, "bin^[\xef\xbf\xbd");
	OK(document_map_json(&map, d, &err));
	OK(document_from_map(&back, map.data, d->text, d->len, &err));
	assert_int_equal(back->files, 3);
	assert_int_equal(back->skips, 1);
	assert_true(strcmp(names(d), names(back)) == 0);
	assert_string_equal(back->skip[0].reason, "binary");
	document_free(back);
	document_free(d);
	str_free(&map);
}

static void takes_what_git_lists(void **state)
{
	(void)state;
	git_repository *repo = make_repository("r");

	put("r/.gitignore", "*.o\nbuild/\n/top.txt\n!keep.o\n");
	put("r/src/.gitignore", "made.c\n");
	put("r/src/a.c", "int a;\n");
	put("r/src/made.c", "no\n");
	put("r/src/tracked.o", "text though\n");
	put("r/src/keep.o", "kept\n");
	put("r/src/other.o", "no\n");
	put("r/build/out.txt", "no\n");
	put("r/build/tracked.txt", "forced\n");
	put("r/top.txt", "no\n");
	put("r/src/top.txt", "yes\n");
	put("r/gone.txt", "soon gone\n");
	put("r/.github/ci.yml", "on: push\n");
	assert_int_equal(mkfifo(at("r/src/q.o"), 0600), 0);
	git_index *index;
	assert_int_equal(git_repository_index(&index, repo), 0);
	assert_int_equal(git_index_add_bypath(index, "src/a.c"), 0);
	assert_int_equal(git_index_add_bypath(index, "src/tracked.o"), 0);
	assert_int_equal(git_index_add_bypath(index, "build/tracked.txt"), 0);
	assert_int_equal(git_index_add_bypath(index, "gone.txt"), 0);
	assert_int_equal(git_index_write(index), 0);
	git_index_free(index);
	git_repository_free(repo);
	unlink(at("r/gone.txt"));

	document *d = load("r");
	assert_string_equal(names(d), ".github/ci.yml .gitignore build/tracked.txt src/.gitignore src/a.c src/keep.o "
				      "src/top.txt src/tracked.o ");
	assert_int_equal(d->skips, 1);
	assert_string_equal(reason(d, "gone.txt"), "deleted");
	document_free(d);

	d = load("r/src");
	assert_string_equal(names(d), ".gitignore a.c keep.o top.txt tracked.o ");
	assert_string_equal(d->title, "src");
	document_free(d);
}

static void reads_a_folder_that_git_ignores(void **state)
{
	(void)state;
	git_repository *repo = make_repository("r");

	put("r/.gitignore", "notes/\n");
	put("r/notes/a.txt", "a\n");
	put("r/notes/.b", "hidden\n");
	git_repository_free(repo);
	document *d = load("r/notes");
	assert_string_equal(names(d), "a.txt ");
	document_free(d);
}

static void leaves_out_nested_repositories(void **state)
{
	(void)state;
	git_repository *outer = make_repository("r"), *inner = make_repository("r/inner");
	git_repository *sub = make_repository("r/sub");
	git_index *index;
	git_index_entry e = { .path = "sub", .mode = GIT_FILEMODE_COMMIT };

	put("r/a.txt", "a\n");
	put("r/inner/b.txt", "b\n");
	put("r/sub/c.txt", "c\n");
	track(inner, "b.txt");
	assert_int_equal(git_oid_fromstr(&e.id, "0123456789012345678901234567890123456789"), 0);
	assert_int_equal(git_repository_index(&index, outer), 0);
	assert_int_equal(git_index_add(index, &e), 0);
	assert_int_equal(git_index_write(index), 0);
	git_index_free(index);
	git_repository_free(outer);
	git_repository_free(inner);
	git_repository_free(sub);

	document *d = load("r");
	assert_string_equal(names(d), "a.txt ");
	assert_int_equal(d->skips, 2);
	assert_string_equal(reason(d, "inner"), "another repository");
	assert_string_equal(reason(d, "sub"), "a submodule");
	document_free(d);
	d = load("r/inner");
	assert_string_equal(names(d), "b.txt ");
	document_free(d);
}

/* The index says dir/passwd, the working tree has dir as a link to elsewhere. */
static void trusts_no_index(void **state)
{
	(void)state;
	git_repository *repo = make_repository("r");

	put("r/a.txt", "a\n");
	put("r/dir/passwd", "harmless\n");
	put("elsewhere/passwd", "secret\n");
	track(repo, "dir/passwd");
	git_repository_free(repo);
	unlink(at("r/dir/passwd"));
	rmdir(at("r/dir"));
	assert_int_equal(symlink("../elsewhere", at("r/dir")), 0);
	document *d = load("r");
	assert_string_equal(names(d), "a.txt ");
	assert_string_equal(reason(d, "dir/passwd"), "a link out of the folder");
	assert_null(strstr(d->text, "secret"));
	document_free(d);
}

static void waits_for_no_ignore_file(void **state)
{
	(void)state;
	git_repository *repo = make_repository("r");
	document *d;

	git_repository_free(repo);
	put("r/a.txt", "a\n");
	put("r/sub/a.txt", "a\n");
	assert_int_equal(mkfifo(at("r/sub/.gitignore"), 0600), 0);
	assert_int_equal(document_load(&d, at("r"), NULL, NULL, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, ".gitignore"));
	assert_int_equal(document_load(&d, at("r/sub"), NULL, NULL, &err), ERR_FORMAT);
}

static void tells_of_a_damaged_repository(void **state)
{
	(void)state;
	git_repository *repo = make_repository("r");

	git_repository_free(repo);
	put("r/a.txt", "a\n");
	put("r/.git/index", "this is no index, whatever its name says it is\n");
	document *d = load("r");
	assert_string_equal(names(d), "a.txt ");
	assert_non_null(strstr(reason(d, ".git"), "cannot be read"));
	document_free(d);
}

static void refuses_a_folder_without_text(void **state)
{
	(void)state;
	document *d;

	assert_int_equal(document_load(&d, at(""), NULL, NULL, &err), ERR_FORMAT);
	put("a.txt", "");
	assert_int_equal(document_load(&d, at(""), NULL, NULL, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "a.txt: empty"));
	assert_null(d);
}

static void walks_deep(void **state)
{
	(void)state;
	char name[512] = "d";

	for (int i = 0; i < 180; i++)
		strcat(name, "/d");
	strcat(name, "/x.txt");
	put(name, "deep\n");
	document *d = load("");
	assert_int_equal(d->files, 1);
	document_free(d);
}

typedef struct {
	int64_t done, total;
	cancel *stop;
} seen;

static void note(void *ud, const progress_event *e)
{
	seen *s = ud;

	assert_string_equal(e->stage, "extracting");
	assert_string_equal(e->unit, "files");
	s->done = e->done;
	s->total = e->total;
	if (s->stop && e->done == 2)
		cancel_raise(s->stop);
}

static void reports_and_stops(void **state)
{
	(void)state;
	char name[32];
	seen s = { 0 };
	cancel stop = { false };
	progress p = { note, &s, &stop };
	document *d;

	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "f%d.txt", i);
		put(name, "x\n");
	}
	OK(document_load(&d, at(""), NULL, &p, &err));
	assert_int_equal(s.done, 5);
	assert_int_equal(s.total, 5);
	document_free(d);
	s.stop = &stop;
	assert_int_equal(document_load(&d, at(""), NULL, &p, &err), ERR_CANCEL);
	assert_null(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(joins_files_in_order),
		TEST(skips_by_name),
		TEST(skips_what_it_may_not_read),
		TEST(follows_links_inside_only),
		TEST(shows_odd_names_safely),
		TEST(takes_what_git_lists),
		TEST(reads_a_folder_that_git_ignores),
		TEST(leaves_out_nested_repositories),
		TEST(trusts_no_index),
		TEST(waits_for_no_ignore_file),
		TEST(tells_of_a_damaged_repository),
		TEST(refuses_a_folder_without_text),
		TEST(walks_deep),
		TEST(reports_and_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

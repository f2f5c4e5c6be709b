#include "tests/support.h"

#include <fcntl.h>
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
	folder = test_folder();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_remove(folder);
	return 0;
}

static const char *put(const char *name, const void *bytes, size_t n)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	OK(file_write(path, bytes, n, &err));
	return path;
}

static document *load(const char *name, const void *bytes, size_t n)
{
	document *d;

	OK(document_load(&d, put(name, bytes, n), NULL, NULL, &err));
	assert_int_equal(utf8_check(d->text, d->len), d->len);
	return d;
}

#define LOAD(name, literal) load(name, literal, sizeof(literal) - 1)

static void refuse_bytes(const char *name, const void *bytes, size_t n, const char *word)
{
	document *d;
	int status = document_load(&d, put(name, bytes, n), NULL, NULL, &err);

	assert_int_equal(status, ERR_FORMAT);
	assert_null(d);
	assert_non_null(strstr(err.msg, name));
	if (!strstr(err.msg, word))
		fail_msg("\"%s\" does not say %s", err.msg, word);
}

#define REFUSE(name, literal, word) refuse_bytes(name, literal, sizeof(literal) - 1, word)

static void reads_one_file(void **state)
{
	(void)state;
	document *d = LOAD("a tale.of two.txt", "Once\nupon\n");
	char want[256];

	snprintf(want, sizeof(want), "%s/a tale.of two.txt", folder);
	assert_string_equal(d->text, "Once\nupon\n");
	assert_string_equal(d->title, "a tale.of two");
	assert_string_equal(d->path, want);
	assert_string_equal(d->file[0].path, want);
	assert_int_equal(d->kind, DOC_TEXT);
	assert_int_equal(d->files, 1);
	assert_int_equal(d->file[0].to, d->len);
	assert_int_equal(d->bytes, 10);
	assert_true(d->mtime_ns > 0);
	assert_int_equal(d->pages, 0);
	assert_int_equal(strlen(d->hash), HASH_TEXT - 1);
	document_free(d);
}

static void knows_kinds_by_name(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		document_kind kind;
	} want[] = {
		{ "a.md", DOC_MARKDOWN }, { "a.Markdown", DOC_MARKDOWN }, { "a.c", DOC_CODE }, { "a.PY", DOC_CODE },
		{ "Makefile", DOC_CODE }, { "CMakeLists.txt", DOC_CODE }, { "Dockerfile", DOC_CODE }, { "a.txt", DOC_TEXT },
		{ "README", DOC_TEXT }, { "a.zsh", DOC_CODE }, { "a.ada", DOC_CODE }, { "a.rst", DOC_TEXT },
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		document *d = LOAD(want[i].name, "x\n");
		if (d->kind != want[i].kind)
			fail_msg("%s is %s", want[i].name, document_kind_name(d->kind));
		assert_int_equal(d->file[0].code, want[i].kind == DOC_CODE);
		document_free(d);
	}
	document *d = LOAD("script", "#!/bin/sh\necho\n");
	assert_int_equal(d->kind, DOC_CODE);
	document_free(d);
}

static void normalises_line_ends(void **state)
{
	(void)state;
	document *d = LOAD("a.txt", "one\r\ntwo\rthree\n\r\n\rsix\r");
	document_place at;

	assert_string_equal(d->text, "one\ntwo\nthree\n\n\nsix\n");
	document_locate(&at, d, (size_t)(strstr(d->text, "six") - d->text), d->len);
	assert_int_equal(at.line_from, 6);
	assert_int_equal(at.line_to, 6);
	document_free(d);
}

static void converts_encodings(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t n;
	} same[] = {
		{ "\xef\xbb\xbfh\xc3\xa9\n", 6 + 1 },
		{ "\xff\xfeh\0\xe9\0\n\0", 8 },
		{ "\xfe\xff\0h\0\xe9\0\n", 8 },
		{ "\xff\xfe\0\0h\0\0\0\xe9\0\0\0\n\0\0\0", 16 },
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		document *d = load("e.txt", same[i].bytes, same[i].n);
		assert_string_equal(d->text, "h\xc3\xa9\n");
		document_free(d);
	}
	document *d = LOAD("pair.txt", "\xff\xfe\x3d\xd8\x00\xde");
	assert_string_equal(d->text, "\xf0\x9f\x98\x80");
	document_free(d);
	REFUSE("latin.txt", "caf\xe9 au lait\n", "iconv");
	REFUSE("odd.txt", "\xff\xfeh\0\xe9", "damaged");
	REFUSE("surrogate.txt", "\xff\xfe\x3d\xd8h\0", "damaged");
}

static void converts_long_utf16(void **state)
{
	(void)state;
	size_t n = 100001;
	char *bytes = malloc(2 + 2 * n);

	assert_non_null(bytes);
	memcpy(bytes, "\xff\xfe", 2);
	for (size_t i = 0; i < n; i++)
		memcpy(bytes + 2 + 2 * i, i % 70 == 69 ? "\n\0" : "\xac\x20", 2);
	document *d = load("long.txt", bytes, 2 + 2 * n);
	assert_int_equal(d->len, n / 70 + (n - n / 70) * 3);
	document_free(d);
	free(bytes);
}

static void refuses_what_is_not_text(void **state)
{
	(void)state;
	REFUSE("empty.txt", "", "empty");
	REFUSE("blank.txt", " \n\t\r\n\f", "blank");
	REFUSE("nul.txt", "abc\0def\n", "binary");
	REFUSE("controls.txt", "a\1b\2c\3d\4e\5f\6g\16", "binary");
	REFUSE("book.pdf", "%PDF-1.4\nall of it is ASCII\n", "PDF");
	REFUSE("book.epub", "PK\3\4rest", "EPUB");
	document *d = LOAD("colours.log", "\33[1mbold\33[0m\n");
	document_free(d);
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	char path[256];
	document *d;

	snprintf(path, sizeof(path), "%s/pipe", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(document_load(&d, path, NULL, NULL, &err), ERR_ARG);
	assert_int_equal(document_load(&d, "/dev/null", NULL, NULL, &err), ERR_ARG);
	snprintf(path, sizeof(path), "%s/none", folder);
	assert_int_equal(document_load(&d, path, NULL, NULL, &err), ERR_NOTFOUND);
	assert_null(d);
}

static void never_shows_raw_names(void **state)
{
	(void)state;
	document *d = LOAD("evil\33[2J\xff\n.txt", "text\n"), *back;
	str map = STR_INIT;

	assert_string_equal(d->title, "evil^[[2J\xef\xbf\xbd^J");
	assert_null(strchr(d->file[0].path, '\33'));
	assert_null(strchr(d->file[0].path, '\n'));
	OK(document_map_json(&map, d, &err));
	OK(document_from_map(&back, map.data, d->text, d->len, &err));
	assert_string_equal(back->path, d->path);
	document_free(back);
	str_free(&map);
	document_free(d);
}

static void counts_pages(void **state)
{
	(void)state;
	document *d = LOAD("book.txt", "first\nmore\n\fsecond\n\f\fword\fend\n\f");
	static const char *const begin[] = { "first", "second", "word", "word", "end" };
	document_place at;

	assert_string_equal(d->text, "first\nmore\nsecond\nword end\n");
	assert_int_equal(d->pages, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(d->page[i], strstr(d->text, begin[i]) - d->text);
	document_locate(&at, d, d->page[1], d->page[1] + 6);
	assert_int_equal(at.page, 2);
	assert_int_equal(at.line_from, 3);
	document_locate(&at, d, d->page[3] + 1, d->len);
	assert_int_equal(at.page, 4);
	document_locate(&at, d, 0, 1);
	assert_int_equal(at.page, 1);
	document_free(d);

	d = LOAD("old.c", "int a;\n\f\nint b;\n");
	assert_int_equal(d->pages, 0);
	assert_null(d->page);
	document_locate(&at, d, (size_t)(strstr(d->text, "int b") - d->text), d->len);
	assert_int_equal(at.page, 0);
	assert_int_equal(at.line_from, 3);
	document_free(d);
}

static void locates_every_byte(void **state)
{
	(void)state;
	document *d = LOAD("l.txt", "\na\nbb\n\n\nccc\nd");
	document_place at;

	for (size_t from = 0; from < d->len; from++) {
		int first = 1;
		for (size_t i = 0; i < from; i++)
			first += d->text[i] == '\n';
		int last = first;
		for (size_t to = from + 1; to <= d->len; to++) {
			document_locate(&at, d, from, to);
			assert_int_equal(at.line_from, first);
			assert_int_equal(at.line_to, last);
			last += d->text[to - 1] == '\n';
		}
	}
	document_locate(&at, d, 0, d->len + 100);
	assert_int_equal(at.line_to, 7);
	document_locate(&at, d, d->len, d->len);
	assert_int_equal(at.line_from, 7);
	document_free(d);
}

static void hashes_title_and_text(void **state)
{
	(void)state;
	document *a = LOAD("a.txt", "same\n"), *b, *c;
	const char *path = put("b.txt", "same\n", 5);

	OK(document_load(&b, path, "a", NULL, &err));
	OK(document_load(&c, path, "other", NULL, &err));
	assert_string_equal(a->hash, b->hash);
	assert_string_not_equal(a->hash, c->hash);
	document_free(a);
	document_free(b);
	document_free(c);
}

static void reads_standard_input(void **state)
{
	(void)state;
	int saved = dup(STDIN_FILENO), fd = open(put("in", "from\r\nstdin\n", 12), O_RDONLY);
	document *d;

	assert_true(saved >= 0 && fd >= 0);
	dup2(fd, STDIN_FILENO);
	close(fd);
	int status = document_load(&d, "-", NULL, NULL, &err);
	dup2(saved, STDIN_FILENO);
	close(saved);
	OK(status);
	assert_string_equal(d->path, "-");
	assert_string_equal(d->title, "stdin");
	assert_string_equal(d->text, "from\nstdin\n");
	document_free(d);
}

static void note_progress(void *ud, const progress_event *e)
{
	int64_t *last = ud;

	assert_string_equal(e->stage, "extracting");
	assert_string_equal(e->unit, "bytes");
	assert_true(e->done >= *last && e->done <= e->total);
	*last = e->done;
}

static void reports_and_stops(void **state)
{
	(void)state;
	const char *path = put("a.txt", "hello\n", 6);
	cancel stop = { false };
	int64_t last = 0;
	progress p = { note_progress, &last, &stop };
	document *d;

	OK(document_load(&d, path, NULL, &p, &err));
	assert_int_equal(last, 6);
	document_free(d);
	cancel_raise(&stop);
	last = 0;
	assert_int_equal(document_load(&d, path, NULL, &p, &err), ERR_CANCEL);
}

static void stops_a_silent_pipe(void **state)
{
	(void)state;
	int ends[2], saved = dup(STDIN_FILENO);
	cancel stop = { true };
	progress p = { NULL, NULL, &stop };
	document *d;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[0], STDIN_FILENO);
	int status = document_load(&d, "-", NULL, &p, &err);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(status, ERR_CANCEL);
}

static void maps_there_and_back(void **state)
{
	(void)state;
	document *d = LOAD("m.txt", "one\n\ftwo\n"), *back;
	str map = STR_INIT;

	OK(document_map_json(&map, d, &err));
	OK(document_from_map(&back, map.data, d->text, d->len, &err));
	assert_int_equal(back->kind, d->kind);
	assert_string_equal(back->title, d->title);
	assert_string_equal(back->path, d->path);
	assert_string_equal(back->text, d->text);
	assert_string_equal(back->hash, d->hash);
	assert_int_equal(back->pages, 2);
	assert_int_equal(back->page[1], d->page[1]);
	assert_int_equal(back->bytes, d->bytes);
	assert_int_equal(back->mtime_ns, d->mtime_ns);
	assert_int_equal(back->file[0].to, d->file[0].to);
	document_free(back);
	assert_int_equal(document_from_map(&back, map.data, "one\ntwO\n", d->len, &err), ERR_FORMAT);
	assert_int_equal(document_from_map(&back, map.data, d->text, d->len - 1, &err), ERR_FORMAT);
	assert_null(back);
	str_free(&map);
	document_free(d);
}

static void refuses_damaged_maps(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "{", "[]", "{}", "null",
		"{\"kind\":\"text\",\"title\":\"t\",\"path\":\"p\",\"hash\":\"\",\"files\":[]}",
		"{\"kind\":\"text\",\"title\":\"t\",\"path\":\"p\",\"hash\":\"\",\"files\":[{\"path\":\"p\",\"head\":0,\"from\":0,\"to\":99}]}",
		"{\"kind\":\"text\",\"title\":\"t\",\"path\":\"p\",\"hash\":\"\",\"files\":[{\"path\":\"p\",\"head\":-1,\"from\":0,\"to\":1}]}",
		"{\"kind\":\"text\",\"title\":\"t\",\"path\":\"p\",\"hash\":\"\",\"files\":[{\"path\":\"p\",\"head\":3,\"from\":2,\"to\":4}]}",
		"{\"kind\":\"odd\",\"title\":\"t\",\"path\":\"p\",\"hash\":\"\",\"files\":[{\"path\":\"p\",\"head\":0,\"from\":0,\"to\":4}]}",
		"{\"kind\":\"text\",\"title\":7,\"path_hex\":\"0g\",\"hash\":\"\",\"files\":7,\"pages\":[\"x\"]}",
	};
	document *d;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(document_from_map(&d, bad[i], "text", 4, &err), ERR_FORMAT);
		assert_null(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_one_file),
		cmocka_unit_test(knows_kinds_by_name),
		cmocka_unit_test(normalises_line_ends),
		cmocka_unit_test(converts_encodings),
		cmocka_unit_test(converts_long_utf16),
		cmocka_unit_test(refuses_what_is_not_text),
		cmocka_unit_test(refuses_what_is_no_file),
		cmocka_unit_test(never_shows_raw_names),
		cmocka_unit_test(counts_pages),
		cmocka_unit_test(locates_every_byte),
		cmocka_unit_test(hashes_title_and_text),
		cmocka_unit_test(reads_standard_input),
		cmocka_unit_test(reports_and_stops),
		cmocka_unit_test(stops_a_silent_pipe),
		cmocka_unit_test(maps_there_and_back),
		cmocka_unit_test(refuses_damaged_maps),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "tests/store/synthetic.h"

#include <jansson.h>

static error err;

static void expect(const char *name, const char *text, const char *const *want, int wanted)
{
	document *d = document_of(name, text, strlen(text));
	int n;
	document_passage *p = passages_of(d, 0, d->len, &n);

	for (int i = 0; i < n && i < wanted; i++)
		if (strlen(want[i]) != p[i].to - p[i].from || memcmp(want[i], d->text + p[i].from, p[i].to - p[i].from))
			fail_msg("passage %d is \"%.*s\", not \"%s\"", i, (int)(p[i].to - p[i].from), d->text + p[i].from, want[i]);
	assert_int_equal(n, wanted);
	free(p);
	document_free(d);
}

#define EXPECT(name, text, ...)                                              \
	do {                                                                 \
		const char *const want_[] = { __VA_ARGS__ };                 \
		expect(name, text, want_, sizeof(want_) / sizeof(want_[0])); \
	} while (0)

#define LONG50 "A line of its own that goes on about one thing and"
#define LONG   LONG50 " " LONG50 " " LONG50 " " LONG50 " " LONG50 "."

static void cuts_at_blank_lines(void **state)
{
	(void)state;
	EXPECT("a.txt", "\n\nOne.\n\nTwo.\n \t\nThree\nmore.\n\n\n", "One.", "Two.", "Three\nmore.");
	EXPECT("a.txt", "  indented\nmore", "  indented\nmore");
	EXPECT("a.txt", "x", "x");
}

static void keeps_wrapped_lines_together(void **state)
{
	(void)state;
	EXPECT("a.txt", LONG50 "\n" LONG50 "\n" LONG50 ".\nEnd.\n\nNext.\n",
	       LONG50 "\n" LONG50 "\n" LONG50 ".\nEnd.", "Next.");
}

static void keeps_one_line_paragraphs_apart(void **state)
{
	(void)state;
	EXPECT("a.txt", LONG "\n" LONG "\n\n" LONG "\n", LONG, LONG, LONG);
	EXPECT("a.txt", LONG "\nShort one.\n" LONG "\n", LONG, "Short one.", LONG);
	/* A line broken inside a sentence. */
	EXPECT("a.txt", LONG "\nWhat O\n2 is, and so on.\n" LONG "\n", LONG, "What O\n2 is, and so on.", LONG);
	/* Both styles in one text. */
	EXPECT("a.txt", LONG "\n" LONG "\n\n" LONG50 "\n" LONG50 "\n", LONG, LONG, LONG50 "\n" LONG50);
}

static void joins_headings_with_what_follows(void **state)
{
	(void)state;
	EXPECT("a.md", "# A\n\nText.\n\n## B\n### C\n\nMore.\n\n#hash\n", "# A\n\nText.", "## B\n### C\n\nMore.", "#hash");
	EXPECT("a.md", "Title\n=====\n\nText.\n\n# Last\n", "Title\n=====\n\nText.", "# Last");
	EXPECT("a.txt", "# A\n\nText.\n", "# A", "Text.");
	EXPECT("a.md", "One\n\n---\n\nTwo\n", "One", "---\n\nTwo");
}

static void keeps_fences_together(void **state)
{
	(void)state;
	EXPECT("a.md", "Look:\n```c\nint a;\n\nint b;\n```\nDone.\n", "Look:", "```c\nint a;\n\nint b;\n```", "Done.");
	EXPECT("a.md", "~~~~\n~~~\n\n# no heading\n", "~~~~\n~~~\n\n# no heading");
}

static void cuts_long_paragraphs_at_sentences(void **state)
{
	(void)state;
	static char text[5000];
	document *d;
	int n;

	for (size_t i = 0; i < 80; i++)
		strcat(text, i % 8 ? "Mr. Fox said \"So be it\" and left in a hurry, " : "as one. ");
	d = document_of("a.txt", text, strlen(text));
	document_passage *p = passages_of(d, 0, d->len, &n);
	assert_true(n >= 2 && n <= 4);
	for (int i = 0; i < n; i++) {
		assert_true(p[i].to - p[i].from >= 600 && p[i].to - p[i].from <= 1800);
		if (i + 1 < n)
			assert_memory_equal(d->text + p[i].to - 7, "as one.", 7);
	}
	free(p);
	document_free(d);
}

static void cuts_a_huge_line(void **state)
{
	(void)state;
	size_t n = 3 << 20;
	static const char *const name[] = { "a.txt", "a.json", "a.md" };
	char *text = malloc(n);
	int passages;

	assert_non_null(text);
	for (size_t i = 0; i < n; i += 3)
		memcpy(text + i, "€", 3);
	for (size_t k = 0; k < 3; k++) {
		document *d = document_of(name[k], text, n);
		document_passage *p = passages_of(d, 0, d->len, &passages);
		for (int i = 0; i < passages; i++) {
			assert_true(p[i].to - p[i].from <= 1800);
			assert_int_equal(p[i].from % 3, 0);
		}
		free(p);
		document_free(d);
	}
	free(text);
}

static void cuts_code_by_lines(void **state)
{
	(void)state;
	EXPECT("a.c", "int a;\n\nint b;\n", "int a;\n\nint b;");
	/* The function that does not fit whole begins a new passage. */
	EXPECT("a.c", "int a;\nint b;\nint c;\nint d;\n\nvoid f(void)\n{\n\tone();\n\n\ttwo();\n\tthree();\n\tfour();\n\tfive();\n}\n",
	       "int a;\nint b;\nint c;\nint d;",
	       "void f(void)\n{\n\tone();\n\n\ttwo();\n\tthree();\n\tfour();\n\tfive();\n}");
	EXPECT("a.c", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12", "13\n14");
	EXPECT("a.py", "\n\n    x = 1\n", "    x = 1");
}

static void limits_code_lines(void **state)
{
	(void)state;
	static char text[40000];
	int n;

	for (int i = 0; i < 2000; i++)
		strcat(text, i % 7 == 3 ? " \n" : i % 5 ? "\tcall(it);\n" : "word\n");
	document *d = document_of("a.c", text, strlen(text));
	document_passage *p = passages_of(d, 0, d->len, &n);
	for (int i = 0; i < n; i++) {
		int lines = 1;
		for (size_t k = p[i].from; k < p[i].to; k++)
			lines += d->text[k] == '\n';
		assert_true(lines <= 12);
	}
	assert_true(n < 2000 / 4);
	free(p);
	document_free(d);
}

/* A folder's header line goes with its file's first passage. */
static void joins_header_lines(void **state)
{
	(void)state;
	const char *folder = test_folder();
	char path[2][128];
	document *d;
	int n;

	snprintf(path[0], sizeof(path[0]), "%s/a.txt", folder);
	snprintf(path[1], sizeof(path[1]), "%s/b.c", folder);
	OK(file_write(path[0], "One.\n\nTwo.\n", 11, &err));
	OK(file_write(path[1], "\n\nint b;\n", 9, &err));
	OK(document_load(&d, folder, NULL, NULL, &err));
	document_passage *p = passages_of(d, 0, d->len, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(d->text + p[0].from, "=== a.txt ===\nOne.", p[0].to - p[0].from);
	assert_memory_equal(d->text + p[1].from, "Two.", p[1].to - p[1].from);
	assert_memory_equal(d->text + p[2].from, "=== b.c ===\n\n\nint b;", p[2].to - p[2].from);
	free(p);
	for (size_t from = 0; from <= d->len; from++)
		for (size_t to = from; to <= d->len; to++)
			free(passages_of(d, from, to, &n));
	document_free(d);
	test_remove(folder);
}

static void covers_any_stretch(void **state)
{
	(void)state;
	static const char text[] = "# H\n\nPara one. It has\ntwo lines.\n\n```\ncode\n\n```\n- - -\nT\n===\n\n\n  x\n";
	static const char *const name[] = { "a.md", "a.txt", "a.c" };
	int n;

	for (size_t k = 0; k < 3; k++) {
		document *d = document_of(name[k], text, sizeof(text) - 1);
		for (size_t from = 0; from <= d->len; from++)
			for (size_t to = from; to <= d->len; to++)
				free(passages_of(d, from, to, &n));
		document_free(d);
	}
}

static void check_real(document *d, size_t most_bytes)
{
	document_place at;
	int n, line = 1;
	document_passage *p = passages_of(d, 0, d->len, &n);
	size_t seen = 0;

	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		if (p[i].to - p[i].from > most_bytes)
			fail_msg("%s: a passage of %zu bytes", d->title, p[i].to - p[i].from);
		for (; seen < p[i].from; seen++)
			line += d->text[seen] == '\n';
		if (i % 16)
			continue;
		document_locate(&at, d, p[i].from, p[i].to);
		assert_int_equal(at.line_from, line);
		int last = line;
		for (size_t k = p[i].from; k < p[i].to; k++)
			last += d->text[k] == '\n';
		assert_int_equal(at.line_to, last);
	}
	free(p);
}

static void reads_real_books(void **state)
{
	(void)state;
	static const char *const name[] = { "alice_in_wonderland", "frankenstein", "moby_dick", "sherlock_holmes", "time_machine" };
	char path[64];
	document *d;

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		snprintf(path, sizeof(path), "text/%s.txt", name[i]);
		const char *file = test_data(path);
		NEED(file, path);
		OK(document_load(&d, file, NULL, NULL, &err));
		check_real(d, 1800);
		document_free(d);
	}
}

/* Articles with a paragraph a line: a long line that ends with a full stop ends its passage. */
static void check_article(const char *text)
{
	document *d = document_of("article.txt", text, strlen(text));
	int n;
	document_passage *p = passages_of(d, 0, d->len, &n);

	for (int i = 0; i < n; i++) {
		const char *begin = d->text + p[i].from, *end = d->text + p[i].to;
		const char *nl = memchr(begin, '\n', (size_t)(end - begin));
		if (nl && nl - begin > 200 && nl[-1] == '.')
			fail_msg("two paragraphs in \"%.*s\"", (int)(end - begin), begin);
	}
	free(p);
	check_real(d, 1800);
	document_free(d);
}

static char *with_single_newlines(const char *text)
{
	char *s = malloc(strlen(text) + 1), *to = s;

	assert_non_null(s);
	for (; *text; text++)
		if (*text != '\n' || (to > s && to[-1] != '\n'))
			*to++ = *text;
	*to = '\0';
	return s;
}

static void reads_real_articles(void **state)
{
	(void)state;
	static const char *const name[] = { "qa/newwiki_dev.jsonl", "qa/squad11_dev.jsonl" };

	for (size_t i = 0; i < 2; i++) {
		const char *path = test_data(name[i]);
		NEED(path, name[i]);
		FILE *f = fopen(path, "r");
		assert_non_null(f);
		for (int k = 0; k < 8; k++) {
			json_t *row = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
			assert_non_null(row);
			const char *text = json_string_value(json_object_get(row, "text"));
			assert_non_null(text);
			check_article(text);
			char *single = with_single_newlines(text);
			check_article(single);
			free(single);
			json_decref(row);
		}
		fclose(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_at_blank_lines),
		cmocka_unit_test(keeps_wrapped_lines_together),
		cmocka_unit_test(keeps_one_line_paragraphs_apart),
		cmocka_unit_test(joins_headings_with_what_follows),
		cmocka_unit_test(keeps_fences_together),
		cmocka_unit_test(cuts_long_paragraphs_at_sentences),
		cmocka_unit_test(cuts_a_huge_line),
		cmocka_unit_test(cuts_code_by_lines),
		cmocka_unit_test(limits_code_lines),
		cmocka_unit_test(joins_header_lines),
		cmocka_unit_test(covers_any_stretch),
		cmocka_unit_test(reads_real_books),
		cmocka_unit_test(reads_real_articles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/store/synthetic.h"

static error err;

/* What holds for every cut; the sections are to be freed. */
static document_section *cut(const document *d, const uint32_t *at, size_t n, size_t most, int *sections)
{
	document_section *s;
	size_t byte = 0, token = 0;

	OK(document_cut(&s, sections, d, at, n, most, &err));
	assert_true(*sections >= 1);
	for (int i = 0; i < *sections; i++) {
		assert_int_equal(s[i].from, byte);
		assert_true(s[i].to > s[i].from);
		assert_true(s[i].tokens <= most);
		assert_true((d->text[s[i].from] & 0xc0) != 0x80);
		byte = s[i].to;
		size_t begin = token;
		while (token < n && at[token] < byte)
			token++;
		assert_int_equal(s[i].tokens, token - begin);
	}
	assert_int_equal(byte, d->len);
	assert_int_equal(token, n);
	return s;
}

static void check_fewest(size_t n, size_t most, int sections)
{
	assert_int_equal(sections, n ? (n + most - 1) / most : 1);
}

/* No section further from the mean than what the search for a file's end may take. */
static void check_balanced(const document_section *s, int sections, size_t n)
{
	size_t mean = n / (size_t)sections;

	for (int i = 0; i < sections; i++)
		if (s[i].tokens > mean + mean / 3 + 4 || s[i].tokens + mean / 3 + 4 < mean)
			fail_msg("section %d of %d has %zu tokens, the mean is %zu", i, sections, s[i].tokens, mean);
}

static bool paragraph_before(const document *d, size_t at)
{
	int lines = 0;

	while (at > 0 && blank_at(d, at - 1))
		lines += d->text[--at] == '\n';
	return lines >= 2;
}

static void one_section_when_it_fits(void **state)
{
	(void)state;
	document *d = document_of("a.txt", "one two three", 13);
	const uint32_t at[] = { 0, 3, 7 };
	int n;
	document_section *s = cut(d, at, 3, 3, &n);

	assert_int_equal(n, 1);
	free(s);
	s = cut(d, at, 3, 1000000, &n);
	assert_int_equal(n, 1);
	free(s);
	s = cut(d, at, 0, 5, &n);
	assert_int_equal(n, 1);
	free(s);
	document_free(d);
}

static void cuts_at_paragraphs(void **state)
{
	(void)state;
	str text = STR_INIT;
	size_t n;
	int sections;

	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 10 + i % 7; k++)
			str_puts(&text, k % 5 == 4 ? "words\n" : "words ");
		str_puts(&text, "end.\n\n");
	}
	document *d = document_of("a.txt", text.data, text.len);
	uint32_t *at = tokens_of(d, &n);
	document_section *s = cut(d, at, n, n / 4 + 60, &sections);
	assert_int_equal(sections, 4);
	check_balanced(s, sections, n);
	for (int i = 1; i < sections; i++) {
		assert_true(paragraph_before(d, s[i].from));
		assert_memory_equal(d->text + s[i].from, "words", 5);
	}
	free(s);
	free(at);
	document_free(d);
	str_free(&text);
}

static void prefers_lines_to_words_to_letters(void **state)
{
	(void)state;
	static const struct {
		const char *unit;
		int every;
		const char *before;
	} kind[] = { { "word\n", 20, "\n" }, { "word", 20, "" }, { "letters", 1000000, NULL } };

	for (size_t k = 0; k < 3; k++) {
		str text = STR_INIT;
		size_t n;
		int sections;
		for (int i = 0; i < 3000; i++)
			str_puts(&text, i % kind[k].every == 19 ? kind[k].unit : k == 2 ? "let" : "word ");
		document *d = document_of("a.txt", text.data, text.len);
		uint32_t *at = tokens_of(d, &n);
		document_section *s = cut(d, at, n, n / 3 + n / 10, &sections);
		check_fewest(n, n / 3 + n / 10, sections);
		check_balanced(s, sections, n);
		for (int i = 1; i < sections && kind[k].before; i++) {
			if (kind[k].before[0])
				assert_int_equal(d->text[s[i].from - 1], '\n');
			else
				assert_true(blank_at(d, s[i].from) || blank_at(d, s[i].from - 1));
		}
		free(s);
		free(at);
		document_free(d);
		str_free(&text);
	}
}

static void cuts_at_files(void **state)
{
	(void)state;
	const char *folder = test_folder();
	char path[128];
	document *d;
	size_t n;
	int sections;

	for (int i = 0; i < 40; i++) {
		str text = STR_INIT;
		snprintf(path, sizeof(path), "%s/f%02d.%s", folder, i, i % 2 ? "txt" : "c");
		for (int k = 0; k < 30 + i; k++)
			str_puts(&text, k % 9 ? "some words\n" : "\n");
		OK(file_write(path, text.data, text.len, &err));
		str_free(&text);
	}
	OK(document_load(&d, folder, NULL, NULL, &err));
	uint32_t *at = tokens_of(d, &n);
	document_section *s = cut(d, at, n, n / 5 + n / 20, &sections);
	assert_int_equal(sections, 5);
	check_balanced(s, sections, n);
	for (int i = 1; i < sections; i++)
		assert_memory_equal(d->text + s[i].from, "=== f", 5);
	free(s);
	free(at);
	document_free(d);
	test_remove(folder);
}

static void fills_sections_to_the_brim(void **state)
{
	(void)state;
	document *d = document_of("a.txt", "aa bb cc dd ee ff", 17);
	const uint32_t at[] = { 0, 2, 5, 8, 11, 14 };
	int n;

	for (size_t most = 1; most <= 6; most++) {
		document_section *s = cut(d, at, 6, most, &n);
		check_fewest(6, most, n);
		free(s);
	}
	document_free(d);
}

/* Four tokens a character: the fewest would have to cut one. */
static void cuts_no_character(void **state)
{
	(void)state;
	char text[40];
	uint32_t at[40];
	int n;
	document_section *s;

	for (uint32_t i = 0; i < 40; i++) {
		text[i] = "\xf0\x9f\x98\x80"[i % 4];
		at[i] = i;
	}
	document *d = document_of("a.txt", text, 40);
	s = cut(d, at, 40, 10, &n);
	assert_int_equal(n, 5);
	free(s);
	assert_int_equal(document_cut(&s, &n, d, at, 40, 3, &err), ERR_ARG);
	assert_null(s);
	/* The same when the tokenizer gives all parts of a character its first byte. */
	for (uint32_t i = 0; i < 40; i++)
		at[i] = i & ~3u;
	s = cut(d, at, 40, 10, &n);
	assert_int_equal(n, 5);
	free(s);
	document_free(d);
}

static void refuses_senseless_tokens(void **state)
{
	(void)state;
	document *d = document_of("a.txt", "text", 4);
	document_section *s;
	int n;

	assert_int_equal(document_cut(&s, &n, d, (uint32_t[]){ 0 }, 1, 0, &err), ERR_ARG);
	assert_int_equal(document_cut(&s, &n, d, (uint32_t[]){ 0, 9 }, 2, 5, &err), ERR_FORMAT);
	assert_int_equal(document_cut(&s, &n, d, (uint32_t[]){ 2, 1 }, 2, 5, &err), ERR_FORMAT);
	document_free(d);
}

static void survives_blank_stretches(void **state)
{
	(void)state;
	size_t n = 200000;
	char *text = malloc(n);
	int sections;

	assert_non_null(text);
	memset(text, ' ', n);
	text[0] = text[n - 1] = 'x';
	document *d = document_of("a.txt", text, n);
	uint32_t *at = malloc(n * sizeof(*at));
	assert_non_null(at);
	for (size_t i = 0; i < n; i++)
		at[i] = (uint32_t)i;
	document_section *s = cut(d, at, n, 7000, &sections);
	check_fewest(n, 7000, sections);
	free(s);
	free(at);
	free(text);
	document_free(d);
}

static void cuts_real_books(void **state)
{
	(void)state;
	static const char *const name[] = { "text/frankenstein.txt", "text/moby_dick.txt", "text/alice_in_wonderland.txt" };
	static const size_t most[] = { 8000, 7301, 2000, 511 };
	document *d;
	size_t n;
	int sections;

	for (size_t i = 0; i < 3; i++) {
		const char *path = test_data(name[i]);
		NEED(path, name[i]);
		OK(document_load(&d, path, NULL, NULL, &err));
		uint32_t *at = tokens_of(d, &n);
		for (size_t k = 0; k < 4; k++) {
			document_section *s = cut(d, at, n, most[k], &sections);
			int good = 0;
			check_fewest(n, most[k], sections);
			check_balanced(s, sections, n);
			for (int j = 1; j < sections; j++)
				good += paragraph_before(d, s[j].from);
			/* Where hardly a token is to spare there is no choice of place. */
			if (most[k] * (size_t)sections > n + n / 20 && most[k] >= 2000 && good < (sections - 1) * 4 / 5)
				fail_msg("%s: only %d of %d cuts at paragraphs", d->title, good, sections - 1);
			free(s);
		}
		free(at);
		document_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_section_when_it_fits),
		cmocka_unit_test(cuts_at_paragraphs),
		cmocka_unit_test(prefers_lines_to_words_to_letters),
		cmocka_unit_test(cuts_at_files),
		cmocka_unit_test(fills_sections_to_the_brim),
		cmocka_unit_test(cuts_no_character),
		cmocka_unit_test(refuses_senseless_tokens),
		cmocka_unit_test(survives_blank_stretches),
		cmocka_unit_test(cuts_real_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Strings, UTF-8 and memory. */

#include "tests/support.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/utf8.h"

static void a_string_grows_and_lets_go(void **state)
{
	str s = STR_INIT;
	error err = { 0 };

	(void)state;
	assert_string_equal(str_text(&s), "");
	for (int i = 0; i < 1000; i++)
		str_putf(&s, "%d,", i % 10);
	assert_int_equal(s.len, 2000);
	assert_memory_equal(s.data + 1996, "8,9,", 5);
	str_truncate(&s, 3);
	assert_string_equal(str_text(&s), "0,1");
	str_put(&s, "\0x", 2);
	assert_int_equal(s.len, 5);
	OK(str_ok(&s, &err));
	char *taken = str_take(&s);
	assert_memory_equal(taken, "0,1\0x", 6);
	assert_true(s.data == NULL && s.len == 0);
	free(taken);
	s.oom = true;
	str_puts(&s, "lost");
	assert_int_equal(s.len, 0);
	assert_int_equal(str_ok(&s, &err), ERR_NOMEM);
	str_free(&s);
	assert_false(s.oom);
}

static void sizes_that_overflow_give_nothing(void **state)
{
	int *p = NULL;
	size_t cap = 0;

	(void)state;
	/* Through a variable, so that the compiler does not see it coming. */
	volatile size_t huge = SIZE_MAX / 2;
	assert_null(mem_array(huge, 4));
	assert_null(mem_zeroed(huge, 4));
	assert_null(mem_aligned(huge, 4));
	assert_false(MEM_GROW(p, cap, huge));
	assert_true(p == NULL && cap == 0);
	for (size_t n = 1; n < 5000; n++) {
		assert_true(MEM_GROW(p, cap, n) && cap >= n);
		p[n - 1] = (int)n;
	}
	for (size_t n = 1; n < 5000; n++)
		assert_int_equal(p[n - 1], n);
	free(p);
	void *a = mem_aligned(3, 1);
	assert_int_equal((uintptr_t)a % 64, 0);
	free(a);
	char *text = mem_text("both"), *none = mem_text(NULL);
	assert_string_equal(text, "both");
	assert_string_equal(none, "");
	free(text);
	free(none);
}

static void every_scalar_comes_back(void **state)
{
	(void)state;
	for (uint32_t cp = 0; cp < 0x110000; cp++) {
		char b[4];
		uint32_t back;
		bool ok;
		if (cp >= 0xd800 && cp < 0xe000)
			continue;
		int n = utf8_encode(b, cp);
		assert_int_equal(utf8_decode(&back, &ok, b, (size_t)n), n);
		assert_true(ok && back == cp);
		assert_int_equal(utf8_check(b, (size_t)n), n);
		for (int cut = 1; cut < n; cut++) {
			assert_int_equal(utf8_tail(b, (size_t)cut), cut);
			utf8_decode(&back, &ok, b, (size_t)cut);
			assert_true(!ok && back == 0xfffd);
		}
	}
}

static void ill_formed_bytes_are_seen(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, at;
	} cases[] = {
		{ "ab\x80", 3, 2 },             /* a continuation alone */
		{ "\xc0\xaf", 2, 0 },           /* overlong */
		{ "\xe0\x80\xaf", 3, 0 },
		{ "\xf0\x80\x80\xaf", 4, 0 },
		{ "\xed\xa0\x80", 3, 0 },       /* a surrogate */
		{ "\xf4\x90\x80\x80", 4, 0 },   /* beyond U+10FFFF */
		{ "\xff", 1, 0 },
		{ "x\xe2\x82", 3, 1 },          /* cut off */
		{ "\xe2\x82\xac\xe2(\xa1", 6, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(utf8_check(cases[i].bytes, cases[i].n), cases[i].at);
		size_t seen = 0;
		while (seen < cases[i].n) {
			uint32_t cp;
			int n = utf8_decode(&cp, NULL, cases[i].bytes + seen, cases[i].n - seen);
			assert_in_range(n, 1, cases[i].n - seen);
			seen += (size_t)n;
		}
	}
}

static void what_could_steer_a_terminal_is_made_visible(void **state)
{
	static const char hostile[] = "a\x1b[2Jb\r\x07\x7f\xc2\x9b" "c\xe2\x80\xae" "d\xff\n\te\xc3\xa9";
	str s = STR_INIT;

	(void)state;
	utf8_put_shown(&s, hostile, sizeof(hostile) - 1);
	for (size_t i = 0; i < s.len; i++)
		assert_true((unsigned char)s.data[i] >= 0x20 || s.data[i] == '\n' || s.data[i] == '\t');
	assert_null(strchr(s.data, 0x7f));
	assert_null(strstr(s.data, "\xc2\x9b"));
	assert_null(strstr(s.data, "\xe2\x80\xae"));
	assert_non_null(strstr(s.data, "\n\te\xc3\xa9"));
	assert_int_equal(utf8_check(s.data, s.len), s.len);
	str_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_string_grows_and_lets_go),
		cmocka_unit_test(sizes_that_overflow_give_nothing),
		cmocka_unit_test(every_scalar_comes_back),
		cmocka_unit_test(ill_formed_bytes_are_seen),
		cmocka_unit_test(what_could_steer_a_terminal_is_made_visible),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

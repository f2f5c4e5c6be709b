#include "tests/support.h"
#include "ui/edit.h"

static error err;

static void type(edit *e, const char *text)
{
	for (; *text; text++)
		edit_type(e, (unsigned char)*text);
}

static void test_edits_as_readline(void **state)
{
	edit e = { 0 };

	(void)state;
	type(&e, "one two three");
	assert_true(edit_do(&e, ACTION_ERASE_WORD, 80));
	assert_string_equal(str_text(&e.text), "one two ");
	assert_true(edit_do(&e, ACTION_LINE_START, 80));
	assert_true(edit_do(&e, ACTION_INSERT_CUT, 80));
	assert_string_equal(str_text(&e.text), "threeone two ");
	assert_true(edit_do(&e, ACTION_CUT_END, 80));
	assert_string_equal(str_text(&e.text), "three");
	assert_true(edit_do(&e, ACTION_UNDO, 80));
	assert_string_equal(str_text(&e.text), "threeone two ");
	assert_false(edit_do(&e, ACTION_QUIT, 80));
	edit_free(&e);
}

/* The cursor moves by what a person sees as one character. */
static void test_moves_by_cells(void **state)
{
	edit e = { 0 };

	(void)state;
	edit_set(&e, "ae\xcc\x81日");
	assert_int_equal(e.at, strlen("ae\xcc\x81日"));
	edit_do(&e, ACTION_CHAR_LEFT, 80);
	assert_int_equal(e.at, 4);
	edit_do(&e, ACTION_CHAR_LEFT, 80);
	assert_int_equal(e.at, 1);
	edit_do(&e, ACTION_DELETE, 80);
	assert_string_equal(str_text(&e.text), "a日");
	edit_free(&e);
}

static void test_history_keeps_the_draft(void **state)
{
	edit e = { 0 };

	(void)state;
	edit_remember(&e, "first");
	edit_remember(&e, "second");
	edit_remember(&e, "second");
	type(&e, "draft");
	edit_do(&e, ACTION_HISTORY_PREVIOUS, 80);
	assert_string_equal(str_text(&e.text), "second");
	edit_do(&e, ACTION_HISTORY_PREVIOUS, 80);
	assert_string_equal(str_text(&e.text), "first");
	edit_do(&e, ACTION_HISTORY_NEXT, 80);
	edit_do(&e, ACTION_HISTORY_NEXT, 80);
	assert_string_equal(str_text(&e.text), "draft");
	edit_free(&e);
}

static void test_a_paste_is_text(void **state)
{
	edit e = { 0 };

	(void)state;
	edit_insert(&e, "a\r\nb\033[2Jc\x01", 9);
	for (size_t i = 0; i < e.text.len; i++)
		assert_true((unsigned char)e.text.data[i] >= 32 || e.text.data[i] == '\n' || e.text.data[i] == '\t');
	assert_non_null(strchr(str_text(&e.text), '\n'));
	edit_free(&e);
}

/* ---- keys ---- */

static void test_names_of_keys(void **state)
{
	static const char *const names[] = { "x", "é", "日", "Enter", "Tab", "Esc", "Space", "C-a", "C-_", "M-x", "M-Enter", "F1", "F12", "PgUp", "S-Tab", "M-Left" };
	str s = STR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		int key = key_parse(names[i]);
		assert_int_not_equal(key, 0);
		str_clear(&s);
		key_put(&s, key);
		assert_int_equal(key_parse(str_text(&s)), key);
	}
	assert_int_equal(key_parse(""), 0);
	assert_int_equal(key_parse("F99"), 0);
	assert_int_equal(key_parse("Entre"), 0);
	assert_int_equal(key_parse("\xff"), 0);
	str_free(&s);
}

static void test_binding(void **state)
{
	keymap k;

	(void)state;
	OK(keymap_open(&k, &err));
	assert_int_equal(keymap_find(&k, "library", 'q', true), ACTION_QUIT);
	assert_int_equal(keymap_find(&k, "line", 'q', false), ACTION_NONE);
	OK(keymap_bind(&k, "generic.quit", "Q M-q", &err));
	assert_int_equal(keymap_find(&k, "library", 'q', true), ACTION_NONE);
	assert_int_equal(keymap_find(&k, "library", 'Q', true), ACTION_QUIT);
	/* A view's own key goes before that of everywhere. */
	OK(keymap_bind(&k, "chat.export", "Q", &err));
	assert_int_equal(keymap_find(&k, "chat", 'Q', true), ACTION_EXPORT);
	/* What makes no sense changes nothing. */
	assert_int_equal(keymap_bind(&k, "chat.export", "Q NoKey", &err), ERR_ARG);
	assert_int_equal(keymap_find(&k, "chat", 'Q', true), ACTION_EXPORT);
	assert_int_equal(keymap_bind(&k, "nowhere.export", "Q", &err), ERR_ARG);
	assert_int_equal(keymap_bind(&k, "export", "Q", &err), ERR_ARG);
	OK(keymap_bind(&k, "chat.export", "", &err));
	assert_int_equal(keymap_find(&k, "chat", 'Q', true), ACTION_QUIT);
	keymap_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits_as_readline), cmocka_unit_test(test_moves_by_cells),
		cmocka_unit_test(test_history_keeps_the_draft), cmocka_unit_test(test_a_paste_is_text),
		cmocka_unit_test(test_names_of_keys), cmocka_unit_test(test_binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

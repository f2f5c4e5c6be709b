/* Questions made up from a text, by which its context is calibrated. */

#include "tests/support.h"

#include "app/generate.h"
#include "app/probe.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "tests/engine/book.h"

static void expect(const char *text, size_t from, size_t to, int which, const char *want)
{
	str q = STR_INIT;

	probe_question(&q, text, from, to, which);
	assert_false(q.oom);
	assert_string_equal(str_text(&q), want);
	str_free(&q);
}

static void words_become_questions(void **unused)
{
	static const char text[] = "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10 k11 l12 m13 n14 o15 p16 q17 r18 s19 t20";

	(void)unused;
	expect(text, 0, strlen(text), 0, "d4 e5 f6 g7 h8 i9 j10 k11 l12?");
	expect(text, 0, strlen(text), 1, "l12 m13 n14 o15 p16 q17 r18 s19 t20?");
	expect(text, 0, strlen(text), 2, "q17 r18 s19 t20?");
	/* Of a part, nothing around it. */
	expect(text, 3, 11, 0, "b2 c3 d4?");
	expect(text, 3, 11, 2, "d4?");
	expect(text, 4, 5, 1, "2?");
}

static void little_text_is_asked_less(void **unused)
{
	(void)unused;
	for (int i = 0; i < PROBES; i++) {
		expect("", 0, 0, i, "");
		expect(" \n\t\n  ", 0, 6, i, "");
		expect("word", 0, 4, i, "word?");
	}
	expect("one two ", 0, 8, 0, "one two?");
	expect("one \n\n\n\n\n\n\n", 0, 11, 2, "");
}

static void blanks_and_control_characters_are_one_space(void **unused)
{
	static const char text[] = "if (x)\r\n\t{\n\x01\x1b[1m\0y\x7fz(\"</s>\");\n}\n";

	(void)unused;
	expect(text, 0, sizeof(text) - 1, 0, "(x) { [1m y z(\"</s>\"); }?");
}

/* Text without spaces is cut between characters, wherever the thirds fall. */
static void characters_stay_whole(void **unused)
{
	static const char *const unit[] = { "\xe6\x96\x87", "\xc3\xa9", "\xf0\x9f\x98\x80", "a\xe6\x96\x87\xc3\xa9" };

	(void)unused;
	for (size_t u = 0; u < sizeof(unit) / sizeof(*unit); u++)
		for (int n = 1; n < 200; n++) {
			str text = STR_INIT, q = STR_INIT;
			for (int i = 0; i < n; i++)
				str_puts(&text, unit[u]);
			for (int i = 0; i < PROBES; i++) {
				str_clear(&q);
				str_puts(&q, "kept");
				probe_question(&q, text.data, 0, text.len, i);
				assert_true(q.len > 5 && q.len <= 4 + 81);
				assert_int_equal(utf8_check(q.data, q.len), q.len);
				assert_memory_equal(q.data, "kept", 4);
				assert_int_equal(q.data[q.len - 1], '?');
				q.data[q.len - 1] = '\0';
				assert_non_null(strstr(text.data, q.data + 4));
			}
			str_free(&text);
			str_free(&q);
		}
}

/* ---- over a model ---- */

static const char book[] = "Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: "
                           "once or twice she had peeped into the book her sister was reading, </s></s> but it had no pictures or "
                           "conversations in it, </s></s> and what is the use of a book, thought Alice, without pictures? </s></s>";

static void questions_are_turns_of_plain_text(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	str q = STR_INIT;
	engine *e = open_engine(test_data("models/stories15M"), 2);
	tokens all = TOKENS_INIT, want = TOKENS_INIT, some = TOKENS_INIT;
	size_t one = 0;
	error err;

	OK(probe_encode(&all, e, book, 0, strlen(book), 1000, &err));
	for (int i = 0; i < PROBES; i++) {
		str_clear(&q);
		probe_question(&q, book, 0, strlen(book), i);
		OK(generate_prompt(&want, e, str_text(&q), CHAT_PHRASE, i == 0, &err));
		one = i ? one : want.len;
	}
	assert_int_equal(all.len, want.len);
	assert_memory_equal(all.id, want.id, want.len * sizeof(int));
	for (size_t i = 0; i < all.len; i++)
		assert_int_not_equal(all.id[i], tokenizer_eos(e->tok)); /* the text's </s> is none */
	/* Only whole ones. */
	OK(probe_encode(&some, e, book, 0, strlen(book), want.len - 1, &err));
	assert_true(some.len > one && some.len < want.len);
	some.len = 0;
	OK(probe_encode(&some, e, book, 0, strlen(book), one, &err));
	assert_int_equal(some.len, one);
	some.len = 0;
	OK(probe_encode(&some, e, book, 0, strlen(book), one - 1, &err));
	assert_int_equal(some.len, 0);
	OK(probe_encode(&some, e, "  ", 0, 2, 1000, &err));
	assert_int_equal(some.len, 0);
	tokens_free(&all), tokens_free(&want), tokens_free(&some);
	str_free(&q);
	engine_close(e);
}

static bool same_curves(const context *a, const context *b)
{
	for (int h = 0; h < a->layers * a->kv_heads; h++)
		if (memcmp(a->head[h].loss, b->head[h].loss, CONTEXT_CURVE * sizeof(float)))
			return false;
	return true;
}

static void a_context_is_calibrated_by_them(void **unused)
{
	(void)unused;
	NEED(test_data("models/stories15M"), "models/stories15M");
	engine *e = open_engine(test_data("models/stories15M"), 2);
	int window = e->model->p.context, id[1024];
	static const int free_tokens[] = { 0, 3, 120 };
	cancel stop = { false };
	progress p = { .stop = &stop };
	error err;

	assert_true(window > 240 && window <= 1024);
	for (int i = 0; i < window; i++)
		id[i] = 300 + i * 7 % 1000;
	for (int i = 0; i < 3; i++) {
		int n = window - free_tokens[i];
		context *own, *made, *none;
		session *s;
		OK(session_open(&s, e, NULL, window, &err));
		OK(session_eval(s, id, n, NULL, NULL, NULL, &err));
		OK(session_squeeze(&own, s, 0, 7, NULL, &err));
		OK(probe_squeeze(&made, s, e, book, 0, strlen(book), 7, NULL, &err));
		assert_int_equal(made->tokens, n);
		assert_int_equal(session_live_tokens(s), n);
		/* Without room for a question the text's own last queries have to do. */
		assert_int_equal(same_curves(made, own), i < 2);
		cancel_raise(&stop);
		assert_int_equal(probe_squeeze(&none, s, e, book, 0, strlen(book), 7, &p, &err), ERR_CANCEL);
		assert_null(none);
		assert_int_equal(session_live_tokens(s), n);
		stop = (cancel){ false };
		context_free(own), context_free(made);
		session_close(s);
	}
	engine_close(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_become_questions), cmocka_unit_test(little_text_is_asked_less),
		cmocka_unit_test(blanks_and_control_characters_are_one_space), cmocka_unit_test(characters_stay_whole),
		cmocka_unit_test(questions_are_turns_of_plain_text), cmocka_unit_test(a_context_is_calibrated_by_them),
	};
	return cmocka_run_group_tests(tests, read_words, free_words);
}

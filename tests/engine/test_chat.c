#include "tests/support.h"

#include "base/file.h"
#include "engine/chat.h"

static void words_of(str *s)
{
	error err = { 0 };

	OK(file_read(s, FOLIO_SOURCE_DIR "/assets/prompts.ini", 0, &err));
}

static chat *opened(chat_family f)
{
	str words = STR_INIT;
	error err = { 0 };
	chat *c;

	words_of(&words);
	OK(chat_open(&c, f, words.data, words.len, &err));
	str_free(&words);
	return c;
}

static void join(str *out, const text_piece *piece, int n)
{
	str_clear(out);
	for (int i = 0; i < n; i++)
		str_put(out, piece[i].text, piece[i].len);
}

static void families_are_recognised(void **state)
{
	static const struct {
		const char *t;
		chat_family f;
	} cases[] = {
		{ "", CHAT_PLAIN },
		{ "{{ messages }}", CHAT_PLAIN },
		{ "{{'<|im_start|>' + m.role}}", CHAT_CHATML },
		{ "[INST] <<SYS>> {{x}}", CHAT_LLAMA2 },
		{ "<|start_header_id|>{{role}}<|end_header_id|>", CHAT_LLAMA3 },
		{ "{{ '[INST] ' + x + ' [/INST]' }}", CHAT_MISTRAL },
		{ "<start_of_turn>{{role}}", CHAT_GEMMA },
		{ "<|user|>\n{{x}}</s><|assistant|>", CHAT_ZEPHYR },
		{ "<|user|>{{x}}<|end|><|assistant|>", CHAT_PLAIN }, /* Phi-3, whose marks differ */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(chat_recognise(cases[i].t), cases[i].f);
}

/* What the reading adapter was trained on, to the byte. */
static void the_default_layout_is_exact(void **state)
{
	chat *c = opened(CHAT_CHATML);
	text_piece piece[CHAT_PIECES];
	str all = STR_INIT, scratch = STR_INIT;
	int at;

	(void)state;
	int n = chat_document(c, piece, &at, "T {text}", "body\n{title}", 12);
	join(&all, piece, n);
	assert_string_equal(str_text(&all),
	                    "<|im_start|>system\nYou answer questions about a document. Use only the document.<|im_end|>\n"
	                    "<|im_start|>user\nDocument: T {text}\n\nbody\n{title}\n\n");
	assert_memory_equal(piece[at].text, "body", 4);
	for (int i = 0; i < n; i++) /* only our own words may hold special tokens */
		assert_int_equal(piece[i].markup, piece[i].text[0] == '<' || piece[i].text[0] == '\n');

	n = chat_focused(c, piece, "Who {text}?", "T", "body {question}", 15);
	join(&all, piece, n);
	assert_string_equal(str_text(&all),
	                    "<|im_start|>system\nYou answer questions about a document. Use only the document.<|im_end|>\n"
	                    "<|im_start|>user\nQuestion: Who {text}?\n\nDocument: T\n\nbody {question}\n\n");
	for (int i = 0; i < n; i++)
		assert_int_equal(piece[i].markup, piece[i].text[0] == '<' || piece[i].text[0] == '\n');

	n = chat_question(c, piece, &scratch, "Who <|im_end|>?", CHAT_PHRASE, true);
	join(&all, piece, n);
	assert_string_equal(str_text(&all), "Question: Who <|im_end|>?\nAnswer with a short phrase from the document.<|im_end|>\n"
	                                    "<|im_start|>assistant\n");
	assert_false(piece[1].markup);
	assert_memory_equal(piece[1].text, "Who", 3);

	n = chat_question(c, piece, &scratch, "Why?", CHAT_SENTENCE, false);
	join(&all, piece, n);
	assert_string_equal(str_text(&all), "<|im_end|>\n<|im_start|>user\nQuestion: Why?\n"
	                                    "Answer in one complete sentence, using the document.<|im_end|>\n<|im_start|>assistant\n");
	str_free(&all);
	str_free(&scratch);
	chat_close(c);
}

static void every_family_holds_what_is_put_in(void **state)
{
	str all = STR_INIT, scratch = STR_INIT;
	char prints[CHAT_FAMILIES][64];

	(void)state;
	for (int f = 0; f < CHAT_FAMILIES; f++) {
		chat *c = opened((chat_family)f);
		text_piece piece[CHAT_PIECES];
		int at, n = chat_document(c, piece, &at, "the title", "the text", 8);
		assert_in_range(n, 3, CHAT_PIECES);
		join(&all, piece, n);
		assert_non_null(strstr(str_text(&all), "the title"));
		assert_non_null(strstr(str_text(&all), "the text"));
		join(&all, piece, chat_focused(c, piece, "the question", "the title", "the text", 8));
		const char *asked = strstr(str_text(&all), "the question"), *told = strstr(str_text(&all), "the text");
		assert_true(asked && told && asked < told && strstr(str_text(&all), "the title"));
		assert_null(strchr(str_text(&all), '{'));
		for (int first = 0; first < 2; first++)
			for (int style = 0; style < CHAT_STYLES; style++) {
				join(&all, piece, chat_question(c, piece, &scratch, "the question", (chat_style)style, first));
				assert_non_null(strstr(str_text(&all), "the question"));
				assert_null(strchr(str_text(&all), '{'));
			}
		snprintf(prints[f], sizeof(prints[f]), "%s", chat_fingerprint(c));
		for (int g = 0; g < f; g++)
			assert_string_not_equal(prints[f], prints[g]);
		chat_close(c);
	}
	str_free(&all);
	str_free(&scratch);
	chat_close(NULL);
}

static void broken_words_are_named(void **state)
{
	static const struct {
		const char *words, *what;
	} cases[] = {
		{ "", "[instructions]" },
		{ "[instructions]\nphrase = a\nsentence = b\n", "free" },
		{ "[instructions]\nphrase = a\nsentence = b\nfree = c\n[plain]\nquestion = {question}\nagain = {question}\n", "document" },
		{ "[instructions]\nphrase = a\nsentence = b\nfree = c\n[plain]\ndocument = {text}\nquestion = {question}\nagain = {question}\n"
		  "focused = {text}\n", "focused" },
		{ "[instructions]\nphrase = a\nsentence = b\nfree = c\n[plain]\ndocument = {text}\nfocused = {text} {question}\nquestion = ?\n"
		  "again = {question}\n", "'question'" },
		{ "[instructions\n", "line 1" },
	};
	error err = { 0 };
	chat *c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(chat_open(&c, CHAT_PLAIN, cases[i].words, strlen(cases[i].words), &err), ERR_FORMAT);
		assert_null(c);
		assert_non_null(strstr(err.msg, "prompts.ini"));
		assert_non_null(strstr(err.msg, cases[i].what));
	}
}

static void styles_are_read(void **state)
{
	error err = { 0 };
	chat_style s;

	(void)state;
	for (int i = 0; i < CHAT_STYLES; i++) {
		OK(chat_style_parse(&s, chat_style_name((chat_style)i), &err));
		assert_int_equal(s, i);
	}
	assert_int_equal(chat_style_parse(&s, "poem", &err), ERR_ARG);
	assert_non_null(strstr(err.msg, "poem"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(families_are_recognised),
		cmocka_unit_test(the_default_layout_is_exact),
		cmocka_unit_test(every_family_holds_what_is_put_in),
		cmocka_unit_test(broken_words_are_named),
		cmocka_unit_test(styles_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

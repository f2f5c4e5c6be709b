/* tests/engine/book.h - an engine with folio's words, and a text to work on. */

#ifndef TESTS_ENGINE_BOOK_H
#define TESTS_ENGINE_BOOK_H

#include "tests/support.h"

#include "base/file.h"
#include "engine/engine.h"

static str words;

static inline engine *open_engine(const char *path, int threads)
{
	engine_options o = { .threads = threads, .prompts = str_text(&words), .prompts_len = words.len };
	engine *e;
	error err;

	OK(engine_open(&e, path, &o, &err));
	return e;
}

static inline int read_words(void **unused)
{
	(void)unused;
	return file_read(&words, FOLIO_SOURCE_DIR "/assets/prompts.ini", 0, NULL);
}

static inline int free_words(void **unused)
{
	(void)unused;
	str_free(&words);
	return 0;
}

static inline tokens encode_book(const engine *e, size_t n)
{
	str text = STR_INIT;
	tokens t = TOKENS_INIT;
	error err;

	OK(file_read(&text, test_data("text/alice_in_wonderland.txt"), 0, &err));
	OK(tokenizer_encode_text(&t, e->tok, text.data + 2000, n * 6, &err));
	assert_true(t.len > n);
	t.len = n;
	str_free(&text);
	return t;
}

#endif

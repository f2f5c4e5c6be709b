/* engine/tokenizer.h - text to token ids and back.
 *
 * SentencePiece models go through libsentencepiece (one C++ wrapper file);
 * byte-level BPE is ours. Immutable once open; any thread may use it. */

#ifndef ENGINE_TOKENIZER_H
#define ENGINE_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"
#include "engine/vocab.h"

typedef struct tokenizer tokenizer;

int tokenizer_open(tokenizer **out, const vocab_source *v, error *err);
void tokenizer_close(tokenizer *t); /* NULL is fine */

/* Ids with the place each came from. at[i] is the offset, in the pieces laid end
 * to end, of the first byte of token i's text; it never decreases. A token that
 * stands for no byte of its own (bos, SentencePiece's leading space) has the
 * offset of what follows it. Start as TOKENS_INIT; free with tokens_free. */
typedef struct {
	int *id;
	uint32_t *at;
	size_t len, cap_id, cap_at;
} tokens;

#define TOKENS_INIT ((tokens){ 0 })
void tokens_free(tokens *t);
int tokens_push(tokens *t, int id, uint32_t at, error *err);
int tokens_append(tokens *t, const tokens *more, error *err);

/* A stretch of text. Only in markup (a template's own words) are special tokens
 * such as <|im_end|> recognised; from a document, a title or a question they are
 * never made, whatever the text says. */
typedef struct {
	const char *text;
	size_t len;
	bool markup;
} text_piece;

/* Append the tokens of the pieces laid end to end to out. Pieces are one text: a
 * word may straddle two of them, split only at special tokens. whole: this is the
 * beginning of a sequence, so bos and the family's leading space are added where
 * the model wants them; otherwise neither is. Ill-formed UTF-8 is encoded byte by
 * byte where the vocabulary has bytes and as U+FFFD otherwise, never dropped.
 * At most 4 GiB of text. */
int tokenizer_encode(tokens *out, const tokenizer *t, const text_piece *piece, int pieces,
                     bool whole, error *err);

/* A text by itself, as tokenizers are usually compared: the family's leading space,
 * but no bos, no eos and no special tokens. */
int tokenizer_encode_text(tokens *out, const tokenizer *t, const char *text, size_t n, error *err);

/* Decoding one token at a time. Bytes are held back until they make whole UTF-8
 * sequences; ones that never will become U+FFFD. Control tokens give no text. */
typedef struct {
	char held[8];
	int n;
	bool started; /* SentencePiece drops the space before the first word */
} decoder;

#define DECODER_INIT ((decoder){ 0 })
void decoder_push(decoder *d, const tokenizer *t, int id, str *out);
void decoder_end(decoder *d, str *out);

/* All of them at once, as decoder_push and decoder_end would. */
void tokenizer_decode(const tokenizer *t, const int *id, size_t n, str *out);

int tokenizer_size(const tokenizer *t);
int tokenizer_bos(const tokenizer *t); /* -1: none */
int tokenizer_eos(const tokenizer *t);

/* Ends an answer: eos, eot and the families' known end-of-turn tokens
 * (<|im_end|>, <|eot_id|>, <|end|>, <end_of_turn>, </s>, <|endoftext|>). */
bool tokenizer_is_end(const tokenizer *t, int id);

/* Id of a special token by its text, -1 if there is none. */
int tokenizer_special(const tokenizer *t, const char *text);

/* The vocabulary's own spelling of a token, for people; borrowed. */
const char *tokenizer_piece(const tokenizer *t, int id);

/* "spm unigram", "spm bpe", "bpe smollm": for doctor and show. */
const char *tokenizer_name(const tokenizer *t);

/* Hash of everything that decides how text becomes ids. */
const char *tokenizer_fingerprint(const tokenizer *t);

#endif

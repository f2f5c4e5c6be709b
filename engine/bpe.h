/* engine/bpe.h - byte-level byte-pair encoding (Sennrich et al. 2016; the byte
 * alphabet of GPT-2): every byte is a letter, so any text can be encoded. */

#ifndef ENGINE_BPE_H
#define ENGINE_BPE_H

#include "engine/tokenizer.h"

typedef struct bpe bpe;

int bpe_open(bpe **out, const vocab_source *v, error *err);
void bpe_close(bpe *b); /* NULL is fine */

/* Append the tokens of text, which may be any bytes. base is added to offsets. */
int bpe_encode(tokens *out, const bpe *b, const char *text, size_t n, size_t base, error *err);

/* Append the bytes a token stands for. */
void bpe_bytes(const bpe *b, int id, str *out);

#endif

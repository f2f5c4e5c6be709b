/* engine/spm.h - libsentencepiece behind C. The only file that knows the library is
 * spm.cc; no exception leaves it. */

#ifndef ENGINE_SPM_H
#define ENGINE_SPM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct spm spm;

/* proto: a serialised SentencePiece ModelProto (a tokenizer.model file). */
int spm_open(spm **out, const void *proto, size_t n, error *err);
void spm_close(spm *s); /* NULL is fine */

/* Call piece(ud, id, from, to) for each piece of text in order; [from, to) are its
 * bytes, empty for the piece of a space that is not in the text. prefix: with the
 * leading space, if the model wants one. A negative result of piece is returned. */
typedef int (*spm_piece_fn)(void *ud, int id, size_t from, size_t to, error *err);
int spm_encode(const spm *s, const char *text, size_t n, bool prefix, spm_piece_fn piece, void *ud, error *err);

int spm_size(const spm *s);
const char *spm_piece(const spm *s, int id); /* borrowed */
int spm_type(const spm *s, int id);          /* TOKEN_* of vocab.h */
int spm_id(const spm *s, const char *piece); /* -1 if there is none */
int spm_bos(const spm *s);                   /* -1 if there is none */
int spm_eos(const spm *s);
bool spm_adds_prefix(const spm *s);

#ifdef __cplusplus
}
#endif
#endif

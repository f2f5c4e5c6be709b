/* engine/spm_proto.h - a SentencePiece ModelProto from a GGUF's vocabulary list.
 *
 * Written in protocol-buffer wire format after sentencepiece_model.proto: pieces (1),
 * trainer_spec (2: model_type 3, vocab_size 4, byte_fallback 35, unk/bos/eos/pad ids
 * 40-43), normalizer_spec (3: name 1, precompiled_charsmap 2, add_dummy_prefix 3,
 * remove_extra_whitespaces 4, escape_whitespaces 5). */

#ifndef ENGINE_SPM_PROTO_H
#define ENGINE_SPM_PROTO_H

#include "base/error.h"
#include "base/str.h"
#include "engine/vocab.h"

int spm_proto_build(str *out, const vocab_source *v, error *err);

#endif

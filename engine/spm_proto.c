#include "engine/spm_proto.h"

#include <stdint.h>
#include <string.h>

enum { VARINT = 0, BYTES = 2, FIXED32 = 5 };
enum { UNIGRAM = 1, BPE = 2 }; /* trainer_spec.model_type */

static void put_varint(str *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		str_putc(out, (char)(v | 0x80));
	str_putc(out, (char)v);
}

static void put_tag(str *out, int field, int wire)
{
	put_varint(out, (uint64_t)field << 3 | (uint64_t)wire);
}

static void put_int(str *out, int field, int64_t v)
{
	put_tag(out, field, VARINT);
	put_varint(out, (uint64_t)v); /* negative ids take ten bytes, as int32 does */
}

static void put_bytes(str *out, int field, const void *p, size_t n)
{
	put_tag(out, field, BYTES);
	put_varint(out, n);
	str_put(out, p, n);
}

static void put_message(str *out, int field, const str *m)
{
	put_bytes(out, field, str_text(m), m->len);
}

static int type_of(const vocab_source *v, int id)
{
	int t = v->type ? v->type[id] : TOKEN_NORMAL;

	if (v->unk == id)
		return TOKEN_UNKNOWN;
	/* A piece the library would match in any text: ours come from templates alone. */
	if (t == TOKEN_USER_DEFINED)
		return TOKEN_CONTROL;
	return t >= TOKEN_NORMAL && t <= TOKEN_BYTE && t != TOKEN_UNKNOWN ? t : TOKEN_NORMAL;
}

static void put_piece(str *out, str *m, const vocab_source *v, int id)
{
	float score = v->score ? v->score[id] : 0;
	uint32_t bits;

	memcpy(&bits, &score, 4);
	str_clear(m);
	put_bytes(m, 1, v->text[id].text, v->text[id].len);
	put_tag(m, 2, FIXED32);
	for (int i = 0; i < 4; i++)
		str_putc(m, (char)(bits >> 8 * i));
	put_int(m, 3, type_of(v, id));
	put_message(out, 1, m);
}

static bool has_bytes(const vocab_source *v)
{
	int n = 0;

	for (int i = 0; v->type && i < v->n; i++)
		n += v->type[i] == TOKEN_BYTE;
	return n == 256;
}

int spm_proto_build(str *out, const vocab_source *v, error *err)
{
	str m = STR_INIT;
	bool unigram = strcmp(v->model, "t5") == 0;

	if (v->unk < 0)
		return error_set(err, ERR_FORMAT, "the vocabulary names no unknown token, SentencePiece needs one: the model file is damaged");
	for (int id = 0; id < v->n; id++)
		put_piece(out, &m, v, id);

	str_clear(&m);
	put_int(&m, 3, unigram ? UNIGRAM : BPE);
	put_int(&m, 4, v->n);
	put_int(&m, 35, has_bytes(v));
	put_int(&m, 40, v->unk);
	put_int(&m, 41, v->bos);
	put_int(&m, 42, v->eos);
	put_int(&m, 43, v->pad);
	/* The library looks these up by text: give it the texts that stand there. */
	const int id[4] = { v->unk, v->bos, v->eos, v->pad };
	for (int i = 0; i < 4; i++)
		if (id[i] >= 0)
			put_bytes(&m, 45 + i, v->text[id[i]].text, v->text[id[i]].len);
	put_message(out, 2, &m);

	str_clear(&m);
	put_bytes(&m, 1, "identity", 8);
	if (v->charsmap)
		put_bytes(&m, 2, v->charsmap, v->charsmap_len);
	put_int(&m, 3, v->add_space_prefix != 0);
	put_int(&m, 4, v->remove_extra_whitespaces == 1 || (unigram && v->remove_extra_whitespaces < 0));
	put_int(&m, 5, 1);
	put_message(out, 3, &m);

	int status = str_ok(&m, err);
	str_free(&m);
	return status ? status : str_ok(out, err);
}

#include "engine/spm.h"

#include <exception>
#include <memory>
#include <new>
#include <string>

#include <sentencepiece_processor.h>

#include "engine/vocab.h"

/* Two processors over one vocabulary: the library adds its leading space always or
 * never, we need both. */
struct spm {
	sentencepiece::SentencePieceProcessor with, without;
	bool prefix;
};

/* normalizer_spec { add_dummy_prefix: false }. Protocol buffers merge a message that
 * appears twice, so appending it changes this one setting. */
static const char no_prefix[] = { 0x1a, 0x02, 0x18, 0x00 };

extern "C" int spm_open(spm **out, const void *proto, size_t n, error *err)
{
	*out = nullptr;
	try {
		auto s = std::make_unique<spm>();
		std::string bytes(static_cast<const char *>(proto), n);
		auto status = s->with.LoadFromSerializedProto(bytes);
		if (status.ok()) {
			bytes.append(no_prefix, sizeof(no_prefix));
			status = s->without.LoadFromSerializedProto(bytes);
		}
		if (!status.ok())
			return error_set(err, ERR_FORMAT, "the SentencePiece vocabulary is damaged: %s", status.error_message());
		std::vector<int> a, b;
		s->prefix = s->with.Encode("a", &a).ok() && s->without.Encode("a", &b).ok() && a != b;
		*out = s.release();
		return 0;
	} catch (const std::exception &e) {
		return error_set(err, ERR_FORMAT, "the SentencePiece vocabulary cannot be used: %s", e.what());
	}
}

extern "C" void spm_close(spm *s)
{
	delete s;
}

extern "C" int spm_encode(const spm *s, const char *text, size_t n, bool prefix, spm_piece_fn piece, void *ud, error *err)
{
	try {
		auto spt = (prefix ? s->with : s->without).EncodeAsImmutableProto(absl::string_view(text, n));
		for (int i = 0; i < static_cast<int>(spt.pieces_size()); i++) {
			auto p = spt.pieces(i);
			int r = piece(ud, static_cast<int>(p.id()), p.begin(), p.end(), err);
			if (r)
				return r;
		}
		return 0;
	} catch (const std::bad_alloc &) {
		return error_nomem(err, "the tokenizer");
	} catch (const std::exception &e) {
		return error_set(err, ERR_FORMAT, "SentencePiece cannot encode the text: %s", e.what());
	}
}

extern "C" int spm_size(const spm *s)
{
	return s->with.GetPieceSize();
}

extern "C" const char *spm_piece(const spm *s, int id)
{
	return s->with.IdToPiece(id).c_str();
}

extern "C" int spm_type(const spm *s, int id)
{
	return s->with.IsControl(id) ? TOKEN_CONTROL
	     : s->with.IsUnknown(id) ? TOKEN_UNKNOWN
	     : s->with.IsByte(id)    ? TOKEN_BYTE
	     : s->with.IsUnused(id)  ? TOKEN_UNUSED
	                             : TOKEN_NORMAL;
}

extern "C" int spm_id(const spm *s, const char *piece)
{
	int id = s->with.PieceToId(piece);

	return s->with.IdToPiece(id) == piece ? id : -1;
}

extern "C" int spm_bos(const spm *s)
{
	return s->with.bos_id();
}

extern "C" int spm_eos(const spm *s)
{
	return s->with.eos_id();
}

extern "C" bool spm_adds_prefix(const spm *s)
{
	return s->prefix;
}

#include "engine/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "engine/bpe.h"
#include "engine/spm.h"
#include "engine/spm_proto.h"

typedef struct {
	const char *text;
	size_t len;
	int id;
} special;

struct tokenizer {
	vocab_source v;
	bpe *bpe;         /* one of the two */
	spm *spm;
	special *special; /* longest first */
	int specials;
	str names;        /* NUL-terminated pieces of a list vocabulary */
	size_t *name;     /* [n] offsets in it */
	bool *ends;       /* [n] */
	bool add_bos;
	int bos, eos, n;
	char kind[64];
	char fingerprint[HASH_TEXT];
};

void tokens_free(tokens *t)
{
	free(t->id);
	free(t->at);
	*t = TOKENS_INIT;
}

int tokens_push(tokens *t, int id, uint32_t at, error *err)
{
	if (!MEM_GROW(t->id, t->cap_id, t->len + 1) || !MEM_GROW(t->at, t->cap_at, t->len + 1))
		return error_nomem(err, "the tokens");
	t->id[t->len] = id;
	t->at[t->len++] = at;
	return 0;
}

int tokens_append(tokens *t, const tokens *more, error *err)
{
	int status = 0;

	for (size_t i = 0; i < more->len && !status; i++)
		status = tokens_push(t, more->id[i], more->at[i], err);
	return status;
}

/* ---- opening ---- */

static int by_falling_length(const void *a, const void *b)
{
	const special *x = a, *y = b;

	return x->len != y->len ? (x->len < y->len ? 1 : -1) : x->id - y->id;
}

static int token_type(const tokenizer *t, int id)
{
	if (t->v.kind == VOCAB_SPM_PROTO)
		return spm_type(t->spm, id);
	return t->v.type ? t->v.type[id] : TOKEN_NORMAL;
}

static int list_specials(tokenizer *t, error *err)
{
	t->special = mem_array((size_t)t->n, sizeof(*t->special));
	if (!t->special)
		return error_nomem(err, "the tokenizer");
	for (int id = 0; id < t->n; id++) {
		int type = token_type(t, id);
		const char *text = tokenizer_piece(t, id);
		if ((type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED) && *text)
			t->special[t->specials++] = (special){ text, strlen(text), id };
	}
	qsort(t->special, (size_t)t->specials, sizeof(*t->special), by_falling_length);
	return 0;
}

static int copy_names(tokenizer *t, error *err)
{
	t->name = mem_array((size_t)t->n, sizeof(*t->name));
	if (!t->name)
		return error_nomem(err, "the tokenizer");
	for (int id = 0; id < t->n; id++) {
		t->name[id] = t->names.len;
		str_put(&t->names, t->v.text[id].text, t->v.text[id].len);
		str_putc(&t->names, '\0');
	}
	return str_ok(&t->names, err);
}

static int mark_ends(tokenizer *t, error *err)
{
	static const char *const known[] = { "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "</s>", "<|endoftext|>",
	                                     "<|end_of_text|>", "<|eom_id|>" };

	t->ends = mem_zeroed((size_t)t->n, sizeof(*t->ends));
	if (!t->ends)
		return error_nomem(err, "the tokenizer");
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		int id = tokenizer_special(t, known[i]);
		if (id >= 0)
			t->ends[id] = true;
	}
	if (t->eos >= 0)
		t->ends[t->eos] = true;
	if (t->v.eot >= 0)
		t->ends[t->v.eot] = true;
	return 0;
}

static int open_spm(tokenizer *t, error *err)
{
	str proto = STR_INIT;
	int status = 0;

	if (t->v.kind == VOCAB_SPM_PROTO)
		str_put(&proto, t->v.proto, t->v.proto_len);
	else
		status = spm_proto_build(&proto, &t->v, err);
	if (!status && !(status = str_ok(&proto, err)))
		status = spm_open(&t->spm, str_text(&proto), proto.len, err);
	str_free(&proto);
	return status;
}

static int fingerprint(tokenizer *t, error *err)
{
	const vocab_source *v = &t->v;
	int32_t numbers[] = { v->kind, t->n, t->bos, t->eos, t->add_bos, v->add_space_prefix };
	hasher *h = hasher_new();

	if (!h)
		return error_nomem(err, "the tokenizer");
	hasher_part(h, numbers, sizeof(numbers));
	hasher_part(h, v->pre, strlen(v->pre));
	if (v->kind == VOCAB_SPM_PROTO)
		hasher_part(h, v->proto, v->proto_len);
	else
		hasher_part(h, t->names.data, t->names.len);
	for (int i = 0; i < v->n_merges; i++)
		hasher_part(h, v->merge[i].text, v->merge[i].len);
	if (v->score)
		hasher_part(h, v->score, (size_t)v->n * sizeof(float));
	if (v->type)
		hasher_part(h, v->type, (size_t)v->n * sizeof(int32_t));
	hasher_end(h, t->fingerprint);
	return 0;
}

static int open_parts(tokenizer *t, error *err)
{
	const vocab_source *v = &t->v;
	bool bytes = v->kind == VOCAB_BPE_LIST;
	int status = bytes ? bpe_open(&t->bpe, &t->v, err) : open_spm(t, err);

	if (status)
		return status;
	t->n = v->kind == VOCAB_SPM_PROTO ? spm_size(t->spm) : v->n;
	t->bos = v->bos < 0 && t->spm ? spm_bos(t->spm) : v->bos;
	t->eos = v->eos < 0 && t->spm ? spm_eos(t->spm) : v->eos;
	if (t->bos >= t->n || t->eos >= t->n)
		return error_set(err, ERR_FORMAT, "the model's first or last token lies outside its vocabulary: the files do not belong together");
	/* Where the file is silent: SentencePiece models and Llama 3 begin with bos. */
	t->add_bos = t->bos >= 0 && (v->add_bos >= 0 ? v->add_bos == 1 : !bytes || strncmp(v->pre, "llama", 5) == 0);
	if (v->kind != VOCAB_SPM_PROTO && (status = copy_names(t, err)))
		return status;
	if ((status = list_specials(t, err)) || (status = mark_ends(t, err)))
		return status;
	snprintf(t->kind, sizeof(t->kind), bytes ? "bpe %.40s" : "spm%.40s", bytes ? (v->pre[0] ? v->pre : "gpt2")
	                                                                        : strcmp(v->model, "t5") ? "" : " unigram");
	return fingerprint(t, err);
}

int tokenizer_open(tokenizer **out, const vocab_source *v, error *err)
{
	tokenizer *t = mem_zeroed(1, sizeof(*t));

	*out = NULL;
	if (!t)
		return error_nomem(err, "the tokenizer");
	t->v = *v;
	int status = open_parts(t, err);
	if (status) {
		tokenizer_close(t);
		return status;
	}
	*out = t;
	return 0;
}

void tokenizer_close(tokenizer *t)
{
	if (!t)
		return;
	bpe_close(t->bpe);
	spm_close(t->spm);
	free(t->special);
	str_free(&t->names);
	free(t->name);
	free(t->ends);
	free(t);
}

/* ---- encoding ---- */

typedef struct {
	const tokenizer *t;
	tokens *out;
	str run;        /* text since the last special token */
	size_t run_at;  /* where it began */
	bool prefix;    /* the next run begins with the family's space */
} encoder;

typedef struct {
	tokens *out;
	size_t base;
} spm_target;

static int take_piece(void *ud, int id, size_t from, size_t to, error *err)
{
	const spm_target *s = ud;

	(void)to;
	return tokens_push(s->out, id, (uint32_t)(s->base + from), err);
}

static int flush(encoder *e, error *err)
{
	int status = str_ok(&e->run, err);

	if (!status && e->run.len) {
		if (e->t->bpe)
			status = bpe_encode(e->out, e->t->bpe, e->run.data, e->run.len, e->run_at, err);
		else {
			spm_target s = { e->out, e->run_at };
			status = spm_encode(e->t->spm, e->run.data, e->run.len, e->prefix, take_piece, &s, err);
		}
		e->prefix = false;
	}
	str_clear(&e->run);
	return status;
}

static const special *special_at(const tokenizer *t, const char *p, size_t n)
{
	for (int i = 0; i < t->specials; i++)
		if (t->special[i].len <= n && memcmp(t->special[i].text, p, t->special[i].len) == 0)
			return &t->special[i];
	return NULL;
}

static int add_markup(encoder *e, const text_piece *p, size_t at, error *err)
{
	int status = 0;

	for (size_t i = 0; i < p->len && !status;) {
		const special *s = special_at(e->t, p->text + i, p->len - i);
		if (!s) {
			if (!e->run.len)
				e->run_at = at + i;
			str_putc(&e->run, p->text[i++]);
			continue;
		}
		if (!(status = flush(e, err)))
			status = tokens_push(e->out, s->id, (uint32_t)(at + i), err);
		/* After a special token a text does not begin anew. */
		e->prefix = false;
		i += s->len;
	}
	return status;
}

static int encode(tokens *out, const tokenizer *t, const text_piece *piece, int pieces, bool bos, bool prefix, error *err)
{
	encoder e = { .t = t, .out = out, .prefix = prefix };
	size_t at = 0, total = 0;
	int status = 0;

	for (int i = 0; i < pieces; i++)
		if (__builtin_add_overflow(total, piece[i].len, &total) || total >= UINT32_MAX)
			return error_set(err, ERR_ARG, "the text is larger than 4 GiB, more than can be read at once");
	if (bos)
		status = tokens_push(out, t->bos, 0, err);
	for (int i = 0; i < pieces && !status; at += piece[i++].len) {
		if (piece[i].markup)
			status = add_markup(&e, &piece[i], at, err);
		else {
			if (!e.run.len)
				e.run_at = at;
			str_put(&e.run, piece[i].text, piece[i].len);
		}
	}
	if (!status)
		status = flush(&e, err);
	str_free(&e.run);
	return status;
}

int tokenizer_encode(tokens *out, const tokenizer *t, const text_piece *piece, int pieces, bool whole, error *err)
{
	return encode(out, t, piece, pieces, whole && t->add_bos, whole, err);
}

int tokenizer_encode_text(tokens *out, const tokenizer *t, const char *text, size_t n, error *err)
{
	text_piece piece = { text, n, false };

	return encode(out, t, &piece, 1, false, true, err);
}

/* ---- decoding ---- */

/* "<0x0A>" -> its byte, or -1. */
static int byte_of(const char *piece)
{
	unsigned v;

	return strlen(piece) == 6 && sscanf(piece, "<0x%2X>", &v) == 1 ? (int)v : -1;
}

static void token_bytes(const tokenizer *t, int id, bool first, str *out)
{
	int type = token_type(t, id);

	if (type == TOKEN_CONTROL || type == TOKEN_UNUSED)
		return;
	if (t->bpe) {
		bpe_bytes(t->bpe, id, out);
		return;
	}
	const char *p = tokenizer_piece(t, id);
	if (type == TOKEN_UNKNOWN) {
		str_puts(out, "\xef\xbf\xbd");
		return;
	}
	if (type == TOKEN_BYTE && byte_of(p) >= 0) {
		str_putc(out, (char)byte_of(p));
		return;
	}
	for (size_t i = 0; p[i];) {
		if (strncmp(p + i, "\xe2\x96\x81", 3) == 0) { /* the sign for a space */
			if (!(first && i == 0 && spm_adds_prefix(t->spm)))
				str_putc(out, ' ');
			i += 3;
		} else
			str_putc(out, p[i++]);
	}
}

/* Hand on what is whole; keep the beginning of an unfinished sequence if more may come. */
static void pass_on(decoder *d, str *bytes, bool more, str *out)
{
	size_t n = bytes->len, keep = more ? utf8_tail(bytes->data, n) : 0;

	d->n = 0;
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		bool ok;
		if (i >= n - keep) {
			memcpy(d->held, bytes->data + i, n - i);
			d->n = (int)(n - i);
			return;
		}
		int len = utf8_decode(&cp, &ok, bytes->data + i, n - i);
		if (ok)
			str_put(out, bytes->data + i, (size_t)len);
		else
			str_puts(out, "\xef\xbf\xbd");
		i += (size_t)len;
	}
}

void decoder_push(decoder *d, const tokenizer *t, int id, str *out)
{
	str bytes = STR_INIT;

	if (id < 0 || id >= t->n)
		return;
	str_put(&bytes, d->held, (size_t)d->n);
	token_bytes(t, id, !d->started, &bytes);
	d->started = true;
	if (bytes.oom)
		out->oom = true;
	else if (bytes.len)
		pass_on(d, &bytes, true, out);
	str_free(&bytes);
}

void decoder_end(decoder *d, str *out)
{
	str bytes = STR_INIT;

	str_put(&bytes, d->held, (size_t)d->n);
	if (bytes.len)
		pass_on(d, &bytes, false, out);
	d->n = 0;
	str_free(&bytes);
}

void tokenizer_decode(const tokenizer *t, const int *id, size_t n, str *out)
{
	decoder d = DECODER_INIT;

	for (size_t i = 0; i < n; i++)
		decoder_push(&d, t, id[i], out);
	decoder_end(&d, out);
}

/* ---- facts ---- */

int tokenizer_size(const tokenizer *t)
{
	return t->n;
}

int tokenizer_bos(const tokenizer *t)
{
	return t->bos;
}

int tokenizer_eos(const tokenizer *t)
{
	return t->eos;
}

bool tokenizer_is_end(const tokenizer *t, int id)
{
	return id >= 0 && id < t->n && t->ends[id];
}

int tokenizer_special(const tokenizer *t, const char *text)
{
	for (int i = 0; i < t->specials; i++)
		if (strcmp(t->special[i].text, text) == 0)
			return t->special[i].id;
	return -1;
}

const char *tokenizer_piece(const tokenizer *t, int id)
{
	if (id < 0 || id >= t->n)
		return "";
	return t->v.kind == VOCAB_SPM_PROTO ? spm_piece(t->spm, id) : t->names.data + t->name[id];
}

const char *tokenizer_name(const tokenizer *t)
{
	return t->kind;
}

const char *tokenizer_fingerprint(const tokenizer *t)
{
	return t->fingerprint;
}

#include "engine/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "engine/pretoken.h"

/* text -> id, open addressing */
typedef struct {
	int *slot; /* id, -1 empty */
	size_t mask;
} text_map;

/* (left, right) -> rank and merged id */
typedef struct {
	uint64_t pair; /* left << 32 | right; UINT64_MAX empty */
	int rank, id;
} merge;

struct bpe {
	const vocab_source *v;
	pretoken *pre;
	text_map text;
	merge *merge;
	size_t merge_mask;
	int byte_id[256];
	char letter[256][2]; /* UTF-8 of the letter that stands for a byte, 1 or 2 bytes */
	uint8_t letter_len[256];
	int16_t byte_of[0x200]; /* letter -> byte, -1 none */
};

/* GPT-2's alphabet: printable Latin-1 stands for itself, the rest is moved up to
 * U+0100 and after, in order. */
static void make_alphabet(bpe *b)
{
	uint32_t next = 0x100;

	memset(b->byte_of, -1, sizeof(b->byte_of));
	for (int i = 0; i < 256; i++) {
		bool itself = (i >= '!' && i <= '~') || (i >= 0xa1 && i <= 0xac) || i >= 0xae;
		uint32_t cp = itself ? (uint32_t)i : next++;
		char u[4];
		b->letter_len[i] = (uint8_t)utf8_encode(u, cp);
		memcpy(b->letter[i], u, 2);
		b->byte_of[cp] = (int16_t)i;
	}
}

static size_t power_above(size_t n)
{
	size_t p = 16;

	while (p < n)
		p *= 2;
	return p;
}

static int find_text(const bpe *b, const char *text, size_t len)
{
	const vocab_text *t = b->v->text;

	for (size_t i = hash_64(text, len) & b->text.mask;; i = (i + 1) & b->text.mask) {
		int id = b->text.slot[i];
		if (id < 0 || (t[id].len == len && memcmp(t[id].text, text, len) == 0))
			return id;
	}
}

static int index_texts(bpe *b, error *err)
{
	const vocab_source *v = b->v;
	size_t n = power_above((size_t)v->n * 2);

	b->text = (text_map){ mem_array(n, sizeof(int)), n - 1 };
	if (!b->text.slot)
		return error_nomem(err, "the tokenizer");
	memset(b->text.slot, -1, n * sizeof(int));
	for (int id = 0; id < v->n; id++) {
		size_t i = hash_64(v->text[id].text, v->text[id].len) & b->text.mask;
		while (b->text.slot[i] >= 0)
			i = (i + 1) & b->text.mask;
		b->text.slot[i] = id; /* of equal texts the first is found first */
	}
	for (int i = 0; i < 256; i++)
		b->byte_id[i] = find_text(b, b->letter[i], b->letter_len[i]);
	return 0;
}

static merge *merge_slot(const bpe *b, uint64_t pair)
{
	size_t i = (pair * 0x9e3779b97f4a7c15u >> 20) & b->merge_mask;

	while (b->merge[i].pair != UINT64_MAX && b->merge[i].pair != pair)
		i = (i + 1) & b->merge_mask;
	return &b->merge[i];
}

static int index_merges(bpe *b, error *err)
{
	const vocab_source *v = b->v;
	size_t n = power_above((size_t)v->n_merges * 2 + 1);
	str both = STR_INIT;

	b->merge = mem_array(n, sizeof(*b->merge));
	b->merge_mask = n - 1;
	if (!b->merge)
		return error_nomem(err, "the tokenizer");
	for (size_t i = 0; i < n; i++)
		b->merge[i].pair = UINT64_MAX;
	for (int r = 0; r < v->n_merges; r++) {
		const char *text = v->merge[r].text;
		size_t len = v->merge[r].len;
		/* A letter may itself be a space's stand-in but never a space: from index 1 on. */
		const char *gap = len > 2 ? memchr(text + 1, ' ', len - 1) : NULL;
		if (!gap)
			continue;
		size_t left = (size_t)(gap - text);
		str_clear(&both);
		str_put(&both, text, left);
		str_put(&both, gap + 1, len - left - 1);
		if (both.oom)
			break;
		int l = find_text(b, text, left), g = find_text(b, gap + 1, len - left - 1), id = find_text(b, both.data, both.len);
		if (l < 0 || g < 0 || id < 0)
			continue; /* a merge that leads nowhere can never be used */
		merge *m = merge_slot(b, (uint64_t)l << 32 | (uint32_t)g);
		if (m->pair == UINT64_MAX)
			*m = (merge){ (uint64_t)l << 32 | (uint32_t)g, r, id };
	}
	int status = str_ok(&both, err);
	str_free(&both);
	return status;
}

int bpe_open(bpe **out, const vocab_source *v, error *err)
{
	bpe *b = mem_zeroed(1, sizeof(*b));
	int status;

	*out = NULL;
	if (!b)
		return error_nomem(err, "the tokenizer");
	b->v = v;
	make_alphabet(b);
	if ((status = pretoken_open(&b->pre, v->pre[0] ? v->pre : "gpt2", err)) || (status = index_texts(b, err)) ||
	    (status = index_merges(b, err))) {
		bpe_close(b);
		return status;
	}
	*out = b;
	return 0;
}

void bpe_close(bpe *b)
{
	if (!b)
		return;
	pretoken_close(b->pre);
	free(b->text.slot);
	free(b->merge);
	free(b);
}

/* ---- merging one word ---- */

typedef struct {
	int id;
	int prev, next;  /* -1: none */
	uint32_t bytes;  /* 0: merged away */
} symbol;

typedef struct {
	int rank, at;    /* of the left symbol */
	int left, right; /* ids when it was found; outdated if they changed */
	int id;
} candidate;

/* A word already encoded in this call, by where it stood. */
typedef struct {
	uint32_t from, len; /* len 0: free */
	size_t first;       /* of its tokens in out */
	uint32_t n;
} known_word;

enum { KNOWN = 8192, KNOWN_LEN = 32 };

typedef struct {
	const bpe *b;
	const char *text;
	size_t base;
	tokens *out;
	symbol *sym;
	size_t sym_cap;
	candidate *heap;
	size_t heap_cap, heap_n;
	known_word *known; /* [KNOWN] */
	str spelled;
} encoder;

static bool before(const candidate *a, const candidate *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static bool heap_push(encoder *e, candidate c)
{
	if (!MEM_GROW(e->heap, e->heap_cap, e->heap_n + 1))
		return false;
	size_t i = e->heap_n++;
	for (; i && before(&c, &e->heap[(i - 1) / 2]); i = (i - 1) / 2)
		e->heap[i] = e->heap[(i - 1) / 2];
	e->heap[i] = c;
	return true;
}

static candidate heap_pop(encoder *e)
{
	candidate top = e->heap[0], last = e->heap[--e->heap_n];
	size_t i = 0;

	for (size_t kid; (kid = 2 * i + 1) < e->heap_n; i = kid) {
		if (kid + 1 < e->heap_n && before(&e->heap[kid + 1], &e->heap[kid]))
			kid++;
		if (!before(&e->heap[kid], &last))
			break;
		e->heap[i] = e->heap[kid];
	}
	e->heap[i] = last;
	return top;
}

static bool offer(encoder *e, int at)
{
	int next = at < 0 ? -1 : e->sym[at].next;

	if (next < 0)
		return true;
	int l = e->sym[at].id, r = e->sym[next].id;
	const merge *m = merge_slot(e->b, (uint64_t)l << 32 | (uint32_t)r);
	return m->pair == UINT64_MAX || heap_push(e, (candidate){ m->rank, at, l, r, m->id });
}

static bool merge_symbols(encoder *e, int n)
{
	e->heap_n = 0;
	for (int i = 0; i + 1 < n; i++)
		if (!offer(e, i))
			return false;
	while (e->heap_n) {
		candidate c = heap_pop(e);
		symbol *l = &e->sym[c.at];
		if (!l->bytes || l->id != c.left || l->next < 0 || e->sym[l->next].id != c.right)
			continue;
		symbol *r = &e->sym[l->next];
		l->id = c.id;
		l->bytes += r->bytes;
		r->bytes = 0;
		l->next = r->next;
		if (l->next >= 0)
			e->sym[l->next].prev = c.at;
		if (!offer(e, l->prev) || !offer(e, c.at))
			return false;
	}
	return true;
}

/* Id of a whole word that is a vocabulary entry, or -1. */
static int whole_word(encoder *e, const char *p, size_t n)
{
	str_clear(&e->spelled);
	for (size_t i = 0; i < n; i++)
		str_put(&e->spelled, e->b->letter[(uint8_t)p[i]], e->b->letter_len[(uint8_t)p[i]]);
	return e->spelled.oom ? -1 : find_text(e->b, e->spelled.data, e->spelled.len);
}

static int push(encoder *e, int id, size_t at, error *err)
{
	return tokens_push(e->out, id, (uint32_t)(e->base + at), err);
}

static int encode_word(encoder *e, size_t from, size_t n, error *err)
{
	const char *p = e->text + from;
	int status = 0, id;

	if (pretoken_whole_words(e->b->pre) && (id = whole_word(e, p, n)) >= 0)
		return push(e, id, from, err);
	if (!MEM_GROW(e->sym, e->sym_cap, n))
		return error_nomem(err, "the tokenizer");
	for (size_t i = 0; i < n; i++) {
		id = e->b->byte_id[(uint8_t)p[i]];
		/* A vocabulary without this byte has only its unknown token for it. */
		e->sym[i] = (symbol){ id >= 0 ? id : e->b->v->unk >= 0 ? e->b->v->unk : 0, (int)i - 1, i + 1 < n ? (int)i + 1 : -1, 1 };
	}
	if (!merge_symbols(e, (int)n))
		return error_nomem(err, "the tokenizer");
	size_t at = from;
	for (int i = 0; i >= 0 && !status; i = e->sym[i].next) {
		status = push(e, e->sym[i].id, at, err);
		at += e->sym[i].bytes;
	}
	return status;
}

/* Words repeat: copy the tokens of an earlier one. */
static int take_word(void *ud, size_t from, size_t to, error *err)
{
	encoder *e = ud;
	size_t n = to - from, first = e->out->len;
	known_word *k = e->known && n <= KNOWN_LEN ? &e->known[hash_64(e->text + from, n) % KNOWN] : NULL;
	int status = 0;

	if (k && k->len == n && memcmp(e->text + k->from, e->text + from, n) == 0) {
		int64_t shift = (int64_t)from - (int64_t)k->from;
		for (uint32_t i = 0; i < k->n && !status; i++)
			status = tokens_push(e->out, e->out->id[k->first + i], (uint32_t)(e->out->at[k->first + i] + shift), err);
		return status;
	}
	status = encode_word(e, from, n, err);
	if (k && !status)
		*k = (known_word){ (uint32_t)from, (uint32_t)n, first, (uint32_t)(e->out->len - first) };
	return status;
}

int bpe_encode(tokens *out, const bpe *b, const char *text, size_t n, size_t base, error *err)
{
	encoder e = { .b = b, .text = text, .base = base, .out = out };
	int status = 0;

	if (n > 4096)
		e.known = mem_zeroed(KNOWN, sizeof(*e.known)); /* without it, only slower */
	for (size_t at = 0; at < n && !status;) {
		size_t good = utf8_check(text + at, n - at);
		if (good) {
			e.text = text + at;
			e.base = base + at;
			if (e.known && at)
				memset(e.known, 0, KNOWN * sizeof(*e.known));
			status = pretoken_split(b->pre, text + at, good, take_word, &e, err);
			at += good;
			continue;
		}
		/* Bytes that are no UTF-8 are a word of their own. */
		uint32_t cp;
		int bad = utf8_decode(&cp, NULL, text + at, n - at);
		e.text = text;
		e.base = base;
		status = encode_word(&e, at, (size_t)bad, err);
		at += (size_t)bad;
	}
	free(e.sym);
	free(e.heap);
	free(e.known);
	str_free(&e.spelled);
	return status;
}

void bpe_bytes(const bpe *b, int id, str *out)
{
	vocab_text t = b->v->text[id];

	if (b->v->type && b->v->type[id] == TOKEN_USER_DEFINED) {
		str_put(out, t.text, t.len);
		return;
	}
	for (size_t i = 0; i < t.len;) {
		uint32_t cp;
		int n = utf8_decode(&cp, NULL, t.text + i, t.len - i);
		if (cp < 0x200 && b->byte_of[cp] >= 0)
			str_putc(out, (char)b->byte_of[cp]);
		else
			str_put(out, t.text + i, (size_t)n); /* a token outside the alphabet stands for itself */
		i += (size_t)n;
	}
}

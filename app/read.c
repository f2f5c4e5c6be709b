#include "app/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/probe.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/session.h"
#include "store/packed.h"

/* Tokens that are evaluated and journalled at a time. */
enum { BLOCK = 512 };

int read_reserve(int window)
{
	int r = window / 16;

	return r < 128 ? 128 : r;
}

void read_plan_free(read_plan *p)
{
	if (!p)
		return;
	for (int i = 0; i < p->sections; i++)
		tokens_free(&p->section[i].tok);
	free(p->section);
	document_free(p->doc);
	free(p);
}

/* "Title", or "Title (part 2 of 3)". */
static void section_title(str *out, const document *d, int section, int sections)
{
	str_puts(out, d->title);
	if (sections > 1)
		str_putf(out, " (part %d of %d)", section + 1, sections);
}

int read_encode(tokens *out, const engine *e, const char *title, const char *text, size_t from, size_t to, error *err)
{
	text_piece piece[CHAT_PIECES];
	int words, pieces = chat_document(e->chat, piece, &words, title, text + from, to - from);
	size_t before = 0, first = out->len;

	for (int k = 0; k < words; k++)
		before += piece[k].len;
	int status = tokenizer_encode(out, e->tok, piece, pieces, true, err);
	for (size_t k = first; k < out->len && !status; k++) {
		size_t at = out->at[k];
		out->at[k] = at >= before && at < before + (to - from) ? (uint32_t)(at - before + from) : READ_NOT_TEXT;
	}
	return status;
}

static int encode_section(read_section *s, const engine *e, const document *d, int i, int n, error *err)
{
	str title = STR_INIT;

	section_title(&title, d, i, n);
	int status = str_ok(&title, err);
	if (!status)
		status = read_encode(&s->tok, e, str_text(&title), d->text, s->from, s->to, err);
	str_free(&title);
	return status;
}

static int section_key(read_section *s, const engine *e, error *err)
{
	hasher *h = hasher_new();

	if (!h)
		return error_nomem(err, "the context's key");
	hasher_part(h, e->fingerprint, HASH_TEXT);
	hasher_part(h, s->tok.id, s->tok.len * sizeof(*s->tok.id));
	hasher_part(h, s->tok.at, s->tok.len * sizeof(*s->tok.at));
	hasher_end(h, s->key);
	return 0;
}

/* Tokens of the words around an empty text. */
static int overhead(int *n, const engine *e, const document *d, error *err)
{
	read_section none = { 0 };
	int status = encode_section(&none, e, d, 98, 99, err);

	*n = (int)none.tok.len;
	tokens_free(&none.tok);
	return status;
}

/* Cut the text so that every section fits the window. Encoding a section apart can
 * give a few tokens more than its part of the whole text did: leave room. */
static int cut(read_plan *p, const engine *e, error *err)
{
	const document *d = p->doc;
	text_piece whole = { d->text, d->len, false };
	tokens t = TOKENS_INIT;
	document_section *cuts = NULL;
	int around, n, status;

	if (d->len >= UINT32_MAX)
		return error_set(err, ERR_ARG, "%s: is larger than 4 GiB, more than folio reads", d->path);
	if ((status = overhead(&around, e, d, err)) || (status = tokenizer_encode(&t, e->tok, &whole, 1, false, err)))
		goto out;
	p->text_tokens = (int64_t)t.len;
	int room = p->window - read_reserve(p->window) - around - 16;
	if (room < 64) {
		status = error_set(err, ERR_UNSUPPORTED, "the model's window of %d tokens is too small for documents", p->window);
		goto out;
	}
	if ((status = document_cut(&cuts, &n, d, t.at, t.len, (size_t)room, err)))
		goto out;
	p->section = mem_zeroed((size_t)n, sizeof(*p->section));
	if (!p->section) {
		status = error_nomem(err, "the sections");
		goto out;
	}
	p->sections = n;
	for (int i = 0; i < n; i++) {
		p->section[i].from = cuts[i].from;
		p->section[i].to = cuts[i].to;
	}
out:
	free(cuts);
	tokens_free(&t);
	return status;
}

static void partial_path(str *out, const folio *f, const read_section *s)
{
	str file = STR_INIT;

	str_putf(&file, "%s.part", s->key);
	store_context_path(out, f->lib, str_text(&file));
	str_free(&file);
}

static void context_file(char out[80], const read_section *s)
{
	snprintf(out, 80, "%s.kv", s->key);
}

/* What of this section is on disk already. */
static int look_for_section(read_section *s, folio *f, error *err)
{
	char file[80];
	str path = STR_INIT;
	packed_file *pf = NULL;
	partial *part = NULL;

	context_file(file, s);
	store_context_path(&path, f->lib, file);
	int status = str_ok(&path, err);
	if (!status && path_exists(path.data))
		s->ready = packed_open(&pf, path.data, s->key, NULL) == 0;
	packed_close(pf);
	if (!status && !s->ready) {
		partial_path(&path, f, s);
		/* Locked by another folio: read_run will say so, a plan only asks. */
		if (!(status = str_ok(&path, err)) && path_exists(path.data) &&
		    partial_open(&part, path.data, s->key, NULL) == 0) {
			s->resumed = partial_blocks(part) * BLOCK;
			partial_close(part);
		}
	}
	str_free(&path);
	return status;
}

int read_plan_make(read_plan **out, folio *f, const char *path, const char *title,
                   const progress *p, error *err)
{
	int status = folio_engine(f, err);
	read_plan *plan = NULL;

	*out = NULL;
	if (status)
		return status;
	if (!(plan = mem_zeroed(1, sizeof(*plan))))
		return error_nomem(err, "the reading plan");
	const model_params *mp = &f->eng->model->p;
	plan->window = mp->context;
	if ((status = document_load(&plan->doc, path, title, p, err)) || (status = cut(plan, f->eng, err)))
		goto fail;
	for (int i = 0; i < plan->sections; i++) {
		read_section *s = &plan->section[i];
		if ((status = encode_section(s, f->eng, plan->doc, i, plan->sections, err)) ||
		    (status = section_key(s, f->eng, err)) || (status = look_for_section(s, f, err)))
			goto fail;
		int64_t bytes = context_bytes(mp, (int)s->tok.len) + (int64_t)s->tok.len * 8;
		plan->tokens += (int64_t)s->tok.len;
		plan->disk_bytes += bytes;
		plan->new_bytes += s->ready ? 0 : bytes;
		plan->ready += s->ready;
		plan->resumed += s->resumed;
	}
	*out = plan;
	return 0;
fail:
	read_plan_free(plan);
	return status;
}

/* ---- doing it ---- */

/* Tokens over all sections, for one honest bar. */
typedef struct {
	const progress *p;
	int64_t done, total, before;
} tally;

static bool tell(const tally *t, int64_t more)
{
	progress_event e = { "reading", "tokens", t->done + more, t->total, t->before };

	return progress_report(t->p, &e);
}

static int restore(session *s, partial *part, const read_section *sec, error *err)
{
	int status = 0;

	for (int i = 0; i < partial_blocks(part) && !status; i++) {
		const void *bytes;
		size_t n;
		int from = i * BLOCK;
		if (from + BLOCK > (int)sec->tok.len)
			break;
		status = partial_get(part, i, &bytes, &n, err);
		if (!status && n != session_kv_bytes(s, BLOCK))
			break; /* not ours after all: read again from here */
		if (!status)
			status = session_kv_put(s, sec->tok.id + from, BLOCK, bytes, err);
	}
	return status;
}

static int prefill(session *s, partial *part, const read_section *sec, const tally *t, error *err)
{
	progress quiet = { .stop = t->p ? t->p->stop : NULL };
	void *buf = mem_array(session_kv_bytes(s, BLOCK), 1);
	int n = (int)sec->tok.len, status = buf ? 0 : error_nomem(err, "reading");

	while (!status && session_live_tokens(s) < n) {
		int from = session_live_tokens(s), m = n - from < BLOCK ? n - from : BLOCK;
		if (tell(t, from)) {
			status = error_set(err, ERR_CANCEL, "stopped after %d of %d tokens; they are kept", from, n);
			break;
		}
		status = session_eval(s, sec->tok.id + from, m, NULL, NULL, &quiet, err);
		if (!status && m == BLOCK) {
			session_kv_get(s, from, BLOCK, buf);
			status = partial_append(part, buf, session_kv_bytes(s, BLOCK), err);
		}
	}
	if (!status)
		tell(t, n);
	free(buf);
	return status;
}

int read_put_section(void *ud, int section, int layer, const void *bytes, size_t n, error *err)
{
	return packed_put(ud, section, layer, bytes, n, err);
}

static int write_context(const context *c, const folio *f, const read_section *sec, const progress *p, error *err)
{
	char file[80];
	str path = STR_INIT;
	packed_writer *w = NULL;
	progress_event e = { "writing", "bytes", 0, context_bytes(&f->eng->model->p, c->tokens), 0 };
	int status;

	progress_report(p, &e);
	context_file(file, sec);
	store_context_path(&path, f->lib, file);
	if ((status = str_ok(&path, err)) || (status = packed_create(&w, path.data, sec->key, err)))
		goto out;
	if ((status = packed_put(w, PACKED_IDS, -1, sec->tok.id, sec->tok.len * sizeof(int32_t), err)) ||
	    (status = packed_put(w, PACKED_PLACES, -1, sec->tok.at, sec->tok.len * sizeof(uint32_t), err)) ||
	    (status = context_save(c, read_put_section, w, err))) {
		packed_abandon(w);
		goto out;
	}
	status = packed_commit(w, err);
	e.done = e.total;
	progress_report(p, &e);
out:
	str_free(&path);
	return status;
}

static int read_one(folio *f, const document *d, const read_section *sec, const tally *t, error *err)
{
	str path = STR_INIT;
	partial *part = NULL;
	session *s = NULL;
	context *c = NULL;
	int status;

	partial_path(&path, f, sec);
	if ((status = str_ok(&path, err)) || (status = partial_open(&part, path.data, sec->key, err)) ||
	    (status = session_open(&s, f->eng, NULL, f->eng->model->p.context, err)) ||
	    (status = restore(s, part, sec, err)) || (status = prefill(s, part, sec, t, err)))
		goto out;
	uint64_t seed = hash_64(sec->key, strlen(sec->key));
	if ((status = probe_squeeze(&c, s, f->eng, d->text, sec->from, sec->to, seed, t->p, err)))
		goto out;
	if ((status = write_context(c, f, sec, t->p, err)))
		goto out;
	partial_discard(part);
	part = NULL;
out:
	context_free(c);
	session_close(s);
	partial_close(part);
	str_free(&path);
	return status;
}

static int put_document(document_row *row, folio *f, const document *d, const char *name, error *err)
{
	str map = STR_INIT;
	document_row r = { .bytes = d->bytes, .mtime_ns = d->mtime_ns, .text_bytes = (int64_t)d->len };
	int status = document_map_json(&map, d, err);

	memcpy(r.hash, d->hash, HASH_TEXT);
	r.name = mem_text(name);
	r.path = strdup(d->path);
	r.title = strdup(d->title);
	r.kind = strdup(document_kind_name(d->kind));
	r.added = r.used = clock_unix();
	if (!status && (!r.name || !r.path || !r.title || !r.kind))
		status = error_nomem(err, "the document's row");
	if (!status)
		status = store_put_document(f->lib, &r, d->text, (int64_t)d->len, str_text(&map), err);
	str_free(&map);
	if (status)
		document_row_free(&r);
	else
		*row = r;
	return status;
}

static int put_context(folio *f, const document_row *doc, const read_plan *plan, int i, error *err)
{
	const read_section *s = &plan->section[i];
	context_row r = { .document = doc->id, .section = i, .sections = plan->sections,
	                  .from_byte = (int64_t)s->from, .to_byte = (int64_t)s->to, .tokens = (int64_t)s->tok.len };
	str path = STR_INIT;
	struct stat st;
	int status;

	memcpy(r.model, f->eng->fingerprint, HASH_TEXT);
	memcpy(r.key, s->key, HASH_TEXT);
	context_file(r.file, s);
	r.created = r.used = clock_unix();
	store_context_path(&path, f->lib, r.file);
	status = str_ok(&path, err);
	if (!status && stat(path.data, &st))
		status = error_errno(err, ERR_IO, "%s: the context just written is gone", path.data);
	if (!status) {
		r.file_bytes = st.st_size;
		status = store_put_context(f->lib, &r, err);
	}
	str_free(&path);
	return status;
}

/* Room on the disk and in the person's budget, before any work. */
static int make_room(folio *f, const read_plan *plan, int64_t keep, error *err)
{
	store_usage u;
	int64_t freed;
	int status = store_get_usage(&u, f->lib, err);

	if (!status && f->cfg.disk_budget)
		status = store_make_room(f->lib, plan->new_bytes, f->cfg.disk_budget, keep, &freed, err);
	/* One journal of a section at a time stands beside the finished contexts. */
	int64_t need = plan->new_bytes + (plan->sections ? plan->new_bytes / plan->sections : 0);
	if (!status && u.free_bytes < need)
		status = error_set(err, ERR_FULL, "the disk has %lld MB free and reading needs %lld MB: remove documents with "
		                   "`folio rm`, or set FOLIO_HOME to another disk", (long long)(u.free_bytes >> 20),
		                   (long long)(need >> 20));
	return status;
}

int read_run(document_row *row, folio *f, read_plan *plan, const char *name, const progress *p, error *err)
{
	tally t = { p, 0, plan->tokens, 0 };
	int status;

	*row = (document_row){ 0 };
	if (plan->ready < plan->sections && (status = make_room(f, plan, 0, err)))
		return status;
	/* The document's row comes first: an interrupted read shows in the library. */
	if ((status = put_document(row, f, plan->doc, name, err)))
		return status;
	for (int i = 0; i < plan->sections; i++)
		t.before += plan->section[i].ready ? (int64_t)plan->section[i].tok.len : plan->section[i].resumed;
	for (int i = 0; i < plan->sections && !status; i++) {
		read_section *s = &plan->section[i];
		if (!s->ready)
			status = read_one(f, plan->doc, s, &t, err);
		if (!status) {
			s->ready = true;
			status = put_context(f, row, plan, i, err);
		}
		t.done += (int64_t)s->tok.len;
	}
	if (status) {
		document_row_free(row);
		*row = (document_row){ 0 };
	}
	return status;
}

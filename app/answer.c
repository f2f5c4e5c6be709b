#include "app/answer_impl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/focus.h"
#include "app/read.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* ---- opening ---- */

static int read_packed(void *ud, int section, int layer, const void **bytes, size_t *n, error *err)
{
	/* Keys and values are read where a question needs them, so their checksums are
	 * verify's business; everything that steers the reading is checked now. */
	bool check = section != CONTEXT_SEC_KEYS && section != CONTEXT_SEC_VALUES;

	return packed_get(ud, section, layer, check, bytes, n, err);
}

static int open_part(part *p, folio *f, const context_row *row, error *err)
{
	str path = STR_INIT;
	const void *bytes;
	size_t n;
	int status;

	p->from = (size_t)row->from_byte;
	p->to = (size_t)row->to_byte;
	store_context_path(&path, f->lib, row->file);
	if (!(status = str_ok(&path, err)) && !(status = packed_open(&p->file, path.data, row->key, err)) &&
	    !(status = context_load(&p->ctx, &f->eng->model->p, read_packed, p->file, err)))
		status = packed_get(p->file, PACKED_PLACES, -1, true, &bytes, &n, err);
	if (!status && n != (size_t)p->ctx->tokens * sizeof(uint32_t))
		status = error_set(err, ERR_FORMAT, "%s: is damaged: run `folio verify`, then add the document again", path.data);
	if (!status)
		p->place = bytes;
	str_free(&path);
	return status;
}

static int copy_row(document_row *to, const document_row *from, error *err)
{
	*to = *from;
	to->name = mem_text(from->name);
	to->path = mem_text(from->path);
	to->title = mem_text(from->title);
	to->kind = mem_text(from->kind);
	return to->name && to->path && to->title && to->kind ? 0 : error_nomem(err, "the document");
}

static int open_document(reading *r, error *err)
{
	str text = STR_INIT, map = STR_INIT;
	int status = store_document_text(r->f->lib, r->row.id, &text, &map, err);

	if (!status)
		status = document_from_map(&r->doc, str_text(&map), str_text(&text), text.len, err);
	str_free(&text);
	str_free(&map);
	return status;
}

static int open_parts(reading *r, error *err)
{
	context_row *row = NULL;
	int n = 0, status = store_list_contexts(&row, &n, r->f->lib, r->row.id, r->f->eng->fingerprint, err);

	if (status)
		return status;
	if (n == 0 || n != row[0].sections) {
		status = error_set(err, ERR_NOTFOUND, n ? "%s: only a part of it was read with this model: run `folio add %s` to go on"
		                                        : "%s: was not read with this model yet: run `folio add %s`",
		                   r->row.name, strcmp(r->row.path, "-") ? r->row.path : r->row.name);
		goto out;
	}
	if (!(r->part = mem_zeroed((size_t)n, sizeof(*r->part)))) {
		status = error_nomem(err, "the document's sections");
		goto out;
	}
	for (int i = 0; i < n && !status; i++) {
		r->parts = i + 1;
		status = open_part(&r->part[i], r->f, &row[i], err);
		if (!status && (r->part[i].from > r->part[i].to || r->part[i].to > r->doc->len))
			status = error_set(err, ERR_FORMAT, "%s: its stored text and contexts do not belong together: run "
			                   "`folio verify`, then add it again", r->row.name);
	}
out:
	free(row);
	return status;
}

int reading_open(reading **out, folio *f, const document_row *doc, error *err)
{
	reading *r;
	int status = folio_engine(f, err);

	*out = NULL;
	if (status)
		return status;
	if (!(r = mem_zeroed(1, sizeof(*r))))
		return error_nomem(err, "the document");
	r->f = f;
	if ((status = copy_row(&r->row, doc, err)) || (status = open_document(r, err)) ||
	    (status = open_parts(r, err)) ||
	    (status = sources_heads(&r->head, &r->heads, &r->leads, f->eng, f->model.profile_json, err))) {
		reading_close(r);
		return status;
	}
	r->focus = focus_passages(&f->cfg, f->eng, f->model.profile_json);
	*out = r;
	return 0;
}

void reading_close(reading *r)
{
	if (!r)
		return;
	for (int i = 0; i < r->parts; i++) {
		session_close(r->part[i].s);
		context_free(r->part[i].ctx);
		packed_close(r->part[i].file);
	}
	free(r->part);
	free(r->head);
	tokens_free(&r->history);
	str_free(&r->asked);
	document_free(r->doc);
	document_row_free(&r->row);
	free(r);
}

/* ---- asking ---- */

int answer_part_session(part *p, reading *r, error *err)
{
	const config *c = &r->f->cfg;
	int room = r->f->eng->model->p.context - p->ctx->tokens, status;

	if (room < 1)
		return error_set(err, ERR_UNSUPPORTED, "%s: fills the model's whole window, there is no room for a question", r->row.name);
	if (!p->s && (status = session_open(&p->s, r->f->eng, p->ctx, room, err)))
		return status;
	return session_set_budget(p->s, c->budget, c->calib, err);
}

/* What one section said. */
typedef struct {
	generated g;
	session_stats stats;
	ranked_passage *passage;
	int passages;
} reply;

static void reply_free(reply *y)
{
	generated_free(&y->g);
	free(y->passage);
}

static int ask_part(reply *y, reading *r, int i, const tokens *prompt, answer_text_fn tell, void *ud,
                    const progress *p, error *err)
{
	const config *cfg = &r->f->cfg;
	part *pt = &r->part[i];
	generate_options o = { cfg->style, cfg->answer_tokens, cfg->sampler, 0 };
	double begin = clock_s();
	int status = answer_part_session(pt, r, err);

	if (status)
		return status;
	session_stats_reset(pt->s);
	if (r->leads && (status = focus_lead(pt->s, r->doc, pt->from, pt->to, pt->place, r->head, r->heads, prompt, p, err)))
		return status;
	double led = clock_s() - begin;
	if ((status = session_watch(pt->s, r->head, r->heads, false, err)) ||
	    (status = generate(&y->g, pt->s, r->f->eng, prompt, &o, tell, ud, p, err)))
		return status;
	y->g.first_token_s += led;
	y->stats = session_get_stats(pt->s);
	return sources_rank(&y->passage, &y->passages, r->doc, pt->from, pt->to, i, session_watched(pt->s), pt->place,
	                    pt->ctx->tokens, err);
}

/* After several sections answered: give all of them the chosen answer as history. */
static int share_history(reading *r, const int *before, int chosen, const tokens *prompt, const tokens *said,
                         const progress *p, error *err)
{
	progress quiet = { .stop = p ? p->stop : NULL };
	int status = 0;

	for (int i = 0; i < r->parts && !status; i++) {
		if (i == chosen)
			continue;
		session_rewind(r->part[i].s, before[i]);
		status = session_eval(r->part[i].s, prompt->id, (int)prompt->len, NULL, NULL, &quiet, err);
		if (!status && said->len)
			status = session_eval(r->part[i].s, said->id, (int)said->len, NULL, NULL, &quiet, err);
	}
	return status;
}

int answer_take(answer *out, const reading *r, generated *g, error *err)
{
	*out = (answer){ .sections = r->parts, .budget_asked = r->f->cfg.budget, .answer_tokens = (int)g->id.len,
	                 .tokens_per_s = g->decode_s > 0 ? (double)g->id.len / g->decode_s : 0, .logprob = g->logprob,
	                 .refused = g->refused, .cut = g->cut, .stopped = g->stopped, .text = str_take(&g->text) };
	for (int i = 0; i < r->parts; i++)
		out->reused_tokens += r->part[i].ctx->tokens;
	return out->text ? 0 : error_nomem(err, "the answer");
}

static int fill_answer(answer *out, reading *r, reply *y, int chosen, error *err)
{
	reply *best = &y[chosen];
	int n = best->passages < r->f->cfg.sources ? best->passages : r->f->cfg.sources;

	int status = answer_take(out, r, &best->g, err);
	if (status)
		return status;
	out->section = chosen;
	out->prompt_tokens = best->g.prompt_tokens;
	for (int i = 0; i < r->parts; i++)
		out->budget_read += y[i].stats.budget_read / r->parts;
	/* Passages that got nothing are no sources. */
	while (n > 0 && !(best->passage[n - 1].mass > 0))
		n--;
	return sources_put(out, r->doc, best->passage, n, err);
}

static int keep_turn(const answer *a, reading *r, const char *question, int64_t took_ms, int64_t *conversation, error *err)
{
	const config *c = &r->f->cfg;
	str sources = STR_INIT;
	int status = answer_sources_json(&sources, a, err);
	json_t *set = json_pack("{s:s, s:f, s:f, s:s, s:s, s:f, s:i, s:i, s:i, s:i, s:f, s:f, s:b}", "model", r->f->model.name ? r->f->model.name : "",
	                        "budget_asked", a->budget_asked, "budget_read", a->budget_read, "calibration",
	                        c->calib == CALIBRATION_ERROR ? "error" : "threshold", "style", chat_style_name(c->style),
	                        "temperature", (double)c->sampler.temperature, "section", a->section + 1, "reused_tokens",
	                        a->reused_tokens, "prompt_tokens", a->prompt_tokens, "answer_tokens", a->answer_tokens,
	                        "first_token_ms", a->first_token_ms, "tokens_per_s", a->tokens_per_s, "refused", a->refused);
	char *settings = set ? json_dumps(set, JSON_COMPACT) : NULL;

	if (!status && !settings)
		status = error_nomem(err, "the conversation");
	if (!status && !*conversation)
		status = store_new_conversation(conversation, r->f->lib, r->row.id, question, err);
	if (!status) {
		turn_row t = { .conversation = *conversation, .question = (char *)(uintptr_t)question, .answer = a->text,
		               .sources_json = (char *)(uintptr_t)str_text(&sources), .settings_json = settings,
		               .asked = clock_unix(), .took_ms = took_ms };
		status = store_put_turn(r->f->lib, &t, err);
	}
	free(settings);
	json_decref(set);
	str_free(&sources);
	return status;
}

/* A conversation that no longer fits begins anew rather than failing. */
static bool outgrown(const reading *r, size_t prompt)
{
	for (int i = 0; i < r->parts; i++) {
		const part *p = &r->part[i];
		int used = p->ctx->tokens + (p->s ? session_live_tokens(p->s) : 0);
		if (used + (int)prompt + r->f->cfg.answer_tokens > r->f->eng->model->p.context)
			return true;
	}
	return false;
}

static int prepare_prompt(tokens *prompt, reading *r, const char *question, bool first, error *err)
{
	bool begin = first || r->turns == 0;
	int status = generate_prompt(prompt, r->f->eng, question, r->f->cfg.style, begin, err);

	if (!status && !begin && outgrown(r, prompt->len)) {
		log_line(LOG_INFO, "%s: the conversation outgrew the window, it begins anew", r->row.name);
		tokens_free(prompt);
		begin = true;
		status = generate_prompt(prompt, r->f->eng, question, r->f->cfg.style, true, err);
	}
	if (status)
		return status;
	if (begin) {
		r->turns = 0;
		r->history.len = 0;
		str_clear(&r->asked);
		for (int i = 0; i < r->parts; i++)
			if (r->part[i].s)
				session_rewind(r->part[i].s, 0);
	}
	for (int i = 0; i < r->parts; i++)
		if (r->part[i].ctx->tokens + (int)prompt->len >= r->f->eng->model->p.context)
			return error_set(err, ERR_ARG, "the question has %zu tokens, there is room for %d: ask a shorter one",
			                 prompt->len, r->f->eng->model->p.context - r->part[i].ctx->tokens - 1);
	return 0;
}

/* That one section does not tell says nothing about the others, however sure it is. */
static bool better(const generated *a, const generated *b)
{
	return a->refused == b->refused ? a->logprob > b->logprob : b->refused;
}

static int ask_all(answer *out, reading *r, const tokens *prompt, double start, answer_text_fn tell, void *ud,
                   const progress *p, error *err)
{
	reply *y = mem_zeroed((size_t)r->parts, sizeof(*y));
	int *before = mem_zeroed((size_t)r->parts, sizeof(*before));
	bool several = r->parts > 1;
	double first_s = 0;
	int chosen = 0, status = y && before ? 0 : error_nomem(err, "the answer");

	for (int i = 0; i < r->parts && before; i++)
		before[i] = r->part[i].s ? session_live_tokens(r->part[i].s) : 0;
	for (int i = 0; i < r->parts && !status; i++) {
		progress_event e = { "asking", "sections", i, r->parts, 0 };
		if (several && progress_report(p, &e)) {
			status = error_set(err, ERR_CANCEL, "stopped after asking %d of %d sections", i, r->parts);
			break;
		}
		double begin = clock_s();
		status = ask_part(&y[i], r, i, prompt, several ? NULL : tell, ud, p, err);
		if (i == 0)
			first_s = begin - start + y[i].g.first_token_s;
		if (!status && better(&y[i].g, &y[chosen].g))
			chosen = i;
	}
	if (!status && several)
		first_s = clock_s() - start; /* nothing is known before every section has spoken */
	if (!status && several)
		status = share_history(r, before, chosen, prompt, &y[chosen].g.id, p, err);
	if (!status)
		status = fill_answer(out, r, y, chosen, err);
	if (!status) {
		out->first_token_ms = 1000 * first_s;
		if (several && tell)
			tell(ud, out->text, strlen(out->text));
	}
	/* A question that failed half way leaves no trace in the conversation. */
	for (int i = 0; before && i < r->parts && status; i++)
		if (r->part[i].s)
			session_rewind(r->part[i].s, before[i]);
	for (int i = 0; y && i < r->parts; i++)
		reply_free(&y[i]);
	free(y);
	free(before);
	return status;
}

int reading_ask(answer *out, reading *r, const char *question, bool first, int64_t *conversation,
                answer_text_fn tell, void *ud, const progress *p, error *err)
{
	double start = clock_s();
	tokens prompt = TOKENS_INIT;
	int status;

	*out = (answer){ 0 };
	if (!(status = prepare_prompt(&prompt, r, question, first, err)) &&
	    !(status = r->focus ? answer_focused(out, r, question, &prompt, start, tell, ud, p, err)
	                        : ask_all(out, r, &prompt, start, tell, ud, p, err))) {
		r->turns++;
		store_touch_document(r->f->lib, r->row.id, NULL);
		store_touch_contexts(r->f->lib, r->row.id, r->f->eng->fingerprint, NULL);
		if (conversation)
			status = keep_turn(out, r, question, (int64_t)(1000 * (clock_s() - start)), conversation, err);
	}
	tokens_free(&prompt);
	if (status)
		answer_free(out);
	return status;
}

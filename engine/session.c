#include "engine/session_impl.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void block_free(block *b)
{
	free(b->x);
	free(b->h);
	free(b->q);
	free(b->att);
	free(b->k);
	free(b->v);
	free(b->gate);
	free(b->up);
	free(b->low);
	free(b->position);
	free(b->lse);
	*b = (block){ 0 };
}

/* Room for n tokens; a question needs far less than a document's block. */
static int block_reserve(block *b, const engine *e, int n, error *err)
{
	const model_params *p = &e->model->p;

	if (n <= b->rows)
		return 0;
	block_free(b);

	size_t r = (size_t)n, qd = (size_t)p->heads * (size_t)p->head_dim, kd = (size_t)p->kv_heads * (size_t)p->head_dim;
	b->x = mem_aligned(r * (size_t)p->dim, sizeof(float));
	b->h = mem_aligned(r * (size_t)p->dim, sizeof(float));
	b->q = mem_aligned(r * qd, sizeof(float));
	b->att = mem_aligned(r * qd, sizeof(float));
	b->k = mem_aligned(r * kd, sizeof(float));
	b->v = mem_aligned(r * kd, sizeof(float));
	b->gate = mem_aligned(r * (size_t)p->ff, sizeof(float));
	b->up = mem_aligned(r * (size_t)p->ff, sizeof(float));
	b->low = mem_aligned(r * (size_t)(e->adapter ? e->adapter->widest : 0), sizeof(float));
	b->position = mem_array(r, sizeof(int));
	b->lse = mem_array(r * (size_t)p->heads, sizeof(float));
	if (!b->x || !b->h || !b->q || !b->att || !b->k || !b->v || !b->gate || !b->up || !b->low || !b->position || !b->lse) {
		block_free(b);
		return error_nomem(err, "a block of tokens");
	}
	b->rows = n;
	return 0;
}

int session_open(session **out, engine *e, const context *ctx, int max_live, error *err)
{
	const model_params *p = &e->model->p;
	session *s;
	int status;

	*out = NULL;
	if (max_live < 1)
		return error_set(err, ERR_ARG, "a session needs room for at least one token");
	if (ctx && (ctx->layers != p->layers || ctx->kv_heads != p->kv_heads || ctx->head_dim != p->head_dim))
		return error_set(err, ERR_ARG, "the stored context was made by another model");

	s = mem_zeroed(1, sizeof(*s));
	if (!s)
		return error_nomem(err, "the session");
	s->e = e;
	s->m = e->model;
	s->ctx = ctx;
	s->max_live = max_live;
	size_t chunks = ((size_t)max_live + CHUNK - 1) / CHUNK;
	s->id = mem_array(chunks * CHUNK, sizeof(*s->id));
	s->chunk = mem_zeroed(chunks, sizeof(*s->chunk));
	s->rule = mem_zeroed((size_t)p->layers * (size_t)p->kv_heads, sizeof(*s->rule));
	for (int i = 0; i < CONTEXT_WINDOW; i++)
		s->seen.position[i] = -1;
	if (!ctx) {
		s->seen.q = mem_array((size_t)p->layers * CONTEXT_WINDOW * (size_t)p->heads * (size_t)p->head_dim, sizeof(float));
		s->seen.norm = mem_array((size_t)p->layers * CONTEXT_WINDOW, sizeof(float));
	}
	if (!s->id || !s->chunk || !s->rule || (!ctx && (!s->seen.q || !s->seen.norm))) {
		status = error_nomem(err, "the session");
		goto fail;
	}
	if ((status = attend_open(&s->am, s, err)) || (status = session_set_budget(s, 1.0, CALIBRATION_ERROR, err)))
		goto fail;
	*out = s;
	return 0;
fail:
	session_close(s);
	return status;
}

void session_close(session *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->chunks; i++)
		free(s->chunk[i]);
	free(s->chunk);
	free(s->id);
	free(s->rule);
	free(s->favour);
	free(s->watch.mass);
	free(s->seen.q);
	free(s->seen.norm);
	block_free(&s->b);
	attend_close(s->am);
	free(s);
}

bool session_unled(const session *s)
{
	return !s->ctx || !s->ctx->body || s->budget >= 1 || s->calib == CALIBRATION_THRESHOLD;
}

/* Every head's rule knows its part of s->favour, where there is a choice to lead. */
static void point_rules(session *s)
{
	bool led = s->favour && !session_unled(s);

	for (int h = 0; s->ctx && h < s->ctx->layers * s->ctx->kv_heads; h++)
		s->rule[h].favour = led ? s->favour + (size_t)h * (size_t)s->ctx->k2 : NULL;
}

int session_set_budget(session *s, double budget, calibration c, error *err)
{
	if (!(budget > 0.0 && budget <= 1.0))
		return error_set(err, ERR_ARG, "a KV budget lies above 0 and goes up to 1, for instance 1/8; it cannot be %g", budget);
	s->budget = budget;
	s->calib = c;
	int status = s->ctx ? plan_budget(s->rule, s->ctx, budget, c, err) : 0;
	if (!status)
		point_rules(s);
	return status;
}

int session_favour(session *s, const uint8_t *want, error *err)
{
	const context *c = s->ctx;
	size_t heads = c && c->body ? (size_t)(c->layers * c->kv_heads) : 0;

	free(s->favour);
	s->favour = NULL;
	if (want && heads && !(s->favour = mem_array(heads * (size_t)c->k2, sizeof(*s->favour))))
		return error_nomem(err, "the passages to look at");
	for (size_t h = 0; h < heads && want; h++)
		for (int i = 0; i < c->k2; i++) {
			uint32_t from = c->head[h].range2[i], to = c->head[h].range2[i + 1];
			int wanted = 0;
			for (uint32_t slot = from; slot < to; slot++)
				wanted += want[c->head[h].position[slot]] != 0;
			s->favour[h * (size_t)c->k2 + (size_t)i] = 1 + SESSION_FAVOUR * (float)wanted / (float)(to - from);
		}
	point_rules(s);
	return 0;
}

int session_use_f32(session *s, error *err)
{
	if (s->ctx || s->chunks)
		return error_set(err, ERR_ARG, "f32 keys are for a new session without a stored context");
	s->wide = true;
	return 0;
}

int session_context_tokens(const session *s)
{
	return s->ctx ? s->ctx->tokens : 0;
}

int session_live_tokens(const session *s)
{
	return s->live;
}

void session_rewind(session *s, int n)
{
	if (n >= 0 && n < s->live)
		s->live = n;
	for (int i = 0; i < CONTEXT_WINDOW; i++)
		if (s->seen.position[i] >= n)
			s->seen.position[i] = -1;
}

void session_trial(session *s, bool on)
{
	s->trial = on;
}

/* Memory for live tokens up to n. */
static int reserve_live(session *s, int n, error *err)
{
	const model_params *p = &s->m->p;
	size_t floats = (size_t)p->layers * 2 * (size_t)p->kv_heads * CHUNK * (size_t)p->head_dim;

	if (n > s->max_live)
		return error_set(err, ERR_ARG, "%d tokens do not fit: there is room for %d after the %d of the stored context",
		                 n, s->max_live, session_context_tokens(s));
	while (s->chunks * CHUNK < n) {
		f16 *c = mem_aligned(floats, s->wide ? sizeof(float) : sizeof(f16));
		if (!c)
			return error_nomem(err, "the keys and values of the text");
		s->chunk[s->chunks++] = c;
	}
	return 0;
}

static int check_ids(const session *s, const int *id, int n, error *err)
{
	for (int i = 0; i < n; i++)
		if (id[i] < 0 || id[i] >= s->m->p.vocab)
			return error_set(err, ERR_ARG, "token %d is outside the model's vocabulary of %d", id[i], s->m->p.vocab);
	return 0;
}

int session_eval(session *s, const int *id, int n, float *logits, float *all_logits,
                 const progress *p, error *err)
{
	int status = check_ids(s, id, n, err);
	int start = s->live;

	s->stop = p ? p->stop : NULL;
	if (!status)
		status = reserve_live(s, s->live + n, err);
	for (int done = 0; done < n && !status;) {
		progress_event at = { "reading", "tokens", start + done, start + n, start };
		if (progress_report(p, &at))
			return error_set(err, ERR_CANCEL, "stopped");

		int m = CHUNK - s->live % CHUNK; /* up to the end of the chunk */
		if (m > n - done)
			m = n - done;
		if ((status = block_reserve(&s->b, s->e, m, err)))
			break;
		bool last = done + m == n;
		float *all = all_logits ? all_logits + (size_t)done * (size_t)s->m->p.vocab : NULL;
		status = forward_block(s, id + done, m, last ? logits : NULL, all, err);
		done += m;
	}
	if (!status && p) {
		progress_event end = { "reading", "tokens", start + n, start + n, start };
		progress_report(p, &end);
	}
	return status;
}

void session_stats_reset(session *s)
{
	s->read_sum = 0;
	s->kept_keys = s->centroids = s->steps = 0;
}

session_stats session_get_stats(const session *s)
{
	session_stats r = {
		.budget_read = s->steps ? s->read_sum / (double)s->steps : 1.0,
		.kept_keys = s->kept_keys,
		.centroids = s->centroids,
		.steps = s->steps,
		.always = s->ctx ? s->ctx->sinks + s->ctx->window : 0,
	};
	return r;
}

int session_watch(session *s, const head_ref *heads, int n, bool apart, error *err)
{
	const model_params *p = &s->m->p;

	s->watch.head = NULL;
	s->watch.heads = 0;
	if (!heads || !s->ctx)
		return 0;
	for (int i = 0; i < n; i++)
		if (heads[i].layer < 0 || heads[i].layer >= p->layers || heads[i].head < 0 || heads[i].head >= p->heads)
			return error_set(err, ERR_ARG, "the model has no head %d in layer %d", heads[i].head, heads[i].layer);
	free(s->watch.mass);
	s->watch.mass = mem_zeroed((apart ? (size_t)n : 1) * (size_t)s->ctx->tokens, sizeof(float));
	if (!s->watch.mass)
		return error_nomem(err, "the watched attention");
	s->watch.head = heads;
	s->watch.heads = n;
	s->watch.apart = apart;
	return 0;
}

const float *session_watched(const session *s)
{
	return s->watch.mass;
}

size_t session_kv_bytes(const session *s, int n)
{
	const model_params *p = &s->m->p;

	return (size_t)p->layers * 2 * (size_t)p->kv_heads * (size_t)n * (size_t)p->head_dim * sizeof(f16);
}

/* Copy rows between the chunks and buf [layers, 2, kv_heads, n, head_dim]. */
static void copy_kv(const session *s, int from, int n, f16 *buf, bool into_session)
{
	const model_params *p = &s->m->p;
	size_t hd = (size_t)p->head_dim;

	for (int layer = 0; layer < p->layers; layer++)
		for (int part = 0; part < 2 * p->kv_heads; part++)
			for (int t = 0; t < n;) {
				int at = (from + t) % CHUNK, m = CHUNK - at < n - t ? CHUNK - at : n - t;
				f16 *rows = chunk_rows(s, (from + t) / CHUNK, layer, part / p->kv_heads, part % p->kv_heads) + (size_t)at * hd;
				if (into_session)
					memcpy(rows, buf, (size_t)m * hd * sizeof(f16));
				else
					memcpy(buf, rows, (size_t)m * hd * sizeof(f16));
				buf += (size_t)m * hd;
				t += m;
			}
}

void session_kv_get(const session *s, int from, int n, void *buf)
{
	assert(!s->wide);
	copy_kv(s, from, n, buf, false);
}

int session_kv_put(session *s, const int *id, int n, const void *buf, error *err)
{
	int status = s->wide ? error_set(err, ERR_ARG, "a session with f32 keys takes no stored ones") : check_ids(s, id, n, err);

	if (!status)
		status = reserve_live(s, s->live + n, err);
	if (status)
		return status;
	copy_kv(s, s->live, n, (f16 *)(uintptr_t)buf, true);
	memcpy(s->id + s->live, id, (size_t)n * sizeof(*id));
	s->live += n;
	return 0;
}

#include "engine/session_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

/* Queries used for calibration: enough for a stable mean, few enough to be quick. */
enum { QUERIES = 20 };

static int capture_open(capture *c, const session *s, int asked, error *err)
{
	const model_params *p = &s->m->p;
	int window = asked ? asked : s->live;

	if (window > CONTEXT_WINDOW) /* more is not kept: see seen_queries */
		window = CONTEXT_WINDOW;
	c->n = window < QUERIES ? window : QUERIES;
	c->step = window / c->n;
	c->from = s->live - 1 - (c->n - 1) * c->step; /* evenly, the last token's query among them */
	c->q = mem_array((size_t)p->layers * (size_t)c->n * (size_t)p->heads * (size_t)p->head_dim, sizeof(float));
	c->norm = mem_array((size_t)p->layers * (size_t)c->n, sizeof(float));
	return c->q && c->norm ? 0 : error_nomem(err, "calibration");
}

static bool holds(const session *s, const capture *c)
{
	for (int i = 0; i < c->n; i++)
		if (s->seen.position[(c->from + i * c->step) % CONTEXT_WINDOW] != c->from + i * c->step)
			return false;
	return true;
}

/* Evaluate the last tokens again, only to see their queries: their keys were restored.
 * Stopped or failed, the session holds what it held: the same keys, but for rounding. */
static int see_again(session *s, const capture *c, const progress *p, error *err)
{
	int end = s->live, from = c->from, status;
	int *id = mem_array((size_t)(end - from), sizeof(*id));
	progress quiet = { .stop = p ? p->stop : NULL };

	if (!id)
		return error_nomem(err, "calibration");
	memcpy(id, s->id + from, (size_t)(end - from) * sizeof(*id));
	session_rewind(s, from);
	status = session_eval(s, id, end - from, NULL, NULL, &quiet, err);
	s->live = end;
	free(id);
	return status;
}

static int take_queries(capture *c, session *s, const progress *p, error *err)
{
	const model_params *mp = &s->m->p;
	size_t qd = (size_t)mp->heads * (size_t)mp->head_dim;
	int status = holds(s, c) ? 0 : see_again(s, c, p, err);

	for (int l = 0; l < mp->layers && !status; l++)
		for (int i = 0; i < c->n; i++) {
			size_t to = (size_t)l * (size_t)c->n + (size_t)i;
			size_t from = (size_t)l * CONTEXT_WINDOW + (size_t)((c->from + i * c->step) % CONTEXT_WINDOW);
			memcpy(c->q + to * qd, s->seen.q + from * qd, qd * sizeof(float));
			c->norm[to] = s->seen.norm[from];
		}
	return status;
}

int session_squeeze(context **out, session *s, int asked, uint64_t seed, const progress *p, error *err)
{
	capture cap = { 0 };
	context *c = NULL;
	int status, end = s->live - asked;

	*out = NULL;
	if (s->wide)
		return error_set(err, ERR_ARG, "a session with f32 keys cannot be squeezed");
	if (s->ctx)
		return error_set(err, ERR_ARG, "this text already builds on a stored context and cannot be squeezed again");
	if (asked < 0 || end < 1)
		return error_set(err, ERR_ARG, "there is no text to squeeze");
	double begin = clock_s(), seen = begin, clustered = begin;
	if (!(status = capture_open(&cap, s, asked, err)))
		status = take_queries(&cap, s, p, err);
	session_rewind(s, end);
	if (!status) {
		seen = clock_s();
		status = cluster_context(&c, s, seed, p, err);
		clustered = clock_s();
	}
	if (!status)
		status = calibrate_context(c, s, &cap, p, err);
	if (!status)
		log_line(LOG_INFO, "squeezed %d tokens: queries %.2f s, clustering %.2f s, calibration %.2f s", s->live, seen - begin,
		         clustered - seen, clock_s() - clustered);
	free(cap.q);
	free(cap.norm);
	if (status) {
		context_free(c);
		return status;
	}
	*out = c;
	return 0;
}

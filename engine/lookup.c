#include "engine/lookup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/matmul.h"
#include "kernels/shares.h"

/* How many times the share the kept level-1 clusters hold, so that the level-2 step
 * has something to choose from. Measured on three dev articles, KL at 1/16 with 5 %
 * level-2 clusters: 2 gives 0.47, 3 0.50, 6 0.30, 10 0.30, all of them 0.27. */
static const float SPREAD = 10.0f;

/* Level-1 clusters are coarser, so their mean hides good members: keep them down
 * to this part of T. */
static const float COARSE = 0.25f;

/* Where one lookup keeps its intermediate values; laid over the caller's scratch. */
typedef struct {
	float *score;   /* [rows, k2] */
	float *size;    /* [k2] keys of the clusters being scored */
	float *s;       /* [k2] */
	ranked *order1; /* [k1] */
	ranked *order2; /* [k2] */
	ranked *other;  /* [k2] for sorting */
} workspace;

size_t lookup_scratch_floats(const context *c, int rows)
{
	size_t k1 = (size_t)c->k1, k2 = (size_t)c->k2;

	return (size_t)rows * k2 + 2 * k2 + 2 * k1 + 4 * k2 + 16;
}

static workspace lay_out(float *scratch, const context *c, int rows)
{
	workspace w;

	w.score = scratch;
	w.size = w.score + (size_t)rows * (size_t)c->k2;
	w.s = w.size + c->k2;
	w.order1 = (ranked *)(w.s + c->k2);
	w.order2 = w.order1 + c->k1;
	w.other = w.order2 + c->k2;
	return w;
}

static int not_finite(error *err)
{
	return error_set(err, ERR_NUMERIC, "a query or a stored centroid is not a finite number: run `folio verify`");
}

static float size_level2(const context_head *h, int i)
{
	return (float)(h->range2[i + 1] - h->range2[i]);
}

static float size_level1(const context_head *h, int i)
{
	return (float)(h->range2[h->range1[i + 1]] - h->range2[h->range1[i]]);
}

int lookup_scores(float *s, const context *c, const context_head *h, const float *q, int rows, float scale,
                  float *scratch, error *err)
{
	workspace ws = lay_out(scratch, c, rows);
	weights w = { h->cent2, DT_F16, c->k2, c->head_dim };

	for (int i = 0; i < c->k2; i++)
		ws.size[i] = size_level2(h, i);
	int status = cpu_matmul(ws.score, c->k2, q, c->head_dim, rows, &w, NULL, NULL, err);
	return status ? status : cpu_shares(s, ws.score, ws.size, c->k2, rows, scale) ? 0 : not_finite(err);
}

/* Rank the level-1 clusters and keep the best; *kept of order1 stay. */
static int choose_level1(int *kept, workspace *ws, const context *c, const context_head *h, const float *q,
                         int rows, float scale, const lookup_rule *rule, error *err)
{
	weights w = { h->cent1, DT_F16, c->k1, c->head_dim };
	int status = cpu_matmul(ws->score, c->k1, q, c->head_dim, rows, &w, NULL, NULL, err);

	for (int i = 0; i < c->k1; i++)
		ws->size[i] = size_level1(h, i);
	if (!status && !cpu_shares(ws->s, ws->score, ws->size, c->k1, rows, scale))
		status = not_finite(err);
	if (status)
		return status;
	for (int i = 0; i < c->k1; i++)
		ws->order1[i] = (ranked){ ws->s[i], i };
	ranked_sort(ws->order1, (size_t)c->k1, ws->other);

	double want = (double)rule->share * SPREAD * c->body, have = 0;
	int n = 0;
	while (n < c->k1) {
		if (rule->by_threshold ? !(ws->order1[n].s > rule->threshold * COARSE) : have >= want)
			break;
		have += size_level1(h, ws->order1[n++].i);
	}
	*kept = n ? n : 1;
	return 0;
}

/* Score and rank the level-2 clusters inside the kept level-1 ones: *n of order2. */
static int rank_level2(int *n, workspace *ws, int kept, const context *c, const context_head *h, const float *q,
                       int rows, float scale, const float *favour, error *err)
{
	int total = 0, at = 0;

	for (int o = 0; o < kept; o++)
		for (int i = (int)h->range1[ws->order1[o].i]; i < (int)h->range1[ws->order1[o].i + 1]; i++) {
			ws->order2[total] = (ranked){ 0.0f, i };
			ws->size[total++] = size_level2(h, i);
		}
	/* One product a level-1 cluster: its members' centroids lie next to each other. */
	for (int o = 0; o < kept; o++) {
		uint32_t first = h->range1[ws->order1[o].i];
		int k = (int)(h->range1[ws->order1[o].i + 1] - first);
		weights w = { h->cent2 + (size_t)first * (size_t)c->head_dim, DT_F16, k, c->head_dim };
		int status = cpu_matmul(ws->score + at, total, q, c->head_dim, rows, &w, NULL, NULL, err);
		if (status)
			return status;
		at += k;
	}
	if (!cpu_shares(ws->s, ws->score, ws->size, total, rows, scale))
		return not_finite(err);
	for (int i = 0; i < total; i++)
		ws->order2[i].s = favour ? ws->s[i] * favour[ws->order2[i].i] : ws->s[i];
	ranked_sort(ws->order2, (size_t)total, ws->other);
	*n = total;
	return 0;
}

/* The chosen clusters' slots, ascending, neighbours joined. mark: [k2]. */
static void join_ranges(key_range *out, lookup_result *r, const int *chosen, int n, uint8_t *mark, const context *c, const context_head *h)
{
	memset(mark, 0, (size_t)c->k2);
	for (int i = 0; i < n; i++)
		mark[chosen[i]] = 1;
	r->ranges = 0;
	for (int i = 0; i < c->k2; i++) {
		if (!mark[i])
			continue;
		int from = (int)h->range2[i], to = (int)h->range2[i + 1];
		if (r->ranges && out[r->ranges - 1].from + out[r->ranges - 1].n == from)
			out[r->ranges - 1].n += to - from;
		else
			out[r->ranges++] = (key_range){ from, to - from };
	}
}

static void take_all(key_range *out, lookup_result *r, int *cluster, int *clusters, const context *c)
{
	out[0] = (key_range){ 0, c->body };
	*r = (lookup_result){ 1, c->body, 0 };
	for (int i = 0; cluster && i < c->k2; i++)
		cluster[(*clusters)++] = i;
}

int lookup_select(key_range *out, lookup_result *r, int *cluster, int *clusters, const context *c,
                  const context_head *h, const float *q, int rows, float scale, const lookup_rule *rule,
                  float *scratch, error *err)
{
	*r = (lookup_result){ 0 };
	if (clusters)
		*clusters = 0;
	if (c->body == 0 || (!rule->by_threshold && rule->share <= 0.0f))
		return 0;
	if (!rule->by_threshold && rule->share >= 1.0f) {
		take_all(out, r, cluster, clusters, c);
		return 0;
	}
	if (rule->by_threshold && !isfinite(rule->threshold))
		return error_set(err, ERR_NUMERIC, "the stored threshold is not a finite number: run `folio verify`");

	workspace ws = lay_out(scratch, c, rows);
	int kept = 0, n = 0, status;
	if ((status = choose_level1(&kept, &ws, c, h, q, rows, scale, rule, err)) ||
	    (status = rank_level2(&n, &ws, kept, c, h, q, rows, scale, rule->favour, err)))
		return status;
	r->centroids = c->k1 + n;

	double want = (double)rule->share * c->body;
	int *chosen = (int *)ws.score, count = 0; /* the scores are used up */
	for (int i = 0; i < n; i++) {
		int size = (int)size_level2(h, ws.order2[i].i);
		/* Half of the last cluster over or under, so that the share is met on average. */
		bool take = rule->by_threshold ? ws.order2[i].s > rule->threshold : r->keys + 0.5 * size <= want;
		/* Nothing selected falls back to the best cluster, never to nothing. */
		if (!take && i > 0)
			break;
		chosen[count++] = ws.order2[i].i;
		r->keys += size;
	}
	for (int i = 0; cluster && i < count; i++)
		cluster[(*clusters)++] = chosen[i];
	join_ranges(out, r, chosen, count, (uint8_t *)ws.size, c, h);
	return 0;
}

#include "kernels/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kernels/kmeans_impl.h"
#include "kernels/matmul.h"

enum { SAMPLE_SHARE = 4, CHUNK = 240 }; /* rows scored at a time: their scores stay in the second cache */

typedef struct {
	const float *x, *weight;
	int n, dim, k;
	int *assign;
	float *fit;    /* [n] inner product with the row's centre */
	float *centre; /* [k, dim] */
	int *size;     /* [k] rows */
	float *score;  /* [CHUNK, k] */
	uint16_t *tile; /* the centres, split, with AMX; else NULL */
	int *index;    /* [max(n, k)] */
} state;

static const float *row(const state *s, int i)
{
	return s->x + (size_t)i * (size_t)s->dim;
}

static float *centre(const state *s, int c)
{
	return s->centre + (size_t)c * (size_t)s->dim;
}

/* The first k of a random permutation of the rows, of which the first `drawn` are made. */
static void seed_centres(state *s, int drawn, uint64_t seed)
{
	rng r = { seed };

	for (int i = 0; i < s->n; i++)
		s->index[i] = i;
	for (int i = 0; i < drawn; i++) {
		int j = i + (int)rng_below(&r, (uint32_t)(s->n - i)), t = s->index[i];
		s->index[i] = s->index[j];
		s->index[j] = t;
		if (i < s->k)
			memcpy(centre(s, i), row(s, s->index[i]), (size_t)s->dim * sizeof(float));
	}
}

/* The nearest centres of m rows from i on. */
static int nearest(int *index, state *s, int i, int m, bool exact, error *err)
{
	weights w = { s->centre, DT_F32, s->k, s->dim };

#ifdef FOLIO_AMX
	if (s->tile) {
		matmul_split c = { s->tile, 0, matmul_split_blocks(s->dim) };
		amx_nearest(index, s->fit + i, row(s, i), m, s->dim, &c, s->k, exact);
		return 0;
	}
#endif
	(void)exact;
	int status = cpu_matmul(s->score, s->k, row(s, i), s->dim, m, &w, NULL, NULL, err);
	if (!status)
		ISA_PICK(argmax_rows)(index, s->fit + i, s->score, m, s->k);
	return status;
}

static void split_centres(state *s)
{
#ifdef FOLIO_AMX
	matmul_split c = { s->tile, 0, matmul_split_blocks(s->dim) };
	if (s->tile)
		amx_split_rows(&c, s->centre, s->dim, s->k, s->dim, 0, (s->k + MATMUL_PANEL - 1) / MATMUL_PANEL * MATMUL_PANEL);
#else
	(void)s;
#endif
}

/* Assign every row to its nearest centre; returns how many moved, or an error. */
static int assign_rows(state *s, int *moved, bool exact, error *err)
{
	int index[CHUNK];

	*moved = 0;
	split_centres(s);
	memset(s->size, 0, (size_t)s->k * sizeof(*s->size));
	for (int i = 0; i < s->n; i += CHUNK) {
		int m = s->n - i < CHUNK ? s->n - i : CHUNK;
		int status = nearest(index, s, i, m, exact, err);
		if (status)
			return status;
		for (int r = 0; r < m; r++) {
			*moved += s->assign[i + r] != index[r];
			s->assign[i + r] = index[r];
			s->size[index[r]]++;
		}
	}
	return 0;
}

/* The largest cluster (the lowest of equals) gives its worst-fitting row. */
static void fill_empty(state *s)
{
	for (int c = 0; c < s->k; c++) {
		if (s->size[c])
			continue;
		int most = 0, worst = -1;
		for (int j = 1; j < s->k; j++)
			most = s->size[j] > s->size[most] ? j : most;
		for (int i = 0; i < s->n; i++)
			if (s->assign[i] == most && (worst < 0 || s->fit[i] < s->fit[worst]))
				worst = i;
		s->assign[worst] = c;
		s->fit[worst] = 1.0f;
		s->size[most]--;
		s->size[c] = 1;
	}
}

static void update_centres(state *s)
{
	memset(s->centre, 0, (size_t)s->k * (size_t)s->dim * sizeof(float));
	for (int i = 0; i < s->n; i++) {
		float *c = centre(s, s->assign[i]), w = s->weight ? s->weight[i] : 1.0f;
		const float *x = row(s, i);
		for (int d = 0; d < s->dim; d++)
			c[d] += w * x[d];
	}
	for (int k = 0; k < s->k; k++) {
		float *c = centre(s, k);
		double squares = 0;
		for (int d = 0; d < s->dim; d++)
			squares += (double)c[d] * c[d];
		float f = squares > 0 ? (float)(1.0 / sqrt(squares)) : 0.0f;
		for (int d = 0; d < s->dim; d++)
			c[d] *= f;
	}
}

/* Move a row to the nearest cluster that has room. */
static int move_row(state *s, int i, int most_rows, error *err)
{
	weights w = { s->centre, DT_F32, s->k, s->dim };
	int best = -1, status = cpu_matmul(s->score, s->k, row(s, i), s->dim, 1, &w, NULL, NULL, err);

	if (status)
		return status;
	for (int c = 0; c < s->k; c++)
		if (s->size[c] < most_rows && (best < 0 || s->score[c] > s->score[best]))
			best = c;
	s->size[s->assign[i]]--;
	s->assign[i] = best;
	s->size[best]++;
	return 0;
}

typedef struct {
	float fit;
	int row;
} member;

static int by_rising_fit(const void *a, const void *b)
{
	const member *x = a, *y = b;

	if (x->fit != y->fit)
		return x->fit < y->fit ? -1 : 1;
	return x->row - y->row;
}

static int cap_sizes(state *s, int most_rows, error *err)
{
	member *m = NULL;
	int status = 0;

	for (int c = 0; c < s->k && !status; c++) {
		int n = 0, over = s->size[c] - most_rows;
		if (over <= 0)
			continue;
		if (!m && !(m = mem_array((size_t)s->n, sizeof(*m))))
			return error_nomem(err, "clustering");
		for (int i = 0; i < s->n; i++)
			if (s->assign[i] == c)
				m[n++] = (member){ s->fit[i], i };
		qsort(m, (size_t)n, sizeof(*m), by_rising_fit);
		for (int i = 0; i < over && !status; i++)
			status = move_row(s, m[i].row, most_rows, err);
	}
	free(m);
	return status;
}

static int rounds(state *s, int n, bool sampled, const cancel *stop, error *err)
{
	int moved, status;

	for (int i = 0; i < s->n; i++)
		s->assign[i] = -1;
	for (int r = 0; r < n; r++) {
		if (cancel_raised(stop))
			return error_set(err, ERR_CANCEL, "stopped");
		if ((status = assign_rows(s, &moved, !sampled && r == n - 1, err)))
			return status;
		fill_empty(s);
		if (r == n - 1 || moved <= s->n / 1000)
			break;
		update_centres(s);
	}
	return 0;
}

/* The centres find their places with a part of the rows: those that seeded them and
 * the next ones of the same random order. */
static int rounds_sampled(state *s, int n, const cancel *stop, error *err)
{
	state part = *s;
	float *x, *weight;
	int status;

	part.n = s->n / SAMPLE_SHARE;
	part.x = x = mem_aligned((size_t)part.n * (size_t)s->dim, sizeof(*x));
	weight = mem_array((size_t)part.n, sizeof(*weight));
	part.weight = s->weight ? weight : NULL;
	if (!x || !weight) {
		status = error_nomem(err, "clustering");
	} else {
		for (int i = 0; i < part.n; i++) {
			memcpy(x + (size_t)i * (size_t)s->dim, row(s, s->index[i]), (size_t)s->dim * sizeof(*x));
			weight[i] = s->weight ? s->weight[s->index[i]] : 1.0f;
		}
		if (!(status = rounds(&part, n, true, stop, err)))
			update_centres(&part);
	}
	free(x);
	free(weight);
	return status;
}

static int run(state *s, const kmeans_options *o, const cancel *stop, error *err)
{
	/* Fewer than two rows a centre would tell nothing about it. */
	bool sample = o->sampled && s->n / SAMPLE_SHARE >= 2 * s->k;
	int status = 0;

	seed_centres(s, sample ? s->n / SAMPLE_SHARE : s->k, o->seed);
	if (sample)
		status = rounds_sampled(s, o->sampled, stop, err);
	if (!status)
		status = rounds(s, o->rounds, false, stop, err);
	if (!status && o->most_rows)
		status = cap_sizes(s, o->most_rows, err);
	return status;
}

int cpu_kmeans(int *assign, const float *x, const float *weight, int n, int dim,
               const kmeans_options *o, const cancel *stop, error *err)
{
	state s = { .x = x, .weight = weight, .n = n, .dim = dim, .k = o->k, .assign = assign };
	int status;

	if (o->k < 1 || o->k > n || o->rounds < 1 || (o->most_rows && (int64_t)o->most_rows * o->k < n))
		return error_set(err, ERR_ARG, "%d rows cannot be put into %d clusters of at most %d", n, o->k, o->most_rows);
	for (size_t i = 0; i < (size_t)n * (size_t)dim; i++)
		if (!isfinite(x[i]))
			return error_set(err, ERR_NUMERIC, "clustering met a key that is not a finite number: the model's file may be damaged");

	s.fit = mem_array((size_t)n, sizeof(float));
	s.centre = mem_aligned((size_t)o->k * (size_t)dim, sizeof(float));
	s.size = mem_array((size_t)o->k, sizeof(int));
	s.score = mem_aligned((size_t)CHUNK * (size_t)o->k, sizeof(float));
	s.index = mem_array((size_t)n, sizeof(int));
	bool tiled = cpu_isa_used() == CPU_AMX && dim <= 256;
	s.tile = tiled ? mem_aligned(matmul_split_bytes(o->k, matmul_split_blocks(dim)), 1) : NULL;
	if ((tiled && !s.tile) || !s.fit || !s.centre || !s.size || !s.score || !s.index)
		status = error_nomem(err, "clustering");
	else
		status = run(&s, o, stop, err);
	free(s.fit);
	free(s.centre);
	free(s.size);
	free(s.score);
	free(s.index);
	free(s.tile);
	return status;
}

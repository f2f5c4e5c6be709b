#include "kernels/attention_impl.h"

#include <math.h>

#include "kernels/simd.h"

enum { TILE = ATTENTION_TILE, ROWS = 6 };
#if VLEN == 16
enum { CV = 4 }; /* vectors a strip of 6 rows keeps in registers beside its operands */
#else
enum { CV = 2 };
#endif

/* Elements d .. d + VLEN of a key or value row, and one of them. */
static inline vf load(const void *row, int d, bool wide)
{
	return wide ? vf_load((const float *)row + d) : vf_load_f16((const f16 *)row + d);
}

static inline float load_one(const void *row, int d, bool wide)
{
	return wide ? ((const float *)row)[d] : f16_to_f32(((const f16 *)row)[d]);
}

/* ---- many rows: the tile is unpacked once for all of them ---- */

/* kt: [dim, TILE], vals: [TILE, dim]; keys beyond n are zero. */
static void unpack(float *kt, float *vals, const attention_tile *t, int dim)
{
	for (int j = 0; j < TILE; j++) {
		float row[256 + VLEN];
		int d = 0;
		if (j >= t->n) {
			for (d = 0; d < dim; d++)
				kt[d * TILE + j] = vals[j * dim + d] = 0.0f;
			continue;
		}
		for (; d + VLEN <= dim; d += VLEN) {
			vf_store(row + d, load(t->k[j], d, t->wide));
			vf_store(vals + j * dim + d, load(t->v[j], d, t->wide));
		}
		for (; d < dim; d++) {
			row[d] = load_one(t->k[j], d, t->wide);
			vals[j * dim + d] = load_one(t->v[j], d, t->wide);
		}
		for (d = 0; d < dim; d++)
			kt[d * TILE + j] = row[d];
	}
}

/* out[r][j] = q_r . k_j for a strip of rows and CV vectors of keys from column c on. */
static inline __attribute__((always_inline)) void score_strip(float *out, const float *q, const float *kt, int dim,
                                                              int c, const int rows)
{
	vf s[ROWS][CV];

	for (int r = 0; r < rows; r++)
		for (int v = 0; v < CV; v++)
			s[r][v] = vf_set(0);
	for (int d = 0; d < dim; d++) {
		vf k[CV];
		for (int v = 0; v < CV; v++)
			k[v] = vf_load(kt + d * TILE + c + v * VLEN);
		for (int r = 0; r < rows; r++) {
			vf b = vf_set(q[r * dim + d]);
			for (int v = 0; v < CV; v++)
				s[r][v] += b * k[v];
		}
	}
	for (int r = 0; r < rows; r++)
		for (int v = 0; v < CV; v++)
			vf_store(out + r * TILE + c + v * VLEN, s[r][v]);
}

static void shrink(float *acc, int dim, float f)
{
	for (int d = 0; d < dim; d++)
		acc[d] *= f;
}

/* Scores of one row -> exponentials; keeps the state's maximum and sum. */
static void exponentials(float *p, attention_state *s, int r, int seen, float scale)
{
	vf most = vf_set(-INFINITY), sum = vf_set(0);

	for (int j = seen; j < TILE; j++)
		p[j] = -INFINITY;
	for (int j = 0; j < TILE; j += VLEN) {
		vf x = vf_load(p + j) * vf_set(scale);
		vf_store(p + j, x);
		most = vf_max(x, most);
	}
	float m = vf_most(most);
	if (m > s->most[r]) {
		float f = s->most[r] == -INFINITY ? 0.0f : expf(s->most[r] - m);
		s->sum[r] *= f;
		shrink(s->acc + (size_t)r * (size_t)s->dim, s->dim, f);
		s->most[r] = m;
	}
	for (int j = 0; j < TILE; j += VLEN) {
		vf e = vf_exp(vf_load(p + j) - vf_set(s->most[r]));
		vf_store(p + j, e);
		sum += e;
	}
	s->sum[r] += vf_sum(sum);
}

/* acc[r][d ..] += sum_j p[r][j] vals[j][d ..] for nv vectors. */
static inline __attribute__((always_inline)) void value_strip(float *acc, const float *p, const float *vals, int dim,
                                                              int d, int n, const int rows, const int nv)
{
	vf s[ROWS][CV];

	for (int r = 0; r < rows; r++)
		for (int v = 0; v < nv; v++)
			s[r][v] = vf_load(acc + r * dim + d + v * VLEN);
	for (int j = 0; j < n; j++) {
		vf x[CV];
		for (int v = 0; v < nv; v++)
			x[v] = vf_load(vals + j * dim + d + v * VLEN);
		for (int r = 0; r < rows; r++) {
			vf b = vf_set(p[r * TILE + j]);
			for (int v = 0; v < nv; v++)
				s[r][v] += b * x[v];
		}
	}
	for (int r = 0; r < rows; r++)
		for (int v = 0; v < nv; v++)
			vf_store(acc + r * dim + d + v * VLEN, s[r][v]);
}

static inline __attribute__((always_inline)) void strip(attention_state *s, const float *q, const attention_tile *t,
                                                        float scale, const float *kt, const float *vals, float *p,
                                                        int r, const int rows)
{
	int dim = s->dim, d = 0;
	float *acc = s->acc + (size_t)r * (size_t)dim;

	for (int c = 0; c < TILE; c += CV * VLEN)
		score_strip(p, q + (size_t)r * (size_t)dim, kt, dim, c, rows);
	int any = 0;
	for (int i = 0; i < rows; i++) {
		int seen = attention_seen(t, r + i, s->group);
		any |= seen;
		if (seen)
			exponentials(p + i * TILE, s, r + i, seen, scale);
		else
			for (int j = 0; j < TILE; j++)
				p[i * TILE + j] = 0.0f;
	}
	if (!any)
		return;
	for (; d + CV * VLEN <= dim; d += CV * VLEN)
		value_strip(acc, p, vals, dim, d, t->n, rows, CV);
	for (; d + VLEN <= dim; d += VLEN)
		value_strip(acc, p, vals, dim, d, t->n, rows, 1);
	for (; d < dim; d++)
		for (int i = 0; i < rows; i++)
			for (int j = 0; j < t->n; j++)
				acc[i * dim + d] += p[i * TILE + j] * vals[j * dim + d];
}

void ISA_NAME(attention_many)(attention_state *s, const float *q, const attention_tile *t, float scale, float *scratch)
{
	float *kt = scratch, *vals = kt + TILE * (size_t)s->dim, *p = vals + TILE * (size_t)s->dim;
	int r = 0;

	/* Rows before this one see nothing of a causal tile. */
	if (t->causal && t->visible < 0)
		r = -(t->visible + 1) * s->group;
	if (r >= s->rows)
		return;
	unpack(kt, vals, t, s->dim);
	for (; r + ROWS <= s->rows; r += ROWS)
		strip(s, q, t, scale, kt, vals, p, r, ROWS);
	for (; r < s->rows; r++)
		strip(s, q, t, scale, kt, vals, p, r, 1);
}

/* ---- few rows: keys are converted as they are used, several rows share a load ---- */

static inline __attribute__((always_inline)) void score_keys(float p[][TILE], const float *q, const attention_tile *t,
                                                             int dim, const int rows, const bool wide)
{
	for (int j = 0; j < t->n; j++) {
		vf s[ATTENTION_FEW];
		int d = 0;
		for (int r = 0; r < rows; r++)
			s[r] = vf_set(0);
		for (; d + VLEN <= dim; d += VLEN) {
			vf k = load(t->k[j], d, wide);
			for (int r = 0; r < rows; r++)
				s[r] += k * vf_load(q + r * dim + d);
		}
		for (int r = 0; r < rows; r++) {
			float sum = vf_sum(s[r]);
			for (int e = d; e < dim; e++)
				sum += q[r * dim + e] * load_one(t->k[j], e, wide);
			p[r][j] = sum; /* exponentials() scales */
		}
	}
}

static inline __attribute__((always_inline)) void add_values(float *acc, float p[][TILE], const attention_tile *t,
                                                             int dim, const int rows, const bool wide)
{
	int d = 0;

	for (; d + VLEN <= dim; d += VLEN) {
		vf s[ATTENTION_FEW];
		for (int r = 0; r < rows; r++)
			s[r] = vf_load(acc + r * dim + d);
		for (int j = 0; j < t->n; j++) {
			vf x = load(t->v[j], d, wide);
			for (int r = 0; r < rows; r++)
				s[r] += vf_set(p[r][j]) * x;
		}
		for (int r = 0; r < rows; r++)
			vf_store(acc + r * dim + d, s[r]);
	}
	for (; d < dim; d++)
		for (int r = 0; r < rows; r++)
			for (int j = 0; j < t->n; j++)
				acc[r * dim + d] += p[r][j] * load_one(t->v[j], d, wide);
}

static inline __attribute__((always_inline)) void few(attention_state *s, const float *q, const attention_tile *t,
                                                      float scale, const int rows)
{
	float p[ATTENTION_FEW][TILE] __attribute__((aligned(64)));

	/* Two copies, so that the inner loops do not ask. */
	if (t->wide)
		score_keys(p, q, t, s->dim, rows, true);
	else
		score_keys(p, q, t, s->dim, rows, false);
	for (int r = 0; r < rows; r++) {
		int seen = attention_seen(t, r, s->group);
		if (seen)
			exponentials(p[r], s, r, seen, scale);
		else
			for (int j = 0; j < TILE; j++)
				p[r][j] = 0.0f;
	}
	if (t->wide)
		add_values(s->acc, p, t, s->dim, rows, true);
	else
		add_values(s->acc, p, t, s->dim, rows, false);
}

void ISA_NAME(attention_few)(attention_state *s, const float *q, const attention_tile *t, float scale)
{
	switch (s->rows) {
	case 1: few(s, q, t, scale, 1); break;
	case 2: few(s, q, t, scale, 2); break;
	case 3: few(s, q, t, scale, 3); break;
	case 4: few(s, q, t, scale, 4); break;
	case 5: few(s, q, t, scale, 5); break;
	case 6: few(s, q, t, scale, 6); break;
	case 7: few(s, q, t, scale, 7); break;
	case 8: few(s, q, t, scale, 8); break;
	}
}

#include "kernels/attention_impl.h"

#include <math.h>
#include <string.h>

#include "kernels/tiles.h"

enum { GROUPS = ATTENTION_TILE / TILE_SIDE, HALVES = ATTENTION_TILE / TILE_INNER, PAIR = 2 * TILE_HALVES };

static int up(int n, int by)
{
	return (n + by - 1) / by;
}

size_t amx_attention_floats(int rows, int dim)
{
	size_t blocks = (size_t)up(rows, TILE_SIDE), inner = (size_t)up(dim, TILE_INNER), outer = (size_t)up(dim, ATTENTION_TILE);

	return blocks * TILE_SIDE * 2 + blocks * outer * ATTENTION_TILE * TILE_SIDE + blocks * inner * PAIR / 2 +
	       GROUPS * inner * PAIR / 2 + outer * HALVES * GROUPS * PAIR / 2 + ATTENTION_TILE * TILE_SIDE + HALVES * PAIR / 2;
}

/* ---- operands ---- */

/* Elements d .. d + 16 of a key or value, zero from dim on. */
static inline __m512 elements(const void *row, int d, int dim, bool wide)
{
	__mmask16 m = tiles_mask(dim - d);

	if (wide)
		return _mm512_maskz_loadu_ps(m, (const float *)row + d);
	return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, (const f16 *)row + d));
}

/* Two rows as pairs: element i of a and of b side by side, high and low. */
static inline void pair(__m512i *high, __m512i *low, __m512 a, __m512 b)
{
	const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
	                                       23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
	__m512i h = _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(b, a));
	__m512 ha = (__m512)_mm512_slli_epi32(h, 16), hb = (__m512)_mm512_and_si512(h, _mm512_set1_epi32((int)0xffff0000u));

	*high = h;
	*low = _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(_mm512_sub_ps(b, hb), _mm512_sub_ps(a, ha)));
}

static void take_queries(const attention_pass *a, const float *q)
{
	int dim = a->s->dim;

	for (int b = 0; b < a->blocks; b++)
		for (int i = 0; i < a->inner; i++)
			tiles_take_columns(a->query + ((size_t)b * (size_t)a->inner + (size_t)i) * PAIR, q + (size_t)(b * 16) * (size_t)dim,
			                   (size_t)dim, a->s->rows - b * 16, i * TILE_INNER, dim);
}

static inline __attribute__((always_inline)) void take_keys(const attention_pass *a, const attention_tile *t, const bool wide)
{
	int dim = a->s->dim;

	for (int j = 0; j < ATTENTION_TILE; j++)
		for (int i = 0; i < a->inner; i++) {
			uint16_t *to = a->key + ((size_t)(j / 16) * (size_t)a->inner + (size_t)i) * PAIR + j % 16 * TILE_INNER;
			__m512i high = _mm512_setzero_si512(), low = high;
			if (j < t->n)
				tiles_split(&high, &low, elements(t->k[j], i * TILE_INNER, dim, wide), elements(t->k[j], i * TILE_INNER + 16, dim, wide));
			_mm512_store_si512(to, high);
			_mm512_store_si512(to + TILE_HALVES, low);
		}
}

static inline __attribute__((always_inline)) void take_values(const attention_pass *a, const attention_tile *t, const bool wide)
{
	int dim = a->s->dim;

	for (int o = 0; o < a->outer; o++)
		for (int half = 0; half < HALVES; half++)
			for (int g = 0; g < GROUPS; g++) {
				__m512i high[16], low[16];
				int d = o * ATTENTION_TILE + g * TILE_SIDE;
				for (int i = 0; i < 16; i++) {
					int j = half * TILE_INNER + 2 * i;
					__m512 none = _mm512_setzero_ps();
					pair(&high[i], &low[i], j < t->n ? elements(t->v[j], d, dim, wide) : none,
					     j + 1 < t->n ? elements(t->v[j + 1], d, dim, wide) : none);
				}
				tiles_store_columns(a->value + (((size_t)o * HALVES + (size_t)half) * GROUPS + (size_t)g) * PAIR, high, low);
			}
}

/* ---- one block of 16 rows against the tile ---- */

/* Four sums, each met every fourth time, so that a product's latency is hidden. */
#define TILE_FOUR(a, stride, b)                   \
	do {                                      \
		_tile_loadd(4, (a), TILE_BYTES);  \
		_tile_dpbf16ps(0, 4, b);          \
		_tile_loadd(5, (a) + (stride), TILE_BYTES);     \
		_tile_dpbf16ps(1, 5, b);          \
		_tile_loadd(4, (a) + 2 * (stride), TILE_BYTES); \
		_tile_dpbf16ps(2, 4, b);          \
		_tile_loadd(5, (a) + 3 * (stride), TILE_BYTES); \
		_tile_dpbf16ps(3, 5, b);          \
	} while (0)

static void score_block(const attention_pass *a, int block)
{
	const uint16_t *q = a->query + (size_t)block * (size_t)a->inner * PAIR, *k = a->key;
	size_t stride = (size_t)a->inner * PAIR;

	tiles_zero_sums();
	for (int i = 0; i < a->inner; i++, q += PAIR, k += PAIR) {
		_tile_loadd(6, q, TILE_BYTES);
		_tile_loadd(7, q + TILE_HALVES, TILE_BYTES);
		TILE_FOUR(k + TILE_HALVES, stride, 6);
		TILE_FOUR(k, stride, 7);
		TILE_FOUR(k, stride, 6);
	}
	_tile_stored(0, a->score, TILE_BYTES);
	_tile_stored(1, a->score + 1 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
	_tile_stored(2, a->score + 2 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
	_tile_stored(3, a->score + 3 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
}

static void value_block(const attention_pass *a, int block)
{
	for (int o = 0; o < a->outer; o++) {
		float *acc = a->acc + ((size_t)block * (size_t)a->outer + (size_t)o) * ATTENTION_TILE * TILE_SIDE;
		const uint16_t *v = a->value + (size_t)o * HALVES * GROUPS * PAIR, *p = a->share;
		_tile_loadd(0, acc, TILE_BYTES);
		_tile_loadd(1, acc + 1 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
		_tile_loadd(2, acc + 2 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
		_tile_loadd(3, acc + 3 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
		for (int half = 0; half < HALVES; half++, v += GROUPS * PAIR, p += PAIR) {
			_tile_loadd(6, p, TILE_BYTES);
			_tile_loadd(7, p + TILE_HALVES, TILE_BYTES);
			TILE_FOUR(v + TILE_HALVES, PAIR, 6);
			TILE_FOUR(v, PAIR, 7);
			TILE_FOUR(v, PAIR, 6);
		}
		_tile_stored(0, acc, TILE_BYTES);
		_tile_stored(1, acc + 1 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
		_tile_stored(2, acc + 2 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
		_tile_stored(3, acc + 3 * TILE_SIDE * TILE_SIDE, TILE_BYTES);
	}
}

/* 2^x to 2 ulp for x <= 0, NaN for NaN: Taylor's polynomial of degree 6 on [-1/2, 1/2]. */
static inline __m512 power(__m512 x)
{
	x = _mm512_max_ps(_mm512_set1_ps(-200.0f), x); /* in this order NaN stays */
	__m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(x, n);
	__m512 p = _mm512_set1_ps(1.5403530e-4f);

	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3333558e-3f));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.6181291e-3f));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.5504109e-2f));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4022651e-1f));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9314718e-1f));
	p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
	return _mm512_scalef_ps(p, n);
}

/* Keys that the 16 rows see; false if none sees any. */
static bool seen_by(__m512i *seen, const attention_pass *a, const attention_tile *t, int block)
{
	int n[TILE_SIDE], most = 0;

	for (int r = 0; r < TILE_SIDE; r++) {
		n[r] = attention_seen(t, block * TILE_SIDE + r, a->s->group);
		most = n[r] > most ? n[r] : most;
	}
	*seen = _mm512_loadu_si512(n);
	return most > 0;
}

static inline void hide(float *score, __m512i seen, int n)
{
	for (int j = 0; j < n; j++) {
		__mmask16 hidden = _mm512_cmple_epi32_mask(seen, _mm512_set1_epi32(j));
		_mm512_mask_storeu_ps(score + j * TILE_SIDE, hidden, _mm512_set1_ps(-INFINITY));
	}
}

/* The rows' new maxima; what was summed up is brought to them. */
static __m512 raise_most(const attention_pass *a, int block, int n)
{
	float *most = a->most + block * TILE_SIDE, *sum = a->sum + block * TILE_SIDE;
	__m512 old = _mm512_load_ps(most), high = _mm512_set1_ps(-INFINITY), other = high;
	int j = 0;

	for (; j + 2 <= n; j += 2) {
		high = _mm512_max_ps(_mm512_load_ps(a->score + j * TILE_SIDE), high);
		other = _mm512_max_ps(_mm512_load_ps(a->score + (j + 1) * TILE_SIDE), other);
	}
	if (j < n)
		high = _mm512_max_ps(_mm512_load_ps(a->score + j * TILE_SIDE), high);
	high = _mm512_mul_ps(_mm512_max_ps(high, other), _mm512_set1_ps(a->factor));
	__mmask16 higher = _mm512_cmp_ps_mask(high, old, _CMP_GT_OQ);
	if (!higher)
		return old;
	__m512 now = _mm512_mask_mov_ps(old, higher, high);
	/* An empty row is multiplied by 0, others by 1 where nothing changes. */
	__m512 f = _mm512_mask_mov_ps(_mm512_set1_ps(1.0f), higher, power(_mm512_sub_ps(old, now)));
	_mm512_store_ps(most, now);
	_mm512_store_ps(sum, _mm512_mul_ps(_mm512_load_ps(sum), f));
	float *acc = a->acc + (size_t)block * (size_t)a->outer * ATTENTION_TILE * TILE_SIDE;
	for (int i = 0; i < a->outer * ATTENTION_TILE; i++)
		_mm512_store_ps(acc + i * TILE_SIDE, _mm512_mul_ps(_mm512_load_ps(acc + i * TILE_SIDE), f));
	return now;
}

/* Scores -> shares relative to the maximum, in pairs of keys. */
static void share_out(const attention_pass *a, int block, __m512 most, int n)
{
	const __m512 factor = _mm512_set1_ps(a->factor), none = _mm512_setzero_ps();
	__m512 sum = none, other = none;

	/* A row that has seen no key yet has nothing but hidden ones. */
	most = _mm512_mask_mov_ps(most, _mm512_cmp_ps_mask(most, _mm512_set1_ps(-INFINITY), _CMP_EQ_OQ), none);
	for (int i = 0; i < ATTENTION_TILE / 2; i++) {
		const float *s = a->score + 2 * i * TILE_SIDE;
		__m512 p = none, q = none;
		__m512i high, low;
		if (2 * i < n)
			p = power(_mm512_fmsub_ps(_mm512_load_ps(s), factor, most));
		if (2 * i + 1 < n)
			q = power(_mm512_fmsub_ps(_mm512_load_ps(s + TILE_SIDE), factor, most));
		sum = _mm512_add_ps(sum, p);
		other = _mm512_add_ps(other, q);
		pair(&high, &low, p, q);
		uint16_t *to = a->share + i / TILE_SIDE * PAIR + i % TILE_SIDE * TILE_INNER;
		_mm512_store_si512(to, high);
		_mm512_store_si512(to + TILE_HALVES, low);
	}
	float *to = a->sum + block * TILE_SIDE;
	_mm512_store_ps(to, _mm512_add_ps(_mm512_load_ps(to), _mm512_add_ps(sum, other)));
}

/* ---- the pass ---- */

void amx_attention_begin(attention_pass *a, attention_state *s, const float *q, float scale, float *scratch)
{
	size_t blocks = (size_t)up(s->rows, TILE_SIDE), inner = (size_t)up(s->dim, TILE_INNER), outer = (size_t)up(s->dim, ATTENTION_TILE);

	*a = (attention_pass){ .s = s, .blocks = (int)blocks, .inner = (int)inner, .outer = (int)outer, .factor = scale * 1.44269504f };
	a->most = scratch;
	a->sum = a->most + blocks * TILE_SIDE;
	a->acc = a->sum + blocks * TILE_SIDE;
	a->score = a->acc + blocks * outer * ATTENTION_TILE * TILE_SIDE;
	a->query = (uint16_t *)(a->score + ATTENTION_TILE * TILE_SIDE);
	a->key = a->query + blocks * inner * PAIR;
	a->value = a->key + GROUPS * inner * PAIR;
	a->share = a->value + outer * HALVES * GROUPS * PAIR;
	for (size_t i = 0; i < blocks * TILE_SIDE; i++)
		a->most[i] = -INFINITY;
	memset(a->sum, 0, (size_t)(a->score - a->sum) * sizeof(float));
	take_queries(a, q);
	tiles_begin();
}

void amx_attention_tile(const attention_pass *a, const attention_tile *t)
{
	if (t->wide) {
		take_keys(a, t, true);
		take_values(a, t, true);
	} else {
		take_keys(a, t, false);
		take_values(a, t, false);
	}
	for (int b = 0; b < a->blocks; b++) {
		__m512i seen = _mm512_setzero_si512();
		if (t->causal && !seen_by(&seen, a, t, b))
			continue;
		score_block(a, b);
		if (t->causal)
			hide(a->score, seen, t->n);
		share_out(a, b, raise_most(a, b, t->n), t->n);
		value_block(a, b);
	}
}

void amx_attention_end(const attention_pass *a)
{
	float row[256 + ATTENTION_TILE];

	tiles_end();
	for (int r = 0; r < a->s->rows; r++) {
		size_t at = (size_t)(r / TILE_SIDE) * (size_t)a->outer * ATTENTION_TILE * TILE_SIDE + (size_t)(r % TILE_SIDE);
		float most = a->most[r] * 0.693147181f;
		attention_state own = { 1, a->s->dim, 1, &most, a->sum + r, row };
		attention_state all = { 1, a->s->dim, 1, a->s->most + r, a->s->sum + r, a->s->acc + (size_t)r * (size_t)a->s->dim };
		for (int d = 0; d < a->s->dim; d++)
			row[d] = a->acc[at + (size_t)d * TILE_SIDE];
		attention_merge(&all, &own);
	}
}

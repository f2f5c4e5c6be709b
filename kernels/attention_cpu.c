#include "kernels/attention_impl.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

size_t attention_state_floats(int rows, int dim)
{
	return (size_t)rows * ((size_t)dim + 2);
}

void attention_state_init(attention_state *s, float *mem, int rows, int dim, int group)
{
	*s = (attention_state){ rows, dim, group, mem, mem + rows, mem + 2 * (size_t)rows };
	for (int r = 0; r < rows; r++)
		s->most[r] = -INFINITY;
	memset(s->sum, 0, (size_t)rows * sizeof(float));
	memset(s->acc, 0, (size_t)rows * (size_t)dim * sizeof(float));
}

size_t attention_scratch_floats(int rows, int dim)
{
	/* keys transposed, values, and probabilities of a strip of rows */
	size_t n = 2 * ATTENTION_TILE * (size_t)dim + 16 * ATTENTION_TILE;

#ifdef FOLIO_AMX
	size_t tiles = amx_attention_floats(rows, dim);
	n = tiles > n ? tiles : n;
#endif
	(void)rows;
	return n;
}

typedef struct {
	attention_state *s;
	const float *q;
	float scale, *scratch;
#ifdef FOLIO_AMX
	bool tiled;
	attention_pass pass;
#endif
} work;

static void tile_done(work *w, attention_tile *t)
{
	if (!t->n)
		return;
#ifdef FOLIO_AMX
	if (w->tiled)
		amx_attention_tile(&w->pass, t);
	else
#endif
	if (w->s->rows <= ATTENTION_FEW)
		ISA_PICK(attention_few)(w->s, w->q, t, w->scale);
	else
		ISA_PICK(attention_many)(w->s, w->q, t, w->scale, w->scratch);
	t->n = 0;
}

static void each_tile(work *w, const attention_span *span, int spans)
{
	attention_tile t = { .n = 0 };
	int dim = w->s->dim, tokens = (w->s->rows + w->s->group - 1) / w->s->group;

	for (int i = 0; i < spans; i++) {
		bool causal = span[i].first_visible >= 0;
		/* What even the last token does not see need not be looked at. */
		int n = causal && span[i].first_visible + tokens < span[i].n ? span[i].first_visible + tokens : span[i].n;
		/* Keys that every token sees may share tiles with other spans; from the first
		 * hidden one on the tile belongs to this span alone. */
		int free_to_all = causal ? (span[i].first_visible + 1 < n ? span[i].first_visible + 1 : n) : n;
		for (int j = 0; j < n; j++) {
			if (j == free_to_all || t.n == ATTENTION_TILE || t.wide != span[i].wide) {
				tile_done(w, &t);
				t.wide = span[i].wide;
				t.causal = j >= free_to_all;
				t.visible = span[i].first_visible - j;
			}
			t.k[t.n] = attention_row(&span[i], span[i].k, j, dim);
			t.v[t.n++] = attention_row(&span[i], span[i].v, j, dim);
		}
		if (n > free_to_all) {
			tile_done(w, &t);
			t.causal = false;
		}
	}
	tile_done(w, &t);
}

void cpu_attention(attention_state *s, const float *q, const attention_span *span, int spans, float scale,
                   float *scratch)
{
	work w = { .s = s, .q = q, .scale = scale, .scratch = scratch };

#ifdef FOLIO_AMX
	w.tiled = cpu_isa_used() == CPU_AMX && s->rows > ATTENTION_FEW;
	if (w.tiled)
		amx_attention_begin(&w.pass, s, q, scale, scratch);
#endif
	each_tile(&w, span, spans);
#ifdef FOLIO_AMX
	if (w.tiled)
		amx_attention_end(&w.pass);
#endif
}

void attention_merge(attention_state *into, const attention_state *other)
{
	for (int r = 0; r < into->rows; r++) {
		float a = into->most[r], b = other->most[r];
		if (b == -INFINITY)
			continue;
		float most = a > b ? a : b; /* NaN in b wins here, NaN in a below */
		float fa = a == -INFINITY ? 0.0f : expf(a - most), fb = expf(b - most);
		into->most[r] = isnan(a) ? a : most;
		into->sum[r] = into->sum[r] * fa + other->sum[r] * fb;
		for (int d = 0; d < into->dim; d++) {
			size_t i = (size_t)r * (size_t)into->dim + (size_t)d;
			into->acc[i] = into->acc[i] * fa + other->acc[i] * fb;
		}
	}
}

int attention_finish(float *out, int out_stride, float *lse, const attention_state *s, error *err)
{
	for (int r = 0; r < s->rows; r++) {
		if (!(s->sum[r] > 0) || !isfinite(s->sum[r]) || !isfinite(s->most[r]))
			return error_set(err, ERR_NUMERIC, "attention met a value that is no number: the model or a stored "
			                 "context may be damaged; run `folio verify`");
		float f = 1.0f / s->sum[r];
		for (int d = 0; d < s->dim; d++)
			out[(size_t)r * (size_t)out_stride + (size_t)d] = s->acc[(size_t)r * (size_t)s->dim + (size_t)d] * f;
		if (lse)
			lse[r] = s->most[r] + logf(s->sum[r]);
	}
	return 0;
}

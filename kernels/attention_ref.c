#include "kernels/attention.h"

#include <math.h>

/* Element d of key or value j. */
static double at(const attention_span *s, const void *rows, int j, int d, int dim)
{
	const void *row = attention_row(s, rows, j, dim);

	return s->wide ? ((const float *)row)[d] : f16_to_f32(((const f16 *)row)[d]);
}

static double score(const float *q, const attention_span *s, int j, int dim, float scale)
{
	double sum = 0;

	for (int d = 0; d < dim; d++)
		sum += q[d] * at(s, s->k, j, d, dim);
	return sum * scale;
}

/* Two passes over the keys a row sees: the largest score, then the sums. What the
 * state held before joins in by its own maximum. */
static void row(attention_state *s, int r, const float *q, const attention_span *span, int spans, float scale)
{
	int dim = s->dim;
	float *acc = s->acc + (size_t)r * (size_t)dim;
	double most = s->most[r];

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < spans; i++) {
			int n = span[i].first_visible < 0 ? span[i].n : span[i].first_visible + r / s->group + 1;
			for (int j = 0; j < n && j < span[i].n; j++) {
				double x = score(q, &span[i], j, dim, scale);
				if (pass == 0) {
					if (!(x <= most)) /* a NaN sticks */
						most = x;
					continue;
				}
				double e = exp(x - most);
				s->sum[r] += (float)e;
				for (int d = 0; d < dim; d++)
					acc[d] += (float)(e * at(&span[i], span[i].v, j, d, dim));
			}
			if (pass == 0 && i == spans - 1 && most != s->most[r]) {
				double shrink = s->most[r] == -INFINITY ? 0 : exp(s->most[r] - most);
				s->sum[r] *= (float)shrink;
				for (int d = 0; d < dim; d++)
					acc[d] *= (float)shrink;
			}
		}
	s->most[r] = (float)most;
}

void ref_attention(attention_state *s, const float *q, const attention_span *span, int spans, float scale)
{
	for (int r = 0; r < s->rows; r++)
		row(s, r, q + (size_t)r * (size_t)s->dim, span, spans, scale);
}

#include "kernels/attention.h"

#include <math.h>

static double score(const float *q, const f16 *k, int dim, float scale)
{
	double s = 0;

	for (int i = 0; i < dim; i++)
		s += (double)q[i] * f16_to_f32(k[i]);
	return s * scale;
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
				double x = score(q, span[i].k + (size_t)j * (size_t)dim, dim, scale);
				if (pass == 0) {
					if (!(x <= most)) /* a NaN sticks */
						most = x;
					continue;
				}
				double e = exp(x - most);
				s->sum[r] += (float)e;
				for (int d = 0; d < dim; d++)
					acc[d] += (float)(e * f16_to_f32(span[i].v[(size_t)j * (size_t)dim + (size_t)d]));
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

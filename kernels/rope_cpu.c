#include "kernels/rope.h"

#include <math.h>
#include <stddef.h>

/* The sines of a position serve all its heads; forming them is most of the work. */
enum { MOST_PAIRS = 512 };

typedef struct {
	float *x;
	const int *position;
	const float *freq;
	int rows, heads, head_dim, rot;
	rope_pairs pairs;
	float gain;
} args;

static void turn(float *v, const args *a, const float *c, const float *s, int from, int n)
{
	int apart = a->pairs == ROPE_NEIGHBOUR ? 1 : a->rot / 2, step = a->pairs == ROPE_NEIGHBOUR ? 2 : 1;

	for (int j = 0; j < n; j++) {
		float *p = v + (from + j) * step, x = p[0], y = p[apart];
		p[0] = x * c[j] - y * s[j];
		p[apart] = x * s[j] + y * c[j];
	}
}

static void row_item(void *ud, int r, int who)
{
	const args *a = ud;
	float c[MOST_PAIRS], s[MOST_PAIRS];
	int pairs = a->rot / 2;

	(void)who;
	for (int from = 0; from < pairs; from += MOST_PAIRS) {
		int n = pairs - from < MOST_PAIRS ? pairs - from : MOST_PAIRS;
		for (int j = 0; j < n; j++) {
			double angle = (double)a->position[r] * (double)a->freq[from + j];
			c[j] = (float)cos(angle) * a->gain;
			s[j] = (float)sin(angle) * a->gain;
		}
		for (int h = 0; h < a->heads; h++)
			turn(a->x + ((size_t)r * (size_t)a->heads + (size_t)h) * (size_t)a->head_dim, a, c, s, from, n);
	}
}

void cpu_rope(float *x, const int *position, const float *freq, int rows, int heads, int head_dim,
              int rot, rope_pairs pairs, float gain, pool *p)
{
	args a = { x, position, freq, rows, heads, head_dim, rot, pairs, gain };

	pool_run(rows < 8 ? NULL : p, rows, row_item, &a);
}

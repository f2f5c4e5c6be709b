#include "kernels/rope.h"

#include <math.h>
#include <stddef.h>

void ref_rope(float *x, const int *position, const float *freq, int rows, int heads, int head_dim,
              int rot, rope_pairs pairs, float gain)
{
	for (int r = 0; r < rows; r++)
		for (int h = 0; h < heads; h++) {
			float *v = x + ((size_t)r * (size_t)heads + (size_t)h) * (size_t)head_dim;
			for (int j = 0; j < rot / 2; j++) {
				int a = pairs == ROPE_NEIGHBOUR ? 2 * j : j;
				int b = pairs == ROPE_NEIGHBOUR ? 2 * j + 1 : j + rot / 2;
				double angle = (double)position[r] * (double)freq[j];
				double c = cos(angle) * gain, s = sin(angle) * gain, va = v[a], vb = v[b];
				v[a] = (float)(va * c - vb * s);
				v[b] = (float)(va * s + vb * c);
			}
		}
}

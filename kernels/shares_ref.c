#include "kernels/shares.h"

#include <math.h>

bool ref_shares(float *s, float *score, const float *size, int n, int rows, float scale)
{
	for (int i = 0; i < n; i++)
		s[i] = 0;
	for (int r = 0; r < rows; r++) {
		const float *z = score + (long)r * n;
		double most = -INFINITY, sum = 0;
		for (int i = 0; i < n; i++) {
			if (!isfinite(z[i]))
				return false;
			most = fmax(most, z[i]);
		}
		for (int i = 0; i < n; i++)
			sum += size[i] * exp((z[i] - most) * scale);
		for (int i = 0; i < n; i++)
			s[i] += (float)(exp((z[i] - most) * scale) / sum / rows);
	}
	return true;
}

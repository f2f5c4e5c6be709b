#include "kernels/kmeans_impl.h"

#include "kernels/simd.h"

void ISA_NAME(argmax_rows)(int *index, float *value, const float *score, int rows, int k)
{
	vi lane, step;

	for (int i = 0; i < VLEN; i++) {
		lane[i] = i;
		step[i] = VLEN;
	}
	for (int r = 0; r < rows; r++, score += k) {
		int at = 0, j = 0;
		float most = score[0];
		if (k >= VLEN) {
			vf best = vf_load(score);
			vi where = lane, now = lane;
			for (j = VLEN; j + VLEN <= k; j += VLEN) {
				vf x = vf_load(score + j);
				now += step;
				vi more = x > best;
				best = vf_select(more, x, best);
				where = (more & now) | (~more & where);
			}
			most = best[0];
			at = where[0];
			for (int i = 1; i < VLEN; i++)
				if (best[i] > most || (best[i] == most && where[i] < at)) {
					most = best[i];
					at = where[i];
				}
		}
		for (; j < k; j++)
			if (score[j] > most) {
				most = score[j];
				at = j;
			}
		index[r] = at;
		value[r] = most;
	}
}

/* engine/lookup.h - which clusters of a stored context a block of queries needs.
 *
 * Squeezed Attention, sections 3.2 and 3.3. Two steps: score the level-1
 * centroids, keep the best; score only the level-2 centroids inside those. With
 * m the largest score,
 *
 *   S_i = exp(q . c_i * scale - m) / sum_j N_j exp(q . c_j * scale - m)
 *
 * averaged over the rows of the block, estimates the attention that one key of
 * cluster i receives. Clusters are taken in falling S until the head's share of
 * the keys is met, or while S > T in threshold mode. The order may be led: S counts
 * favour[i] times as much. */

#ifndef ENGINE_LOOKUP_H
#define ENGINE_LOOKUP_H

#include "engine/context.h"
#include "engine/ranked.h"

typedef struct {
	float share;     /* of the body's keys; 0: the head reads nothing of the body; >= 1: all of it */
	float threshold; /* T; used instead of share when by_threshold */
	bool by_threshold;
	const float *favour; /* [k2] factors on S, not negative and finite, or NULL, as with by_threshold */
} lookup_rule;

typedef struct {
	int from, n; /* slots of the body */
} key_range;

typedef struct {
	int ranges;
	int keys;      /* kept */
	int centroids; /* read, both levels */
} lookup_result;

/* Floats of scratch for that many rows over a context with k1 and k2 clusters. */
size_t lookup_scratch_floats(const context *c, int rows);

/* q: [rows, head_dim] f32. out: room for k2 ranges; neighbouring ones are joined,
 * ascending. cluster: if not NULL, [k2], gets the chosen level-2 clusters and
 * *clusters their number. Single-threaded. ERR_NUMERIC if a score is not finite. */
int lookup_select(key_range *out, lookup_result *r, int *cluster, int *clusters, const context *c,
                  const context_head *h, const float *q, int rows, float scale, const lookup_rule *rule,
                  float *scratch, error *err);

/* S of every level-2 centroid, [k2], for threshold calibration. */
int lookup_scores(float *s, const context *c, const context_head *h, const float *q, int rows, float scale,
                  float *scratch, error *err);

#endif

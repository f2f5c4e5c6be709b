/* kernels/rope.h - rotary position embedding (Su et al. 2021).
 *
 * Pair j of a head is turned by the angle position * freq[j]:
 *   (a, b) -> (a cos - b sin, a sin + b cos) * gain
 * ROPE_NEIGHBOUR pairs (2j, 2j + 1), GGUF's llama layout; ROPE_HALF pairs
 * (j, j + rot/2), Hugging Face's and Qwen's. Elements from rot on stay as they are.
 *
 * x: [rows, heads, head_dim] f32, in place; position: [rows]; freq: [rot / 2].
 * Angles are formed in double: a float product is off by 1e-3 at position 8192. */

#ifndef KERNELS_ROPE_H
#define KERNELS_ROPE_H

#include "base/pool.h"

typedef enum { ROPE_NEIGHBOUR, ROPE_HALF } rope_pairs;

void ref_rope(float *x, const int *position, const float *freq, int rows, int heads, int head_dim,
              int rot, rope_pairs pairs, float gain);
void cpu_rope(float *x, const int *position, const float *freq, int rows, int heads, int head_dim,
              int rot, rope_pairs pairs, float gain, pool *p);

#endif

/* base/rng.h - small seeded generator (SplitMix64; Steele, Lea, Flood 2014).
 * Not for secrets. The same seed gives the same sequence everywhere. */

#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

typedef struct {
	uint64_t state;
} rng;

static inline uint64_t rng_next(rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline double rng_unit(rng *r) /* [0, 1) */
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

static inline uint32_t rng_below(rng *r, uint32_t n) /* [0, n), n > 0 */
{
	return (uint32_t)(((rng_next(r) >> 32) * n) >> 32);
}

#endif

/* engine/sampler.h - from logits to the next token. */

#ifndef ENGINE_SAMPLER_H
#define ENGINE_SAMPLER_H

#include <stdint.h>

#include "base/error.h"
#include "base/rng.h"

typedef struct {
	float temperature; /* 0: greedy, deterministic; ties go to the lower id */
	int top_k;         /* 0: off */
	float top_p;       /* 1: off (nucleus sampling; Holtzman et al. 2020) */
	float min_p;       /* 0: off; keep p >= min_p * p_max */
	float repeat;      /* 1: off; divides positive and multiplies negative logits of
	                    * recent tokens (Keskar et al. 2019) */
	int repeat_last;   /* how many recent tokens that looks at */
	uint64_t seed;
} sampler_options;

typedef struct sampler sampler;

/* ERR_ARG names the option that makes no sense. */
int sampler_open(sampler **out, const sampler_options *o, int vocab, error *err);
void sampler_close(sampler *s);

/* logits: [vocab], changed in place. recent: the answer's tokens so far.
 * *logprob, if not NULL: the token's log-probability under the raw logits.
 * ERR_NUMERIC if a logit is NaN or +infinity. */
int sampler_next(int *id, float *logprob, sampler *s, float *logits, const int *recent, int n_recent,
                 error *err);

/* log of the probability of id under logits [vocab]. ERR_NUMERIC as sampler_next. */
int sampler_logprob(double *out, const float *logits, int vocab, int id, error *err);

#endif

#include "engine/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct {
	float logit;
	int id;
} choice;

struct sampler {
	sampler_options o;
	int vocab;
	rng r;
	choice *choice; /* [vocab] */
	float *p;       /* [vocab] */
};

static int check(const sampler_options *o, error *err)
{
	if (!(o->temperature >= 0) || o->temperature > 100)
		return error_set(err, ERR_ARG, "a temperature lies between 0 and 100, not at %g", (double)o->temperature);
	if (o->top_k < 0)
		return error_set(err, ERR_ARG, "top-k is 0 (off) or a number of tokens, not %d", o->top_k);
	if (!(o->top_p > 0 && o->top_p <= 1))
		return error_set(err, ERR_ARG, "top-p lies above 0 and goes up to 1 (off), not %g", (double)o->top_p);
	if (!(o->min_p >= 0 && o->min_p <= 1))
		return error_set(err, ERR_ARG, "min-p lies between 0 (off) and 1, not at %g", (double)o->min_p);
	if (!(o->repeat > 0 && o->repeat <= 10))
		return error_set(err, ERR_ARG, "a repetition penalty lies above 0 and up to 10, 1 is off; not %g", (double)o->repeat);
	if (o->repeat_last < 0)
		return error_set(err, ERR_ARG, "the repetition penalty looks back over 0 or more tokens, not %d", o->repeat_last);
	return 0;
}

int sampler_open(sampler **out, const sampler_options *o, int vocab, error *err)
{
	int status = check(o, err);
	sampler *s;

	*out = NULL;
	if (status)
		return status;
	if (!(s = mem_zeroed(1, sizeof(*s))))
		return error_nomem(err, "the sampler");
	*s = (sampler){ .o = *o, .vocab = vocab, .r = { o->seed } };
	s->choice = mem_array((size_t)vocab, sizeof(*s->choice));
	s->p = mem_array((size_t)vocab, sizeof(*s->p));
	if (!s->choice || !s->p) {
		sampler_close(s);
		return error_nomem(err, "the sampler");
	}
	*out = s;
	return 0;
}

void sampler_close(sampler *s)
{
	if (!s)
		return;
	free(s->choice);
	free(s->p);
	free(s);
}

/* log sum exp of the logits; NaN and +infinity are refused. */
static int normaliser(double *lse, const float *logits, int n, error *err)
{
	float most = -INFINITY;
	double sum = 0;

	for (int i = 0; i < n; i++) {
		if (isnan(logits[i]) || logits[i] == INFINITY)
			return error_set(err, ERR_NUMERIC, "the model computed a value that is no number: its file may be damaged");
		most = logits[i] > most ? logits[i] : most;
	}
	if (most == -INFINITY)
		return error_set(err, ERR_NUMERIC, "the model gave no token a chance: its file may be damaged");
	for (int i = 0; i < n; i++)
		sum += exp((double)logits[i] - (double)most);
	*lse = (double)most + log(sum);
	return 0;
}

static void penalise(float *logits, const sampler *s, const int *recent, int n)
{
	int from = s->o.repeat_last < n ? n - s->o.repeat_last : 0;

	if (s->o.repeat == 1.0f)
		return;
	for (int i = from; i < n; i++) {
		bool again = false;
		for (int j = from; j < i && !again; j++)
			again = recent[j] == recent[i];
		if (again || recent[i] < 0 || recent[i] >= s->vocab)
			continue; /* once for each token, however often it came */
		float *l = &logits[recent[i]];
		*l = *l > 0 ? *l / s->o.repeat : *l * s->o.repeat;
	}
}

/* The raw logit of a token again. */
static float without_penalty(float logit, const sampler *s, int id, const int *recent, int n)
{
	for (int i = s->o.repeat_last < n ? n - s->o.repeat_last : 0; i < n; i++)
		if (recent[i] == id)
			return logit > 0 ? logit * s->o.repeat : logit / s->o.repeat;
	return logit;
}

static int by_falling_logit(const void *a, const void *b)
{
	const choice *x = a, *y = b;

	if (x->logit != y->logit)
		return x->logit < y->logit ? 1 : -1;
	return x->id - y->id;
}

static int greedy(const float *logits, int n)
{
	int best = 0;

	for (int i = 1; i < n; i++)
		best = logits[i] > logits[best] ? i : best;
	return best;
}

/* Sort, cut by top-k, min-p and top-p in this order, draw from what is left. */
static int draw(sampler *s, const float *logits)
{
	int n = s->vocab;
	double sum = 0, kept = 0;

	for (int i = 0; i < n; i++)
		s->choice[i] = (choice){ logits[i], i };
	qsort(s->choice, (size_t)n, sizeof(*s->choice), by_falling_logit);
	if (s->o.top_k && s->o.top_k < n)
		n = s->o.top_k;
	for (int i = 0; i < n; i++) {
		s->p[i] = expf((s->choice[i].logit - s->choice[0].logit) / s->o.temperature);
		if (s->p[i] < s->o.min_p) {
			n = i;
			break;
		}
		sum += (double)s->p[i];
	}
	int last = 0;
	for (; last < n && kept < (double)s->o.top_p * sum; last++)
		kept += (double)s->p[last];
	if (last == 0)
		last = 1;
	double at = rng_unit(&s->r) * kept;
	for (int i = 0; i < last; i++)
		if ((at -= (double)s->p[i]) < 0)
			return s->choice[i].id;
	return s->choice[last - 1].id;
}

int sampler_next(int *id, float *logprob, sampler *s, float *logits, const int *recent, int n_recent, error *err)
{
	double lse = 0;
	int status = normaliser(&lse, logits, s->vocab, err);

	if (status)
		return status;
	penalise(logits, s, recent, n_recent);
	*id = s->o.temperature == 0.0f ? greedy(logits, s->vocab) : draw(s, logits);
	if (logprob)
		*logprob = (float)((double)without_penalty(logits[*id], s, *id, recent, n_recent) - lse);
	return 0;
}

int sampler_logprob(double *out, const float *logits, int vocab, int id, error *err)
{
	double lse = 0;
	int status = normaliser(&lse, logits, vocab, err);

	*out = status ? -INFINITY : (double)logits[id] - lse;
	return status;
}

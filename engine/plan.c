/* How a budget is shared out over the heads of a stored context. */

#include "engine/session_impl.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

/* One edge of a head's lower convex hull: spend cost, save loss. */
typedef struct {
	int head, to;        /* curve point the step leads to */
	float cost, gain;    /* gain = loss saved a unit of cost */
} step;

/* Points of the lower convex hull of (cost, loss), from the first on; costs rise.
 * Points that cost more without helping are left out. */
static int hull(int *point, const float *cost, const float *loss)
{
	int n = 0;

	for (int i = 0; i < CONTEXT_CURVE; i++) {
		if (n && (!(cost[i] > cost[point[n - 1]]) || !(loss[i] < loss[point[n - 1]])))
			continue;
		while (n >= 2) {
			int a = point[n - 2], b = point[n - 1];
			double ab = (double)(loss[a] - loss[b]) / (double)(cost[b] - cost[a]);
			double ai = (double)(loss[a] - loss[i]) / (double)(cost[i] - cost[a]);
			if (ab > ai)
				break;
			n--;
		}
		point[n++] = i;
	}
	return n;
}

static int by_falling_gain(const void *a, const void *b)
{
	const step *x = a, *y = b;

	if (x->gain != y->gain)
		return x->gain < y->gain ? 1 : -1;
	if (x->head != y->head)
		return x->head - y->head;
	return x->to - y->to;
}

/* Steepest steps first until the mean cost over the heads meets the budget; the
 * last step is taken in part. */
static int plan_by_error(lookup_rule *rule, const context *c, double budget, error *err)
{
	int heads = c->layers * c->kv_heads, n = 0;
	step *steps = mem_array((size_t)heads * CONTEXT_CURVE, sizeof(*steps));
	double left = budget * heads;

	if (!steps)
		return error_nomem(err, "the budget's plan");
	for (int h = 0; h < heads; h++) {
		const context_head *ch = &c->head[h];
		int point[CONTEXT_CURVE], points = hull(point, ch->cost, ch->loss);
		rule[h] = (lookup_rule){ .share = context_share[point[0]] };
		left -= ch->cost[point[0]];
		for (int i = 1; i < points; i++) {
			int a = point[i - 1], b = point[i];
			float cost = ch->cost[b] - ch->cost[a];
			steps[n++] = (step){ h, b, cost, (ch->loss[a] - ch->loss[b]) / cost };
		}
	}
	qsort(steps, (size_t)n, sizeof(*steps), by_falling_gain);
	for (int i = 0; i < n && left > 0; i++) {
		float *share = &rule[steps[i].head].share, to = context_share[steps[i].to];
		double part = left < steps[i].cost ? left / steps[i].cost : 1.0;
		*share += (float)(part * (to - *share));
		left -= steps[i].cost;
	}
	free(steps);
	return 0;
}

/* T between the calibrated budgets, straight in log T over what was really read. */
static float threshold_for(const context *c, double budget)
{
	for (int i = 1; i < CONTEXT_CURVE; i++) {
		double lo = c->threshold_read[i - 1], hi = c->threshold_read[i];
		if (budget > hi && i < CONTEXT_CURVE - 1)
			continue;
		double a = log(fmax(c->threshold[i - 1], 1e-30)), b = log(fmax(c->threshold[i], 1e-30));
		double part = hi > lo ? (budget - lo) / (hi - lo) : 1.0;
		return (float)exp(a + fmin(fmax(part, 0.0), 1.0) * (b - a));
	}
	return c->threshold[CONTEXT_CURVE - 1];
}

int plan_budget(lookup_rule *rule, const context *c, double budget, calibration calib, error *err)
{
	int heads = c->layers * c->kv_heads;

	if (budget >= 1.0 || c->body == 0) {
		for (int h = 0; h < heads; h++)
			rule[h] = (lookup_rule){ .share = 1.0f };
		return 0;
	}
	if (calib == CALIBRATION_ERROR)
		return plan_by_error(rule, c, budget, err);
	float t = threshold_for(c, budget);
	for (int h = 0; h < heads; h++)
		rule[h] = (lookup_rule){ .threshold = t, .by_threshold = true };
	return 0;
}

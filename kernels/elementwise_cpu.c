#include "kernels/elementwise.h"

#include "kernels/elementwise_impl.h"
#include "kernels/rmsnorm.h"

/* Elements one item of a loop does: below this a thread is not worth waking. */
enum { RUN = 16384 };

typedef struct {
	float *x;
	const float *y, *weight;
	size_t n;
	int dim;
	float eps;
} args;

static size_t run_of(const args *a, int item, size_t *from)
{
	*from = (size_t)item * RUN;
	return a->n - *from < RUN ? a->n - *from : RUN;
}

static void swiglu_item(void *ud, int item, int who)
{
	const args *a = ud;
	size_t from, n = run_of(a, item, &from);

	(void)who;
	ISA_PICK(swiglu_run)(a->x + from, a->y + from, n);
}

void cpu_swiglu(float *gate, const float *up, size_t n, pool *p)
{
	args a = { .x = gate, .y = up, .n = n };

	pool_run(p, (int)((n + RUN - 1) / RUN), swiglu_item, &a);
}

static void add_item(void *ud, int item, int who)
{
	const args *a = ud;
	size_t from, n = run_of(a, item, &from);

	(void)who;
	ISA_PICK(add_run)(a->x + from, a->y + from, n);
}

void cpu_add(float *x, const float *y, size_t n, pool *p)
{
	args a = { .x = x, .y = y, .n = n };

	pool_run(p, (int)((n + RUN - 1) / RUN), add_item, &a);
}

static void rmsnorm_item(void *ud, int item, int who)
{
	const args *a = ud;
	size_t at = (size_t)item * (size_t)a->dim;

	(void)who;
	ISA_PICK(rmsnorm_row)(a->x + at, a->y + at, a->weight, a->dim, a->eps);
}

void cpu_rmsnorm(float *out, const float *x, const float *weight, int rows, int dim, float eps, pool *p)
{
	args a = { .x = out, .y = x, .weight = weight, .dim = dim, .eps = eps };

	pool_run((size_t)rows * (size_t)dim < RUN ? NULL : p, rows, rmsnorm_item, &a);
}

void cpu_to_f16(f16 *out, const float *x, size_t n)
{
	ISA_PICK(to_f16_run)(out, x, n);
}

void cpu_from_f16(float *out, const f16 *x, size_t n)
{
	ISA_PICK(from_f16_run)(out, x, n);
}

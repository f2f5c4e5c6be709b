/* Products of up to MATMUL_FEW rows of x, as in decoding: weights are read once, at the
 * speed of memory. What that asks for: every worker reads what lies together, asks for
 * its next weights before the present ones end, and seldom waits for the others. */

#include "kernels/matmul_impl.h"

enum { DOTS = 64, LEAST = 16 }; /* rows of w one item does; of small products */

/* How products are cut into items: so many of a's rows, LEAST each, then of all maps'
 * rows, `rows` each. */
typedef struct {
	int first, rows, items;
} cut;

/* What a loop works on. In one piece: a worker has to fetch it from another core before
 * it can begin. */
typedef struct {
	matmul_maps m, next; /* next.n 0: unknown */
	cut of_m, of_next;
	const float *x;
	int x_stride, rows;
	int y_stride;        /* of a single map; 0: its rows */
	const low_rank *low; /* of a single map */
	pool *pool;
} few;

/* The rows of w that an item does. */
typedef struct {
	const weights *w;
	int map, from, to; /* map -1: w is a */
} piece;

static int items_of(int out, int rows)
{
	return (out + rows - 1) / rows;
}

static cut cut_maps(const matmul_maps *m)
{
	int64_t out = 0;

	for (int i = 0; i < m->n; i++)
		out += m->map[i].w->out;
	cut c = { m->a ? items_of(m->a->out, LEAST) : 0, out < 32 * DOTS ? LEAST : DOTS, 0 };
	for (int i = 0; i < m->n; i++)
		c.items += items_of(m->map[i].w->out, c.rows);
	return c;
}

static piece piece_of(const weights *w, int map, int item, int rows)
{
	int from = item * rows;

	return (piece){ w, map, from, from + rows < w->out ? from + rows : w->out };
}

/* Item number of the maps' items. */
static piece map_piece(const matmul_maps *m, const cut *c, int item)
{
	int i = 0;

	for (int n; i < m->n - 1 && item >= (n = items_of(m->map[i].w->out, c->rows)); i++)
		item -= n;
	return piece_of(m->map[i].w, i, item, c->rows);
}

static const uint8_t *row_of(const weights *w, int row)
{
	return (const uint8_t *)w->data + (size_t)row * dtype_row_bytes(w->type, w->in);
}

/* What a worker reads first of the maps' weights; NULL: it has no share. */
static const uint8_t *first_of_maps(const matmul_maps *m, const cut *c, const pool *p, int who)
{
	int begin, end;

	pool_share(p, c->items, who, &begin, &end);
	if (begin >= end)
		return NULL;
	piece at = map_piece(m, c, begin);
	return row_of(at.w, at.from);
}

/* The same of all weights. */
static const uint8_t *first_read(const matmul_maps *m, const cut *c, const pool *p, int who)
{
	int begin, end;

	pool_share(p, c->first, who, &begin, &end);
	return begin < end ? row_of(m->a, begin * LEAST) : first_of_maps(m, c, p, who);
}

/* Where an item's rows lie in the run that its worker reads, and what comes after. item:
 * among a's or the maps'. */
static matmul_ahead look_ahead(const few *f, const piece *at, int item, int who)
{
	const cut *c = &f->of_m;
	bool of_a = at->map < 0;
	int begin, end, rows = of_a ? LEAST : c->rows;

	pool_share(f->pool, of_a ? c->first : c->items, who, &begin, &end);
	if (item < begin || item >= end) /* another's, whom we help */
		return (matmul_ahead){ row_of(at->w, at->to), NULL };
	int left = end - item, here = items_of(at->w->out - at->from, rows);
	matmul_ahead to = { row_of(at->w, left < here ? at->from + left * rows : at->w->out), NULL };
	if (to.stop - row_of(at->w, at->to) > MATMUL_AHEAD)
		return to;
	if (of_a)
		to.next = first_of_maps(&f->m, c, f->pool, who);
	else if (left > here)
		to.next = f->m.map[at->map + 1].w->data;
	else if (f->next.n)
		to.next = first_read(&f->next, &f->of_next, f->pool, who);
	return to;
}

static void few_item(void *ud, int item, int who)
{
	const few *f = ud;
	const matmul_maps *m = &f->m;
	bool of_a = item < f->of_m.first;
	int number = of_a ? item : item - f->of_m.first;
	piece at = of_a ? piece_of(m->a, -1, number, LEAST) : map_piece(m, &f->of_m, number);
	matmul_ahead ahead = look_ahead(f, &at, number, who);
	matmul_args a = { .x = f->x, .w = at.w, .x_stride = f->x_stride, .rows = f->rows, .y = m->t, .y_stride = at.w->out };
	low_rank low;

	if (!of_a) {
		const matmul_map *map = &m->map[at.map];
		a.y = map->y;
		a.bias = map->bias;
		a.low = f->low;
		if (f->y_stride)
			a.y_stride = f->y_stride;
		if (map->b) {
			pool_wait_first(f->pool, who);
			low = (low_rank){ map->b, m->t + map->at, m->a->out };
			a.low = &low;
		}
	}
	ISA_PICK(matmul_dots)(&a, &ahead, at.from, at.to);
}

static void run(few *f)
{
	f->of_m = cut_maps(&f->m);
	f->of_next = cut_maps(&f->next);
	pool_run_staged(f->pool, f->of_m.first, f->of_m.first + f->of_m.items, few_item, f);
}

void matmul_few(const matmul_args *a, pool *p)
{
	few f = { .x = a->x, .x_stride = a->x_stride, .rows = a->rows, .y_stride = a->y_stride, .low = a->low, .pool = p };

	f.m.map[0] = (matmul_map){ .y = a->y, .w = a->w, .bias = a->bias };
	f.m.n = 1;
	run(&f);
}

int cpu_matmul_maps(const matmul_maps *m, const float *x, int x_stride, int rows, const matmul_maps *next,
                    pool *p, error *err)
{
	few f = { .m = *m, .x = x, .x_stride = x_stride, .rows = rows, .pool = p };
	int status = 0;

	if (rows <= 0)
		return 0;
	if (rows <= MATMUL_FEW) {
		if (next)
			f.next = *next;
		run(&f);
		return 0;
	}
	if (m->a)
		status = cpu_matmul(m->t, m->a->out, x, x_stride, rows, m->a, NULL, p, err);
	for (int i = 0; i < m->n && !status; i++) {
		const matmul_map *map = &m->map[i];
		low_rank low = { map->b, m->t + map->at, map->b ? m->a->out : 0 };
		status = cpu_matmul_low_rank(map->y, map->w->out, x, x_stride, rows, map->w, map->bias, map->b ? &low : NULL, p, err);
	}
	return status;
}

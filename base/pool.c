#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#if defined(__x86_64__)
#define RELAX() __builtin_ia32_pause()
#else
#define RELAX() ((void)0)
#endif

/* Loops follow each other within microseconds during a forward pass; a short
 * spin before sleeping saves two context switches a loop. */
enum { SPINS = 4000 };

/* Of the loop of a round, the items that a worker takes before it helps others. Both
 * words are round << 32 | items; of an earlier round: none. */
typedef struct {
	_Alignas(64) atomic_ullong at; /* the next one to take */
	atomic_ullong done;            /* how many of a first stage are done */
} share;

typedef struct {
	pool *owner;
	int index;
} member;

/* What different workers write lies on lines of its own: one that changes hands between
 * distant cores costs as much as a hundred dot products. */
#define OWN_LINE _Alignas(64)

struct pool {
	int threads;
	pthread_t *thread;
	member *member;
	share *share; /* [2, threads]: of the items that come first, of the others */
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	int started;
	bool quit;
	void *memory;
	size_t bytes;

	OWN_LINE pool_fn fn;
	void *ud;
	int first, n;
	atomic_uint round; /* grows with every loop */

	OWN_LINE atomic_int sleepers; /* helpers that wait for wake */
	atomic_bool waiting;          /* the caller waits for done */
	OWN_LINE atomic_int working;  /* helpers still inside the current loop */
};

/* Is a loop of n run by the caller alone? */
static bool alone_with(const pool *p, int n)
{
	return !p || p->threads == 1 || n <= 1;
}

static int begin_of(const pool *p, int from, int to, int worker)
{
	return from + (int)((int64_t)(to - from) * worker / p->threads);
}

void pool_share(const pool *p, int n, int worker, int *begin, int *end)
{
	bool alone = alone_with(p, n);

	*begin = alone ? 0 : begin_of(p, 0, n, worker);
	*end = alone ? n : begin_of(p, 0, n, worker + 1);
}

static unsigned long long of_round(unsigned round, int items)
{
	return (unsigned long long)round << 32 | (unsigned)items;
}

/* The next of a worker's items among [from, to), or -1. */
static int take_item(share *s, const pool *p, int from, int to, int worker, unsigned round)
{
	unsigned long long was = atomic_load_explicit(&s->at, memory_order_relaxed);
	int end = begin_of(p, from, to, worker + 1), next;

	do {
		next = (unsigned)(was >> 32) == round ? (int)(unsigned)was : begin_of(p, from, to, worker);
		if (next >= end)
			return -1;
	} while (!atomic_compare_exchange_weak_explicit(&s->at, &was, of_round(round, next + 1), memory_order_relaxed, memory_order_relaxed));
	return next;
}

/* Items of a worker's share of the first stage, by whoever takes them. */
static void take_first(pool *p, int whose, int worker, unsigned round)
{
	share *s = &p->share[whose];

	for (int i; (i = take_item(s, p, 0, p->first, whose, round)) >= 0;) {
		p->fn(p->ud, i, worker);
		unsigned long long was = atomic_load_explicit(&s->done, memory_order_relaxed);
		while (!atomic_compare_exchange_weak_explicit(&s->done, &was, (unsigned)(was >> 32) == round ? was + 1 : of_round(round, 1),
		                                              memory_order_release, memory_order_relaxed))
			;
	}
}

/* Nobody helps with the first stage until someone waits for it: it is short, and to look
 * after others takes as long as an item. */
static void take_items(pool *p, int worker, unsigned round)
{
	take_first(p, worker, worker, round);
	for (int k = 0; k < p->threads; k++) {
		int whose = (worker + k) % p->threads;
		for (int i; (i = take_item(&p->share[p->threads + whose], p, p->first, p->n, whose, round)) >= 0;)
			p->fn(p->ud, i, worker);
	}
}

static bool share_done(const pool *p, int whose, unsigned round)
{
	int items = begin_of(p, 0, p->first, whose + 1) - begin_of(p, 0, p->first, whose);

	return !items || atomic_load_explicit(&p->share[whose].done, memory_order_acquire) == of_round(round, items);
}

static bool first_done(const pool *p)
{
	if (!p || p->threads == 1 || !p->first)
		return true;
	unsigned round = atomic_load_explicit(&p->round, memory_order_relaxed);
	for (int w = 0; w < p->threads; w++)
		if (!share_done(p, w, round))
			return false;
	return true;
}

void pool_wait_first(pool *p, int worker)
{
	for (int i = 1; !first_done(p); i++)
		if (i % SPINS) {
			RELAX();
		} else { /* whoever has the items sleeps, or waits for this core */
			for (int w = 0; w < p->threads; w++)
				take_first(p, w, worker, atomic_load_explicit(&p->round, memory_order_relaxed));
			sched_yield();
		}
}

/* Wait for another round than the one seen; false: the team is dissolved. The caller
 * raises round and then looks for sleepers, a helper counts itself and then looks for
 * the round: one of them sees the other. */
static bool next_round(pool *p, unsigned *seen)
{
	unsigned round = *seen;
	bool quit = false;

	for (int i = 0; i < SPINS && (round = atomic_load_explicit(&p->round, memory_order_acquire)) == *seen; i++)
		RELAX();
	if (round == *seen) {
		pthread_mutex_lock(&p->lock);
		atomic_fetch_add(&p->sleepers, 1);
		while ((round = atomic_load(&p->round)) == *seen && !p->quit)
			pthread_cond_wait(&p->wake, &p->lock);
		atomic_fetch_sub(&p->sleepers, 1);
		quit = p->quit;
		pthread_mutex_unlock(&p->lock);
	}
	*seen = round;
	return !quit;
}

static void *helper(void *arg)
{
	member *m = arg;
	pool *p = m->owner;
	unsigned seen = 0;

	while (next_round(p, &seen)) {
		take_items(p, m->index, seen);
		if (atomic_fetch_sub(&p->working, 1) == 1 && atomic_load(&p->waiting)) {
			pthread_mutex_lock(&p->lock);
			pthread_cond_signal(&p->done);
			pthread_mutex_unlock(&p->lock);
		}
	}
	return NULL;
}

static int cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return CPU_COUNT(&set);
	return 1;
}

int pool_open(pool **out, int threads, error *err)
{
	*out = NULL;
	if (threads < 0 || threads > 1024)
		return error_set(err, ERR_ARG, "%d threads: give a number from 1 to 1024, or 0 for all cores", threads);

	pool *p = mem_aligned(1, sizeof(*p));
	if (!p)
		return error_nomem(err, "the thread pool");
	memset(p, 0, sizeof(*p));
	p->threads = threads ? threads : cores();
	p->thread = mem_zeroed((size_t)p->threads, sizeof(*p->thread));
	p->member = mem_zeroed((size_t)p->threads, sizeof(*p->member));
	p->share = mem_aligned(2 * (size_t)p->threads, sizeof(*p->share));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->done, NULL);
	if (!p->thread || !p->member || !p->share) {
		pool_close(p);
		return error_nomem(err, "the thread pool");
	}
	memset(p->share, 0, 2 * (size_t)p->threads * sizeof(*p->share));

	/* Signals belong to the thread that owns the terminal. */
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int status = 0;
	for (int i = 1; i < p->threads && !status; i++) {
		p->member[i] = (member){ p, i };
		status = pthread_create(&p->thread[i], NULL, helper, &p->member[i]);
		if (!status)
			p->started = i;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (status) {
		pool_close(p);
		return error_set(err, ERR_NOMEM, "the system refused to start %d threads: try fewer with --threads", threads);
	}
	*out = p;
	return 0;
}

void pool_close(pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (int i = 1; i <= p->started; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p->thread);
	free(p->member);
	free(p->share);
	free(p->memory);
	free(p);
}

int pool_threads(const pool *p)
{
	return p ? p->threads : 1;
}

void pool_run(pool *p, int n, pool_fn fn, void *ud)
{
	pool_run_staged(p, 0, n, fn, ud);
}

void pool_run_staged(pool *p, int first, int n, pool_fn fn, void *ud)
{
	if (alone_with(p, n)) {
		for (int i = 0; i < n; i++)
			fn(ud, i, 0);
		return;
	}

	p->fn = fn;
	p->ud = ud;
	p->first = first;
	p->n = n;
	atomic_store_explicit(&p->working, p->threads - 1, memory_order_relaxed);
	unsigned round = atomic_fetch_add(&p->round, 1) + 1;
	if (atomic_load(&p->sleepers)) {
		pthread_mutex_lock(&p->lock);
		pthread_cond_broadcast(&p->wake);
		pthread_mutex_unlock(&p->lock);
	}

	take_items(p, 0, round);

	for (int i = 0; i < SPINS && atomic_load_explicit(&p->working, memory_order_acquire); i++)
		RELAX();
	if (atomic_load_explicit(&p->working, memory_order_acquire)) {
		pthread_mutex_lock(&p->lock);
		atomic_store(&p->waiting, true);
		while (atomic_load(&p->working))
			pthread_cond_wait(&p->done, &p->lock);
		atomic_store(&p->waiting, false);
		pthread_mutex_unlock(&p->lock);
	}
}

void *pool_memory(pool *p, size_t bytes)
{
	if (bytes > p->bytes) {
		free(p->memory);
		p->memory = mem_aligned(bytes, 1);
		p->bytes = p->memory ? bytes : 0;
	}
	return p->memory;
}

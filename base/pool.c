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

/* A worker's items of a loop, which it takes before it helps others, on a line of their
 * own: one that changes hands between distant cores costs as much as a hundred dot
 * products. Nobody belongs to a loop: who takes an item keeps the loop from ending
 * until it is done, and the caller waits for items, not for workers that sleep or that
 * the machine runs later. The fields behind `at` are written between loops and read by
 * those who have taken an item. */
typedef struct {
	_Alignas(64) atomic_ullong at; /* next item << 32 | end */
	atomic_int done;
	int size;
	pool_fn fn;
	void *ud;
} share;

typedef struct {
	pool *owner;
	int index;
} member;

struct pool {
	int threads;
	pthread_t *thread;
	member *member;
	share *early, *late; /* [threads]: of the items that come first, of the others */
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	int started;
	bool quit;
	void *memory;
	size_t bytes;
	_Alignas(64) atomic_int sleepers; /* helpers that wait for wake */
	atomic_bool waiting;              /* the caller waits for done */
};

/* Is a loop of n run by the caller alone? */
static bool alone_with(const pool *p, int n)
{
	return !p || p->threads == 1 || n <= 1;
}

static int begin_of(const pool *p, int n, int worker)
{
	return (int)((int64_t)n * worker / pool_threads(p));
}

void pool_share(const pool *p, int n, int worker, int *begin, int *end)
{
	*begin = begin_of(p, n, worker);
	*end = begin_of(p, n, worker + 1);
}

static bool has_items(unsigned long long at)
{
	return at >> 32 < (at & 0xffffffff);
}

/* Hand out items [from, to) in shares. The workers see what was written before. */
static void deal(share *of, const pool *p, int from, int to, pool_fn fn, void *ud)
{
	for (int w = 0; w < p->threads; w++) {
		unsigned long long begin = (unsigned)(from + begin_of(p, to - from, w)), end = (unsigned)(from + begin_of(p, to - from, w + 1));
		share *s = &of[w];
		s->size = (int)(end - begin);
		s->fn = fn;
		s->ud = ud;
		atomic_store_explicit(&s->done, 0, memory_order_relaxed);
		atomic_store(&s->at, begin << 32 | end);
	}
}

/* Do a share's items until none is left. */
static void do_share(pool *p, share *s, int worker)
{
	for (;;) {
		unsigned long long was = atomic_load_explicit(&s->at, memory_order_relaxed);
		do {
			if (!has_items(was))
				return;
		} while (!atomic_compare_exchange_weak_explicit(&s->at, &was, was + (1ull << 32), memory_order_acquire, memory_order_relaxed));
		s->fn(s->ud, (int)(was >> 32), worker);
		atomic_fetch_add(&s->done, 1);
		if (atomic_load(&p->waiting)) {
			pthread_mutex_lock(&p->lock);
			pthread_cond_signal(&p->done);
			pthread_mutex_unlock(&p->lock);
		}
	}
}

/* Nobody helps with the items that come first until someone waits for them: they are
 * few, and to look after others takes as long as one. */
static void do_items(pool *p, int worker)
{
	do_share(p, &p->early[worker], worker);
	for (int k = 0; k < p->threads; k++)
		do_share(p, &p->late[(worker + k) % p->threads], worker);
}

static void help_first(pool *p, int worker)
{
	for (int w = 0; w < p->threads; w++)
		do_share(p, &p->early[w], worker);
}

static bool all_done(const share *of, const pool *p)
{
	for (int w = 0; w < p->threads; w++)
		if (atomic_load(&of[w].done) != of[w].size)
			return false;
	return true;
}

void pool_wait_first(pool *p, int worker)
{
	if (!p || p->threads == 1)
		return;
	/* Who came to help before this loop was dealt has not done its own yet. */
	do_share(p, &p->early[worker], worker);
	for (int i = 1; !all_done(p->early, p); i++)
		if (i % SPINS) {
			RELAX();
		} else { /* whoever has the items sleeps, or waits for this core */
			help_first(p, worker);
			sched_yield();
		}
}

/* Wait for items in one's own share; false: the team is dissolved. The caller deals and
 * then looks for sleepers, a helper counts itself and then looks for items: one of them
 * sees the other. */
static bool wait_for_items(pool *p, const share *own)
{
	bool quit = false;

	for (int i = 0; i < SPINS; i++) {
		if (has_items(atomic_load_explicit(&own->at, memory_order_relaxed)))
			return true;
		RELAX();
	}
	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&p->sleepers, 1);
	while (!has_items(atomic_load(&own->at)) && !p->quit)
		pthread_cond_wait(&p->wake, &p->lock);
	atomic_fetch_sub(&p->sleepers, 1);
	quit = p->quit;
	pthread_mutex_unlock(&p->lock);
	return !quit;
}

static void *helper(void *arg)
{
	member *m = arg;
	pool *p = m->owner;

	while (wait_for_items(p, &p->late[m->index]))
		do_items(p, m->index);
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
	p->early = mem_aligned(2 * (size_t)p->threads, sizeof(*p->early));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->done, NULL);
	if (!p->thread || !p->member || !p->early) {
		pool_close(p);
		return error_nomem(err, "the thread pool");
	}
	memset(p->early, 0, 2 * (size_t)p->threads * sizeof(*p->early));
	p->late = p->early + p->threads;

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
	free(p->early);
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

/* Of some share an item is not done: by someone who has taken it, as none are left. */
static void wait_for_others(pool *p)
{
	for (int i = 0; i < SPINS; i++) {
		if (all_done(p->late, p) && all_done(p->early, p))
			return;
		RELAX();
	}
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->waiting, true);
	while (!all_done(p->late, p) || !all_done(p->early, p))
		pthread_cond_wait(&p->done, &p->lock);
	atomic_store(&p->waiting, false);
	pthread_mutex_unlock(&p->lock);
}

void pool_run_staged(pool *p, int first, int n, pool_fn fn, void *ud)
{
	if (alone_with(p, n)) {
		for (int i = 0; i < n; i++)
			fn(ud, i, 0);
		return;
	}

	if (first)
		deal(p->early, p, 0, first, fn, ud);
	deal(p->late, p, first, n, fn, ud);
	if (atomic_load(&p->sleepers)) {
		pthread_mutex_lock(&p->lock);
		pthread_cond_broadcast(&p->wake);
		pthread_mutex_unlock(&p->lock);
	}

	do_items(p, 0);
	if (first)
		help_first(p, 0);
	wait_for_others(p);
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

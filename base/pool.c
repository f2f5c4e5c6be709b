#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#if defined(__x86_64__)
#define RELAX() __builtin_ia32_pause()
#else
#define RELAX() ((void)0)
#endif

/* Loops follow each other within microseconds during a forward pass; a short
 * spin before sleeping saves two context switches a loop. */
enum { SPINS = 4000 };

typedef struct {
	pool *owner;
	int index;
} member;

struct pool {
	int threads;
	pthread_t *thread;
	member *member;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	pool_fn fn;
	void *ud;
	int n;
	atomic_int next;     /* next item to hand out */
	atomic_int working;  /* helpers still inside the current loop */
	atomic_uint round;   /* grows with every loop */
	int started;
	bool quit;
	void *memory;
	size_t bytes;
};

static void take_items(pool *p, int worker)
{
	for (;;) {
		int i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
		if (i >= p->n)
			return;
		p->fn(p->ud, i, worker);
	}
}

static void *helper(void *arg)
{
	member *m = arg;
	pool *p = m->owner;
	unsigned seen = 0;

	for (;;) {
		for (int i = 0; i < SPINS && atomic_load_explicit(&p->round, memory_order_acquire) == seen; i++)
			RELAX();
		pthread_mutex_lock(&p->lock);
		while (atomic_load(&p->round) == seen && !p->quit)
			pthread_cond_wait(&p->wake, &p->lock);
		bool quit = p->quit;
		seen = atomic_load(&p->round);
		pthread_mutex_unlock(&p->lock);
		if (quit)
			return NULL;

		take_items(p, m->index);

		if (atomic_fetch_sub_explicit(&p->working, 1, memory_order_acq_rel) == 1) {
			pthread_mutex_lock(&p->lock);
			pthread_cond_signal(&p->done);
			pthread_mutex_unlock(&p->lock);
		}
	}
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

	pool *p = mem_zeroed(1, sizeof(*p));
	if (!p)
		return error_nomem(err, "the thread pool");
	p->threads = threads ? threads : cores();
	p->thread = mem_zeroed((size_t)p->threads, sizeof(*p->thread));
	p->member = mem_zeroed((size_t)p->threads, sizeof(*p->member));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->done, NULL);
	if (!p->thread || !p->member) {
		pool_close(p);
		return error_nomem(err, "the thread pool");
	}

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
	free(p->memory);
	free(p);
}

int pool_threads(const pool *p)
{
	return p ? p->threads : 1;
}

void pool_run(pool *p, int n, pool_fn fn, void *ud)
{
	if (!p || p->threads == 1 || n <= 1) {
		for (int i = 0; i < n; i++)
			fn(ud, i, 0);
		return;
	}

	pthread_mutex_lock(&p->lock);
	p->fn = fn;
	p->ud = ud;
	p->n = n;
	atomic_store_explicit(&p->next, 0, memory_order_relaxed);
	atomic_store(&p->working, p->threads - 1);
	atomic_fetch_add(&p->round, 1);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);

	take_items(p, 0);

	for (int i = 0; i < SPINS && atomic_load_explicit(&p->working, memory_order_acquire); i++)
		RELAX();
	pthread_mutex_lock(&p->lock);
	while (atomic_load(&p->working))
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
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

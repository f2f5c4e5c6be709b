/* Processes that die while they write: what they were told is in the library is
 * there, whole, and what they left is swept. */

#include "tests/support.h"

#include <signal.h>
#include <sys/resource.h>

#include "tests/store/library.h"

/* A child adds documents, each with a context, under a limit on file sizes; it says
 * through the pipe which it was told are in the library. */
static int add_limited(library *l, size_t limit, bool deadly, int *told)
{
	int p[2];
	int64_t id;

	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		struct rlimit r = { limit, limit };
		store *s;
		error e;
		int status;
		if (!deadly)
			signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &r);
		if ((status = store_open(&s, l->home, &e)))
			_exit(status == ERR_FULL ? 10 : 20);
		for (int i = 0; i < 6; i++) {
			char path[32], file[32];
			str full = STR_INIT;
			packed_writer *w;
			snprintf(path, sizeof(path), "/crash/%d", i);
			snprintf(file, sizeof(file), "crash%d.kv", i);
			document_row row = document_make(path, path, HASH_1);
			if ((status = store_put_document(s, &row, path, 9, "", &e)))
				_exit(status == ERR_FULL ? 10 : 21);
			store_context_path(&full, s, file);
			if ((status = packed_create(&w, full.data, HASH_1, &e)))
				_exit(status == ERR_FULL ? 10 : 22);
			if ((status = packed_put(w, 1, 0, path, 9, &e)))
				_exit(status == ERR_FULL ? 10 : 23);
			if ((status = packed_commit(w, &e)))
				_exit(status == ERR_FULL ? 10 : 24);
			context_row c = context_make(row.id, MODEL_A, 0, 1, file);
			if ((status = store_put_context(s, &c, &e)))
				_exit(status == ERR_FULL ? 10 : 25);
			if (write(p[1], &row.id, sizeof(row.id)) != sizeof(row.id))
				_exit(26);
			document_row_free(&row);
			str_free(&full);
		}
		_exit(0); /* without store_close: the next one finds the log as a crash leaves it */
	}
	close(p[1]);
	for (*told = 0; read(p[0], &id, sizeof(id)) == sizeof(id); ++*told)
		;
	close(p[0]);
	return wait_for(child);
}

/* The library opens, holds what the child was told it does, every row has its file. */
static void check_after_crash(library *l, int told)
{
	document_row *d;
	int n, whole = 0;

	OK(store_open(&l->s, l->home, &err));
	OK(store_check(l->s, &err));
	OK(store_list_documents(&d, &n, l->s, &err));
	for (int i = 0; i < n; i++) {
		context_row *c;
		int contexts;
		OK(store_list_contexts(&c, &contexts, l->s, d[i].id, MODEL_A, &err));
		for (int k = 0; k < contexts; k++) {
			str path = STR_INIT;
			packed_file *f;
			store_context_path(&path, l->s, c[k].file);
			OK(packed_open(&f, path.data, c[k].key, &err));
			OK(packed_verify(f, NULL, &err));
			packed_close(f);
			str_free(&path);
		}
		whole += contexts;
		free(c);
	}
	document_rows_free(d, n);
	assert_in_range(whole, told, told + 1);
}

static void clear(library *l)
{
	document_row *d;
	int64_t freed;
	int n;

	OK(store_list_documents(&d, &n, l->s, &err));
	for (int i = 0; i < n; i++)
		OK(store_remove_document(l->s, d[i].id, &freed, &err));
	document_rows_free(d, n);
	store_close(l->s);
	l->s = NULL;
}

static void keeps_its_word_across_crashes(void **state)
{
	library *l = *state;
	int crashes = 0, told, most = 0;

	store_close(l->s);
	l->s = NULL;
	for (size_t limit = 4096; most < 6; limit += 20000) {
		for (int deadly = 0; deadly < 2; deadly++) {
			int how = add_limited(l, limit, deadly, &told);
			if (how != 0 && how != (deadly ? -SIGXFSZ : 10))
				fail_msg("limit %zu deadly %d: %d", limit, deadly, how);
			crashes += how < 0;
			if (how == 0)
				most = told;
			check_after_crash(l, told);
			int64_t freed;
			OK(store_sweep(l->s, &freed, &err));
			for (int i = 0; i < 6; i++) {
				char tmp[32];
				snprintf(tmp, sizeof(tmp), "crash%d.kv.tmp", i);
				assert_false(context_file_there(l->s, tmp));
			}
			clear(l);
		}
	}
	assert_true(crashes > 3);
}

static void survives_a_kill_at_any_moment(void **state)
{
	library *l = *state;

	store_close(l->s);
	l->s = NULL;
	for (int i = 0; i < 10; i++) {
		int p[2], told = 0;
		char c;
		assert_int_equal(pipe(p), 0);
		fflush(NULL);
		pid_t child = fork();
		if (child == 0) {
			store *s;
			error e;
			if (store_open(&s, l->home, &e))
				_exit(1);
			for (int k = 0;; k++) {
				char path[64];
				snprintf(path, sizeof(path), "/kill/%d/%d", i, k);
				document_row r = document_make(path, "kill", HASH_1);
				if (store_put_document(s, &r, path, 5, "", &e) || write(p[1], "k", 1) != 1)
					_exit(1);
				document_row_free(&r);
			}
		}
		close(p[1]);
		usleep((useconds_t)(3000 + i * 2300));
		kill(child, SIGKILL);
		assert_int_equal(wait_for(child), -SIGKILL);
		while (read(p[0], &c, 1) == 1)
			told++;
		close(p[0]);
		document_row *d;
		int n;
		OK(store_open(&l->s, l->home, &err));
		OK(store_check(l->s, &err));
		OK(store_list_documents(&d, &n, l->s, &err));
		assert_in_range(n, told, told + 1);
		document_rows_free(d, n);
		clear(l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)
		T(keeps_its_word_across_crashes),
		T(survives_a_kill_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

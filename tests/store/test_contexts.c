/* Contexts' rows and files: the row comes last, a file goes with its last row, and
 * neither the budget nor the sweep takes what is in use. */

#include "tests/support.h"

#include <signal.h>
#include <sys/wait.h>

#include "store/db.h"
#include "tests/store/library.h"

static void keeps_rows_by_section(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1);
	context_row *r;
	int n;

	context_put(l->s, d, MODEL_A, 1, 2, "s1.kv", 20);
	context_put(l->s, d, MODEL_A, 0, 2, "s0.kv", 10);
	context_put(l->s, d, MODEL_B, 0, 1, "other.kv", 10);
	OK(store_list_contexts(&r, &n, l->s, d, MODEL_A, &err));
	assert_int_equal(n, 2);
	for (int i = 0; i < n; i++) {
		assert_int_equal(r[i].section, i);
		assert_int_equal(r[i].sections, 2);
		assert_int_equal(r[i].document, d);
		assert_int_equal(r[i].tokens, 12);
		assert_int_equal(r[i].to_byte, 4);
		assert_int_equal(r[i].file_bytes, 10 + 10 * i);
		assert_string_equal(r[i].model, MODEL_A);
		assert_string_equal(r[i].key, HASH_1);
		assert_string_equal(r[i].file, i ? "s1.kv" : "s0.kv");
		assert_true(r[i].created > 0 && r[i].used > 0);
	}
	free(r);
	OK(store_touch_contexts(l->s, d, MODEL_A, &err));
	assert_int_equal(context_count(l->s, d + 1, MODEL_A), 0);
}

static void takes_no_row_without_its_file(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1);
	static const char *const bad[] = { "", "x", ".kv", "../x.kv", "a/b.kv", ".hidden.kv", "x.kv.tmp" };
	context_row r = context_make(d, MODEL_A, 0, 1, "none.kv");

	assert_int_equal(store_put_context(l->s, &r, &err), ERR_NOTFOUND);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		r = context_make(d, MODEL_A, 0, 1, bad[i]);
		assert_int_equal(store_put_context(l->s, &r, &err), ERR_ARG);
	}
	context_file_make(l->s, "there.kv", 1);
	r = context_make(d + 1, MODEL_A, 0, 1, "there.kv");
	assert_int_equal(store_put_context(l->s, &r, &err), ERR_NOTFOUND);
	r = context_make(d, MODEL_A, 1, 1, "there.kv");
	assert_int_equal(store_put_context(l->s, &r, &err), ERR_ARG);
	assert_int_equal(context_count(l->s, d, MODEL_A), 0);
}

static void replaces_a_row_and_its_file(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1);

	context_put(l->s, d, MODEL_A, 0, 1, "old.kv", 10);
	context_put(l->s, d, MODEL_A, 0, 1, "new.kv", 10);
	assert_false(context_file_there(l->s, "old.kv"));
	context_put(l->s, d, MODEL_A, 0, 1, "new.kv", 20); /* the same again */
	assert_true(context_file_there(l->s, "new.kv"));
	assert_int_equal(context_count(l->s, d, MODEL_A), 1);
}

static void misses_after_the_document_changed(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1);

	context_put(l->s, d, MODEL_A, 0, 2, "a0.kv", 10);
	context_put(l->s, d, MODEL_A, 1, 2, "a1.kv", 10);
	context_put(l->s, d, MODEL_B, 0, 1, "b0.kv", 10);
	document_put(l->s, "/a", "a", HASH_2);
	assert_int_equal(context_count(l->s, d, MODEL_A), 0);
	/* Half way through the new reading the old files may still turn out to be wanted. */
	context_put(l->s, d, MODEL_A, 0, 2, "a2.kv", 10);
	assert_int_equal(context_count(l->s, d, MODEL_A), 1);
	assert_true(context_file_there(l->s, "a1.kv"));
	context_put(l->s, d, MODEL_A, 1, 2, "a1.kv", 10);
	assert_int_equal(context_count(l->s, d, MODEL_A), 2);
	assert_true(context_file_there(l->s, "a1.kv"));
	assert_false(context_file_there(l->s, "b0.kv"));
	/* The same text, cut into fewer sections. */
	context_put(l->s, d, MODEL_A, 0, 1, "whole.kv", 10);
	assert_int_equal(context_count(l->s, d, MODEL_A), 1);
	assert_false(context_file_there(l->s, "a1.kv"));
	assert_false(context_file_there(l->s, "a2.kv"));
}

static void removes_by_model(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1), freed;

	context_put(l->s, d, MODEL_A, 0, 2, "a0.kv", 10);
	context_put(l->s, d, MODEL_A, 1, 2, "a1.kv", 11);
	context_put(l->s, d, MODEL_B, 0, 1, "b0.kv", 100);
	OK(store_remove_contexts(l->s, d, MODEL_A, &freed, &err));
	assert_int_equal(freed, 21);
	assert_int_equal(context_count(l->s, d, MODEL_B), 1);
	OK(store_remove_contexts(l->s, d, NULL, &freed, &err));
	assert_int_equal(freed, 100);
	assert_false(context_file_there(l->s, "b0.kv"));
	OK(store_remove_contexts(l->s, d, NULL, &freed, &err));
	assert_int_equal(freed, 0);
}

/* ---- the disk budget ---- */

static void makes_room_oldest_first(void **state)
{
	library *l = *state;
	int64_t d[3], freed;

	for (int i = 0; i < 3; i++) {
		char path[8] = { '/', (char)('a' + i) }, file[8] = { (char)('a' + i), '.', 'k', 'v' };
		d[i] = document_put(l->s, path, path, HASH_1);
		context_put(l->s, d[i], MODEL_A, 0, 1, file, 1000);
	}
	OK(store_make_room(l->s, 5000, 0, 0, &freed, &err)); /* no limit */
	OK(store_make_room(l->s, 1000, 4000, 0, &freed, &err));
	assert_int_equal(freed, 0);
	OK(store_make_room(l->s, 1000, 3500, d[0], &freed, &err)); /* the oldest may not go */
	assert_int_equal(freed, 1000);
	assert_true(context_file_there(l->s, "a.kv"));
	assert_false(context_file_there(l->s, "b.kv"));
	assert_int_equal(context_count(l->s, d[1], MODEL_A), 0);
	/* What cannot be done takes nothing. */
	assert_int_equal(store_make_room(l->s, 1000, 1500, d[0], &freed, &err), ERR_FULL);
	assert_int_equal(freed, 0);
	assert_non_null(strstr(err.msg, "disk_budget"));
	assert_true(context_file_there(l->s, "c.kv"));
	assert_int_equal(context_count(l->s, d[2], MODEL_A), 1);
	assert_int_equal(store_make_room(l->s, 9000, 1500, 0, &freed, &err), ERR_FULL);
	OK(store_make_room(l->s, 1500, 1500, 0, &freed, &err));
	assert_int_equal(freed, 2000);
	document_row r;
	OK(store_find_document(&r, l->s, "a", &err)); /* documents stay */
	document_row_free(&r);
}

static void counts_a_shared_file_once(void **state)
{
	library *l = *state;
	int64_t a = document_put(l->s, "/a", "a", HASH_1), b = document_put(l->s, "/b", "b", HASH_1), freed;
	store_usage u;

	context_put(l->s, a, MODEL_A, 0, 1, "same.kv", 1000);
	context_put(l->s, b, MODEL_A, 0, 1, "same.kv", 1000);
	OK(store_get_usage(&u, l->s, &err));
	assert_int_equal(u.context_bytes, 1000);
	OK(store_make_room(l->s, 1000, 2000, 0, &freed, &err));
	assert_int_equal(freed, 0);
	OK(store_make_room(l->s, 1500, 2000, 0, &freed, &err)); /* both rows must go */
	assert_int_equal(freed, 1000);
}

/* ---- usage and sweep ---- */

/* A child that holds a half-written context until it is killed, or this process is gone. */
static pid_t writer(const char *path)
{
	int ready[2], alive[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(alive), 0);
	pid_t child = fork();
	if (child == 0) {
		packed_writer *w;
		error e;
		close(alive[1]);
		if (packed_create(&w, path, HASH_1, &e) || packed_put(w, 1, -1, path, 10, &e) || write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(alive[0], &c, 1) != 0);
	}
	close(ready[1]);
	close(alive[0]); /* the other end closes with this process */
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return child;
}

static void sweeps_what_dead_processes_left(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1), freed;
	store_usage u;
	str path = STR_INIT;
	int st;

	context_put(l->s, d, MODEL_A, 0, 1, "used.kv", 100);
	context_file_age(l->s, "used.kv", 1000000);
	context_file_make(l->s, "orphan.kv", 50);
	context_file_age(l->s, "orphan.kv", 3600);
	context_file_make(l->s, "young.kv", 7);
	context_file_make(l->s, "just-ahead.kv", 5);
	context_file_age(l->s, "just-ahead.kv", -2);
	context_file_make(l->s, "years-ahead.kv", 19);
	context_file_age(l->s, "years-ahead.kv", -4 * 365 * 24 * 3600);
	context_file_make(l->s, "left.kv.tmp", 3);
	context_file_make(l->s, "read.part", 11);
	context_file_make(l->s, "forgotten.part", 13);
	context_file_age(l->s, "forgotten.part", 90 * 24 * 3600);
	context_file_make(l->s, "somebody-elses.txt", 17);
	store_context_path(&path, l->s, "busy.kv");
	pid_t child = writer(path.data);

	OK(store_get_usage(&u, l->s, &err));
	assert_int_equal(u.context_bytes, 100);
	assert_int_equal(u.orphan_bytes, 50 + 7 + 5 + 19 + 3);
	assert_int_equal(u.partial_bytes, 24);
	assert_int_equal(u.documents, 1);
	assert_int_equal(u.contexts, 1);
	assert_true(u.free_bytes > 0);

	OK(store_sweep(l->s, &freed, &err));
	assert_int_equal(freed, 50 + 19 + 3 + 13);
	assert_true(context_file_there(l->s, "used.kv"));
	assert_true(context_file_there(l->s, "young.kv"));
	assert_true(context_file_there(l->s, "just-ahead.kv"));
	assert_true(context_file_there(l->s, "read.part"));
	assert_true(context_file_there(l->s, "somebody-elses.txt"));
	assert_true(context_file_there(l->s, "busy.kv.tmp"));
	assert_false(context_file_there(l->s, "orphan.kv"));
	assert_false(context_file_there(l->s, "years-ahead.kv"));
	assert_false(context_file_there(l->s, "left.kv.tmp"));
	assert_false(context_file_there(l->s, "forgotten.part"));

	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &st, 0), child);
	OK(store_sweep(l->s, &freed, &err));
	assert_false(context_file_there(l->s, "busy.kv.tmp"));
	str_free(&path);
}

static void never_follows_a_hostile_row(void **state)
{
	library *l = *state;
	int64_t d = document_put(l->s, "/a", "a", HASH_1), freed;
	char victim[128];
	context_row *r;
	int n;

	snprintf(victim, sizeof(victim), "%s/victim.kv", l->folder);
	close(open(victim, O_WRONLY | O_CREAT, 0600));
	context_put(l->s, d, MODEL_A, 0, 1, "a.kv", 10);
	OK(db_run(l->s, &err, "UPDATE contexts SET file = '../../victim.kv'", ""));
	assert_int_equal(store_list_contexts(&r, &n, l->s, d, MODEL_A, &err), ERR_FORMAT);
	assert_null(r);
	OK(store_remove_document(l->s, d, &freed, &err));
	assert_true(path_exists(victim));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)
		T(keeps_rows_by_section),
		T(takes_no_row_without_its_file),
		T(replaces_a_row_and_its_file),
		T(misses_after_the_document_changed),
		T(removes_by_model),
		T(makes_room_oldest_first),
		T(counts_a_shared_file_once),
		T(sweeps_what_dead_processes_left),
		T(never_follows_a_hostile_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

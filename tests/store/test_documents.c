/* Documents in the library: putting, naming, finding, removing. */

#include "tests/support.h"

#include "store/db.h"
#include "tests/store/library.h"

static void keeps_what_was_put(void **state)
{
	library *l = *state;
	static const char text[] = "a\0b\xff text";
	document_row r = document_make("/x/Frankenstein.txt", "Frankenstein", HASH_1), got;
	str t = STR_INIT, map = STR_INIT;

	OK(store_put_document(l->s, &r, text, sizeof(text), "{\"kind\":1}", &err));
	assert_string_equal(r.name, "frankenstein");
	assert_true(r.id > 0 && r.added > 0 && r.used >= r.added);
	store_close(l->s);
	OK(store_open(&l->s, l->home, &err));
	OK(store_find_document(&got, l->s, "frankenstein", &err));
	assert_int_equal(got.id, r.id);
	assert_string_equal(got.path, "/x/Frankenstein.txt");
	assert_string_equal(got.title, "Frankenstein");
	assert_string_equal(got.kind, "text");
	assert_string_equal(got.hash, HASH_1);
	assert_int_equal(got.bytes, 9);
	assert_int_equal(got.mtime_ns, 77);
	assert_int_equal(got.text_bytes, sizeof(text));
	assert_int_equal(got.added, r.added);
	OK(store_document_text(l->s, got.id, &t, &map, &err));
	assert_int_equal(t.len, sizeof(text));
	assert_memory_equal(t.data, text, sizeof(text));
	assert_string_equal(map.data, "{\"kind\":1}");
	assert_int_equal(store_document_text(l->s, 99, &t, NULL, &err), ERR_NOTFOUND);
	str_free(&t);
	str_free(&map);
	document_row_free(&got);
	document_row_free(&r);
}

static void updates_the_same_path(void **state)
{
	library *l = *state;
	int64_t id = document_put(l->s, "/x/a.txt", "a", HASH_1);
	document_row r = document_make("/x/a.txt", "A new title", HASH_2), *rows;
	str t = STR_INIT;
	int n;

	OK(store_put_document(l->s, &r, "other", 5, "[]", &err));
	assert_int_equal(r.id, id);
	assert_string_equal(r.name, "a");
	OK(store_document_text(l->s, id, &t, NULL, &err));
	assert_string_equal(t.data, "other");
	OK(store_list_documents(&rows, &n, l->s, &err));
	assert_int_equal(n, 1);
	assert_string_equal(rows[0].hash, HASH_2);
	document_rows_free(rows, n);
	document_row_free(&r);
	str_free(&t);
	/* Standard input has no path: the content decides. */
	int64_t one = document_put(l->s, "-", "stdin", HASH_1), two = document_put(l->s, "-", "stdin", HASH_2);
	assert_true(one != two);
	assert_int_equal(document_put(l->s, "-", "stdin", HASH_1), one);
}

static char *name_of(store *s, const char *path, const char *title)
{
	static char name[300];
	document_row r = document_make(path, title, HASH_1);

	OK(store_put_document(s, &r, "", 0, "", &err));
	snprintf(name, sizeof(name), "%s", r.name);
	document_row_free(&r);
	return name;
}

static void makes_names_to_type(void **state)
{
	library *l = *state;
	char longish[400];

	assert_string_equal(name_of(l->s, "/a", "The Time Machine"), "the-time-machine");
	assert_string_equal(name_of(l->s, "/b", "The  Time -- Machine!"), "the-time-machine-2");
	assert_string_equal(name_of(l->s, "/c", "the time machine"), "the-time-machine-3");
	assert_string_equal(name_of(l->s, "/d", "ÉCOLE d'été (1)"), "école-d-été-1");
	assert_string_equal(name_of(l->s, "/e", "e\xcc\x81" "cole"), "école"); /* composed */
	assert_string_equal(name_of(l->s, "/f", "注文 Книга"), "注文-книга");
	assert_string_equal(name_of(l->s, "/x/Notes_v1.2.md", ""), "notes_v1.2.md");
	assert_string_equal(name_of(l->s, "/g", "\x1b[31m\xff\xc0 ../.."), "31m-..-..");
	assert_string_equal(name_of(l->s, "/h", "!!!"), "unnamed");
	assert_string_equal(name_of(l->s, "/i", "..."), "unnamed-2");
	memset(longish, 'x', sizeof(longish) - 1);
	longish[sizeof(longish) - 1] = '\0';
	assert_int_equal(strlen(name_of(l->s, "/j", longish)), 60);
	assert_int_equal(strlen(name_of(l->s, "/k", longish)), 62);
}

static void keeps_a_given_name_its_own(void **state)
{
	library *l = *state;
	int64_t id = document_put(l->s, "/a", "a", HASH_1);
	document_row r = document_make("/b", "b", HASH_1);

	r.name = strdup("a");
	assert_int_equal(store_put_document(l->s, &r, "", 0, "", &err), ERR_ARG);
	assert_non_null(strstr(err.msg, "\"a\""));
	free(r.name);
	r.name = strdup("My Book");
	assert_int_equal(store_put_document(l->s, &r, "", 0, "", &err), ERR_ARG);
	assert_non_null(strstr(err.msg, "my-book"));
	free(r.name);
	r.name = strdup("book");
	OK(store_put_document(l->s, &r, "", 0, "", &err));
	OK(store_put_document(l->s, &r, "", 0, "", &err)); /* its own name is not taken */
	assert_int_equal(store_rename_document(l->s, id, "book", &err), ERR_ARG);
	assert_int_equal(store_rename_document(l->s, id, "../x", &err), ERR_ARG);
	assert_int_equal(store_rename_document(l->s, 99, "zebra", &err), ERR_NOTFOUND);
	OK(store_rename_document(l->s, id, "a", &err));
	OK(store_rename_document(l->s, id, "zebra", &err));
	document_row_free(&r);
	OK(store_find_document(&r, l->s, "zebra", &err));
	assert_int_equal(r.id, id);
	document_row_free(&r);
}

/* The id that word finds, or the error. */
static int64_t find(library *l, const char *word)
{
	document_row r;
	int status = store_find_document(&r, l->s, word, &err);
	int64_t id = r.id;

	document_row_free(&r);
	return status ? status : id;
}

static void finds_by_all_that_a_person_types(void **state)
{
	library *l = *state;
	int64_t moby = document_put(l->s, "/b/moby.txt", "Moby Dick", HASH_1);
	int64_t year = document_put(l->s, "/b/1984.txt", "2", HASH_1); /* a name that looks like an id */
	int64_t mob = document_put(l->s, "/b/mob.txt", "Mobs_and%riots", HASH_1);
	int64_t tales = document_put(l->s, "/b/t.txt", "Tales of old", HASH_1);

	OK(store_rename_document(l->s, tales, "old", &err));
	assert_int_equal(find(l, "moby-dick"), moby);
	assert_int_equal(find(l, "Moby-Dick"), moby);
	assert_int_equal(find(l, "1"), moby);
	assert_int_equal(find(l, "2"), year);
	assert_int_equal(find(l, "3"), mob);
	assert_int_equal(find(l, "/b/moby.txt"), moby);
	assert_int_equal(find(l, "/b/./x/../moby.txt"), moby);
	assert_int_equal(find(l, "moby"), moby);
	assert_int_equal(find(l, "mob"), ERR_ARG);
	assert_non_null(strstr(err.msg, "moby-dick"));
	assert_non_null(strstr(err.msg, "mobs_and-riots"));
	assert_int_equal(find(l, "tales"), tales); /* by title */
	assert_int_equal(find(l, "Mobs_and%r"), mob);
	assert_int_equal(find(l, "%"), ERR_NOTFOUND);
	assert_int_equal(find(l, "m_by"), ERR_NOTFOUND);
	assert_int_equal(find(l, "mob%"), ERR_NOTFOUND);
	assert_int_equal(find(l, "\\"), ERR_NOTFOUND);
	assert_int_equal(find(l, ""), ERR_ARG);
	assert_int_equal(find(l, "99999999999999999999"), ERR_NOTFOUND);
	assert_int_equal(find(l, "'; DROP TABLE documents; --"), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "folio list"));
}

static void finds_paths_relative_linked_and_gone(void **state)
{
	library *l = *state;
	char here[512], real[512], file[600], link[128];

	assert_non_null(getcwd(here, sizeof(here)));
	assert_non_null(realpath(l->folder, real));
	snprintf(file, sizeof(file), "%s/doc.txt", real);
	snprintf(link, sizeof(link), "%s/link", l->folder);
	int64_t id = document_put(l->s, file, "a title", HASH_1);
	int fd = open(file, O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_int_equal(symlink(l->folder, link), 0);
	assert_int_equal(chdir(l->home), 0);
	for (int gone = 0; gone < 2; gone++) {
		assert_int_equal(find(l, file), id);
		assert_int_equal(find(l, "../doc.txt"), id);
		assert_int_equal(find(l, "contexts/../..//./doc.txt"), id);
		strcat(link, "/doc.txt");
		assert_int_equal(find(l, link), id);
		link[strlen(link) - 8] = '\0';
		unlink(file);
	}
	assert_int_equal(chdir(here), 0);
	/* Paths may hold any bytes. */
	int64_t odd = document_put(l->s, "/x/\xff\x01'\n%", "odd", HASH_1);
	assert_int_equal(find(l, "/x/\xff\x01'\n%"), odd);
	assert_int_equal(find(l, "/x/\xfe\x01'\n%"), ERR_NOTFOUND);
}

static void lists_the_last_used_first(void **state)
{
	library *l = *state;
	int64_t a = document_put(l->s, "/a", "a", HASH_1);
	document_row *rows;
	int n;

	OK(store_list_documents(&rows, &n, l->s, &err));
	assert_int_equal(n, 1);
	document_rows_free(rows, n);
	document_put(l->s, "/b", "b", HASH_1);
	OK(db_run(l->s, &err, "UPDATE documents SET used = used - 10", ""));
	OK(store_touch_document(l->s, a, &err));
	assert_int_equal(store_touch_document(l->s, 99, &err), ERR_NOTFOUND);
	OK(store_list_documents(&rows, &n, l->s, &err));
	assert_int_equal(n, 2);
	assert_string_equal(rows[0].name, "a");
	document_rows_free(rows, n);
}

static void removes_all_of_a_document(void **state)
{
	library *l = *state;
	int64_t a = document_put(l->s, "/a", "a", HASH_1), b = document_put(l->s, "/b", "b", HASH_1), id, freed;
	store_usage u;
	str t = STR_INIT;

	context_put(l->s, a, MODEL_A, 0, 1, "only-a.kv", 1000);
	context_put(l->s, a, MODEL_B, 0, 1, "shared.kv", 300);
	context_put(l->s, b, MODEL_B, 0, 1, "shared.kv", 300);
	OK(store_new_conversation(&id, l->s, a, "why?", &err));
	OK(store_remove_document(l->s, a, &freed, &err));
	assert_int_equal(freed, 1000);
	assert_false(context_file_there(l->s, "only-a.kv"));
	assert_true(context_file_there(l->s, "shared.kv")); /* b's as well */
	assert_int_equal(store_document_text(l->s, a, &t, NULL, &err), ERR_NOTFOUND);
	OK(store_get_usage(&u, l->s, &err));
	assert_int_equal(u.documents, 1);
	assert_int_equal(u.conversations, 0);
	assert_int_equal(store_remove_document(l->s, a, &freed, &err), ERR_NOTFOUND);
	OK(store_remove_document(l->s, b, &freed, &err));
	assert_int_equal(freed, 300);
	assert_true(document_put(l->s, "/c", "c", HASH_1) > b); /* an id is never used again */
	OK(store_check(l->s, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)
		T(keeps_what_was_put),
		T(updates_the_same_path),
		T(makes_names_to_type),
		T(keeps_a_given_name_its_own),
		T(finds_by_all_that_a_person_types),
		T(finds_paths_relative_linked_and_gone),
		T(lists_the_last_used_first),
		T(removes_all_of_a_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

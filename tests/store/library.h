/* tests/store/library.h - a fresh library for a test, and rows to put into it. */

#ifndef TESTS_STORE_LIBRARY_H
#define TESTS_STORE_LIBRARY_H

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/path.h"
#include "store/packed.h"
#include "store/store.h"

#define MODEL_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define MODEL_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HASH_1  "11111111111111111111111111111111"
#define HASH_2  "22222222222222222222222222222222"

typedef struct {
	char folder[64], home[80], db[96];
	store *s;
} library;

static error err;

static inline int library_setup(void **state)
{
	library *l = calloc(1, sizeof(*l));

	snprintf(l->folder, sizeof(l->folder), "%s", test_folder());
	snprintf(l->home, sizeof(l->home), "%s/home", l->folder);
	snprintf(l->db, sizeof(l->db), "%s/folio.db", l->home);
	if (store_open(&l->s, l->home, &err)) {
		print_error("%s\n", err.msg);
		return -1;
	}
	*state = l;
	return 0;
}

static inline int library_teardown(void **state)
{
	library *l = *state;

	store_close(l->s);
	test_remove(l->folder);
	free(l);
	return 0;
}

static inline document_row document_make(const char *path, const char *title, const char *hash)
{
	document_row r = { .path = strdup(path), .title = strdup(title), .kind = strdup("text"), .bytes = 9, .mtime_ns = 77 };

	strcpy(r.hash, hash);
	return r;
}

/* Put a document; its id. */
static inline int64_t document_put(store *s, const char *path, const char *title, const char *hash)
{
	document_row r = document_make(path, title, hash);

	OK(store_put_document(s, &r, "text", 4, "{}", &err));
	int64_t id = r.id;
	document_row_free(&r);
	return id;
}

/* A file of so many bytes under contexts/. */
static inline void context_file_make(const store *s, const char *name, size_t bytes)
{
	str path = STR_INIT;

	store_context_path(&path, s, name);
	int fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	close(fd);
	str_free(&path);
}

static inline bool context_file_there(const store *s, const char *name)
{
	str path = STR_INIT;

	store_context_path(&path, s, name);
	bool there = path_exists(path.data);
	str_free(&path);
	return there;
}

static inline void context_file_age(const store *s, const char *name, int seconds)
{
	struct timespec t[2] = { { .tv_sec = time(NULL) - seconds }, { .tv_sec = time(NULL) - seconds } };
	str path = STR_INIT;

	store_context_path(&path, s, name);
	assert_int_equal(utimensat(AT_FDCWD, path.data, t, 0), 0);
	str_free(&path);
}

static inline context_row context_make(int64_t document, const char *model, int section, int sections, const char *file)
{
	context_row r = { .document = document, .section = section, .sections = sections, .to_byte = 4, .tokens = 12 };

	strcpy(r.model, model);
	strcpy(r.key, HASH_1);
	snprintf(r.file, sizeof(r.file), "%s", file);
	return r;
}

/* File and row of a context. */
static inline void context_put(store *s, int64_t document, const char *model, int section, int sections,
                               const char *file, size_t bytes)
{
	context_row r = context_make(document, model, section, sections, file);

	context_file_make(s, file, bytes);
	OK(store_put_context(s, &r, &err));
	assert_true(r.id > 0);
	assert_int_equal(r.file_bytes, bytes);
}

static inline int context_count(store *s, int64_t document, const char *model)
{
	context_row *r;
	int n;

	OK(store_list_contexts(&r, &n, s, document, model, &err));
	free(r);
	return n;
}

/* A child's exit status, or minus the signal that ended it. */
static inline int wait_for(pid_t child)
{
	int st;

	assert_int_equal(waitpid(child, &st, 0), child);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st);
}

#endif

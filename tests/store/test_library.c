/* The library as a whole: opening, privacy, migrations, damage, full disks and
 * several processes at once. */

#include "tests/support.h"

#include "store/db.h"
#include "tests/store/library.h"

static int mode_of(const char *folder, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, &st) ? -1 : (int)(st.st_mode & 0777);
}

static void is_private_whatever_the_umask(void **state)
{
	library *l = *state;
	mode_t old = umask(0);
	char home[128];
	store *s;

	snprintf(home, sizeof(home), "%s/deep/er", l->folder);
	for (int i = 0; i < 2; i++) {
		OK(store_open(&s, home, &err));
		document_put(s, "/a", "a", HASH_1);
		assert_int_equal(mode_of(home, ""), 0700);
		assert_int_equal(mode_of(home, "contexts"), 0700);
		assert_int_equal(mode_of(home, "folio.db"), 0600);
		assert_int_equal(mode_of(home, "folio.db-wal"), 0600);
		assert_int_equal(mode_of(home, "folio.db-shm"), 0600);
		store_close(s);
		/* What was opened to others is closed again. */
		char db[160];
		snprintf(db, sizeof(db), "%s/folio.db", home);
		assert_int_equal(chmod(db, 0644), 0);
	}
	umask(old);
}

static void tells_where_it_is(void **state)
{
	library *l = *state;
	char real[512], want[600];
	str path = STR_INIT;

	assert_non_null(realpath(l->home, real));
	assert_string_equal(store_home(l->s), real);
	store_context_path(&path, l->s, "x.kv");
	snprintf(want, sizeof(want), "%s/contexts/x.kv", real);
	assert_string_equal(path.data, want);
	str_free(&path);
	store_close(NULL);
}

static int open_status(library *l)
{
	store_close(l->s);
	return store_open(&l->s, l->home, &err);
}

static void refuses_a_newer_library(void **state)
{
	library *l = *state;

	OK(db_run(l->s, &err, "PRAGMA user_version = 999", ""));
	assert_int_equal(open_status(l), ERR_FORMAT);
	assert_null(l->s);
	assert_non_null(strstr(err.msg, "update folio"));
}

static void refuses_another_programs_database(void **state)
{
	library *l = *state;

	OK(db_run(l->s, &err, "PRAGMA application_id = 0", ""));
	assert_int_equal(open_status(l), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "another program"));
}

/* ---- migrations ---- */

/* Version 1 as it was published: it must open for ever. */
static const char version_1[] =
	"PRAGMA application_id = 1718578281; PRAGMA user_version = 1;"
	"CREATE TABLE documents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL,"
	" title TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
	" text_bytes INTEGER NOT NULL, added INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"
	"CREATE UNIQUE INDEX documents_path ON documents(path) WHERE path <> '-';"
	"CREATE UNIQUE INDEX documents_stdin ON documents(hash) WHERE path = '-';"
	"CREATE TABLE texts (document INTEGER PRIMARY KEY REFERENCES documents(id) ON DELETE CASCADE,"
	" text BLOB NOT NULL, map TEXT NOT NULL) STRICT;"
	"CREATE TABLE contexts (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE, model TEXT NOT NULL,"
	" section INTEGER NOT NULL, sections INTEGER NOT NULL, hash TEXT NOT NULL, key TEXT NOT NULL,"
	" from_byte INTEGER NOT NULL, to_byte INTEGER NOT NULL, tokens INTEGER NOT NULL, file_bytes INTEGER NOT NULL,"
	" file TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL, UNIQUE (document, model, section)) STRICT;"
	"CREATE INDEX contexts_file ON contexts(file);"
	"CREATE TABLE conversations (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE, title TEXT NOT NULL,"
	" created INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"
	"CREATE INDEX conversations_document ON conversations(document);"
	"CREATE TABLE turns (id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE, question TEXT NOT NULL,"
	" answer TEXT NOT NULL, sources TEXT NOT NULL, settings TEXT NOT NULL, asked INTEGER NOT NULL,"
	" took_ms INTEGER NOT NULL) STRICT;"
	"CREATE INDEX turns_conversation ON turns(conversation);"
	"CREATE TABLE models (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL UNIQUE,"
	" fingerprint TEXT NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, profile TEXT NOT NULL,"
	" is_default INTEGER NOT NULL, added INTEGER NOT NULL) STRICT;"
	"CREATE UNIQUE INDEX models_default ON models(is_default) WHERE is_default <> 0;"
	"INSERT INTO documents VALUES (7, 'old', '/old', 'Old', 'text', '" HASH_1 "', 1, 2, 3, 4, 5);"
	"INSERT INTO texts VALUES (7, x'616263', '{}');"
	"INSERT INTO contexts VALUES (3, 7, '" MODEL_A "', 0, 1, '" HASH_1 "', '" HASH_2 "', 0, 3, 9, 10, 'o.kv', 1, 2);"
	"INSERT INTO conversations VALUES (2, 7, 'why', 1, 2);"
	"INSERT INTO turns VALUES (5, 2, 'why', 'because', '[]', '{}', 1, 2);"
	"INSERT INTO models VALUES (1, 'm', '/m', '', 1, 2, '', 1, 3);";

static void opens_version_1(void **state)
{
	library *l = *state;
	sqlite3 *db;
	document_row d;
	model_row m;
	turn_row *t;
	str text = STR_INIT;
	int n;

	store_close(l->s);
	l->s = NULL;
	unlink(l->db);
	assert_int_equal(sqlite3_open(l->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, version_1, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);

	OK(store_open(&l->s, l->home, &err));
	OK(store_find_document(&d, l->s, "old", &err));
	assert_int_equal(d.id, 7);
	document_row_free(&d);
	OK(store_document_text(l->s, 7, &text, NULL, &err));
	assert_string_equal(text.data, "abc");
	str_free(&text);
	assert_int_equal(context_count(l->s, 7, MODEL_A), 1);
	OK(store_list_turns(&t, &n, l->s, 2, &err));
	assert_int_equal(n, 1);
	assert_string_equal(t[0].answer, "because");
	turn_rows_free(t, n);
	OK(store_find_model(&m, l->s, NULL, &err));
	assert_string_equal(m.path, "/m");
	model_row_free(&m);
	OK(store_check(l->s, &err));
}

static void migrates_in_one_transaction(void **state)
{
	library *l = *state;
	const char *step[] = { "", "", "" };
	int64_t n = 0;

	document_put(l->s, "/a", "a", HASH_1);
	assert_int_equal(db_steps, 1); /* the steps below follow the last one */
	step[1] = "ALTER TABLE documents ADD COLUMN language TEXT NOT NULL DEFAULT 'en'";
	step[2] = "CREATE TABLE broken (";
	assert_true(db_migrate(l->s, step, 3, &err) < 0);
	assert_int_equal(db_int(&n, l->s, &err, "PRAGMA user_version", ""), 1);
	assert_int_equal(n, 1);
	assert_true(db_int(&n, l->s, NULL, "SELECT count(language) FROM documents", "") < 0);
	step[2] = "CREATE TABLE more (a INTEGER)";
	OK(db_migrate(l->s, step, 3, &err));
	assert_int_equal(db_int(&n, l->s, &err, "SELECT count(language) FROM documents", ""), 1);
	assert_int_equal(n, 1);
	assert_int_equal(open_status(l), ERR_FORMAT); /* for a folio that knows only the first */
}

/* ---- damage ---- */

static void says_that_it_is_damaged(void **state)
{
	library *l = *state;
	struct stat st;

	store_close(l->s);
	l->s = NULL;
	int fd = open(l->db, O_WRONLY);
	assert_int_equal(pwrite(fd, "this is no database, it is a letter to a friend", 47, 0), 47);
	close(fd);
	assert_int_equal(store_open(&l->s, l->home, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "folio.db"));
	assert_non_null(strstr(err.msg, "damaged"));
	assert_int_equal(stat(l->db, &st), 0);
	assert_true(st.st_size > 47); /* nothing was deleted */
	unlink(l->db);
	assert_int_equal(mkdir(l->db, 0700), 0);
	assert_int_equal(store_open(&l->s, l->home, &err), ERR_IO);
}

/* Use everything that reads; nothing may crash, whatever is said. */
static void use(store *s)
{
	document_row *d, one;
	model_row *m;
	conversation_row *c;
	store_usage u;
	str text = STR_INIT;
	int64_t freed;
	int n;

	if (store_list_documents(&d, &n, s, NULL) == 0)
		document_rows_free(d, n);
	if (store_find_document(&one, s, "a", NULL) == 0)
		document_row_free(&one);
	store_document_text(s, 1, &text, &text, NULL);
	if (store_list_models(&m, &n, s, NULL) == 0)
		model_rows_free(m, n);
	if (store_list_conversations(&c, &n, s, 1, NULL) == 0)
		conversation_rows_free(c, n);
	store_get_usage(&u, s, NULL);
	store_remove_document(s, 1, &freed, NULL);
	store_check(s, NULL);
	str_free(&text);
}

static void survives_any_damaged_byte(void **state)
{
	library *l = *state;
	str good = STR_INIT;
	int64_t id;
	int fd, found = 0;

	document_put(l->s, "/a", "a", HASH_1);
	context_put(l->s, 1, MODEL_A, 0, 1, "a.kv", 10);
	OK(store_new_conversation(&id, l->s, 1, "x", &err));
	store_close(l->s);
	l->s = NULL;
	fd = open(l->db, O_RDONLY);
	char buf[65536];
	for (ssize_t n; (n = read(fd, buf, sizeof(buf))) > 0;)
		str_put(&good, buf, (size_t)n);
	close(fd);
	/* Heads of pages, where the structure is, and some of what lies between. */
	for (size_t at = 17; at < good.len; at += at % 4096 < 12 ? 4 : at % 4096 > 2000 ? 4096 - at % 4096 : 1111) {
		fd = open(l->db, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, good.data, good.len), good.len);
		assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, (off_t)at), 4);
		close(fd);
		if (store_open(&l->s, l->home, &err) == 0) {
			found += store_check(l->s, &err) == ERR_FORMAT;
			use(l->s);
		} else {
			found += err.code == ERR_FORMAT;
		}
		store_close(l->s);
		l->s = NULL;
	}
	assert_true(found > 20);
	str_free(&good);
}

static void finds_rows_that_belong_to_nothing(void **state)
{
	library *l = *state;

	OK(store_check(l->s, &err));
	OK(db_run(l->s, &err, "PRAGMA foreign_keys = OFF", ""));
	OK(db_run(l->s, &err, "INSERT INTO texts VALUES (5, x'61', '')", ""));
	assert_int_equal(store_check(l->s, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "texts"));
}

/* ---- folders that cannot be written, disks that are full ---- */

static void says_that_the_folder_cannot_be_written(void **state)
{
	library *l = *state;
	char home[128], file[200];

	/* Another user's library: root would be let in. */
	snprintf(home, sizeof(home), "%s/none/home", l->folder);
	snprintf(file, sizeof(file), "%s/none", l->folder);
	assert_int_equal(mkdir(file, 0555), 0);
	assert_int_equal(chmod(l->folder, 0755), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		store *s;
		error e;
		if (getuid() == 0 && setresuid(65534, 65534, 65534))
			_exit(2);
		int status = store_open(&s, home, &e);
		_exit(status == ERR_IO && strstr(e.msg, "/none/home") ? 0 : 1);
	}
	assert_int_equal(wait_for(child), 0);
	store *s;
	snprintf(home, sizeof(home), "%s/folio.db/x", l->home);
	assert_int_equal(store_open(&s, home, &err), ERR_IO);
}

static void says_that_the_catalogue_cannot_be_written(void **state)
{
	library *l = *state;

	/* Without the log and its index, which only a writer may make. */
	store_close(l->s);
	l->s = NULL;
	assert_int_equal(chmod(l->folder, 0755), 0);
	assert_int_equal(chmod(l->home, 0555), 0);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		store *s;
		error e;
		if (getuid() == 0 && (chown(l->db, 65534, 65534) || setresuid(65534, 65534, 65534)))
			_exit(2);
		int status = store_open(&s, l->home, &e);
		_exit(status == ERR_IO && strstr(e.msg, "is yours and not read-only") ? 0 : 1);
	}
	assert_int_equal(wait_for(child), 0);
	assert_int_equal(chmod(l->home, 0700), 0);
}

static void says_that_the_disk_is_full(void **state)
{
	library *l = *state;
	static char text[3000000];
	document_row *d;
	int n;

	document_put(l->s, "/kept", "kept", HASH_1);
	OK(db_run(l->s, &err, "PRAGMA max_page_count = 100", "")); /* SQLite's own "full" */
	document_row r = document_make("/big", "big", HASH_1);
	assert_int_equal(store_put_document(l->s, &r, text, sizeof(text), "", &err), ERR_FULL);
	assert_non_null(strstr(err.msg, "full"));
	document_row_free(&r);
	OK(store_list_documents(&d, &n, l->s, &err));
	assert_int_equal(n, 1);
	document_rows_free(d, n);
	document_put(l->s, "/after", "after", HASH_1); /* no transaction was left open */
}

/* ---- several processes ---- */

static void lets_processes_add_at_once(void **state)
{
	library *l = *state;
	pid_t child[4];
	char home[128];
	store *s;
	store_usage u;

	/* In a home that none of them has made yet. */
	snprintf(home, sizeof(home), "%s/together", l->folder);
	fflush(NULL);
	for (int i = 0; i < 4; i++) {
		if ((child[i] = fork()) == 0) {
			store *mine;
			error e;
			if (store_open(&mine, home, &e)) {
				fprintf(stderr, "%s\n", e.msg);
				_exit(1);
			}
			for (int k = 0; k < 10; k++) {
				char path[32];
				snprintf(path, sizeof(path), "/%d/%d", i, k);
				document_row r = document_make(path, "same title", HASH_1);
				if (store_put_document(mine, &r, "x", 1, "", &e)) {
					fprintf(stderr, "%s\n", e.msg);
					_exit(2);
				}
			}
			store_close(mine);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(wait_for(child[i]), 0);
	OK(store_open(&s, home, &err));
	OK(store_get_usage(&u, s, &err));
	assert_int_equal(u.documents, 40);
	OK(store_check(s, &err));
	store_close(s);
}

static void says_that_another_holds_it(void **state)
{
	library *l = *state;
	store *other;
	int64_t freed;

	OK(store_open(&other, l->home, &err));
	sqlite3_busy_timeout(other->db, 50);
	OK(db_begin(l->s, &err));
	assert_int_equal(store_sweep(other, &freed, &err), ERR_BUSY);
	assert_non_null(strstr(err.msg, "another folio"));
	document_row *d;
	int n;
	OK(store_list_documents(&d, &n, other, &err)); /* reading goes on */
	document_rows_free(d, n);
	OK(db_end(l->s, 0, &err));
	OK(store_sweep(other, &freed, &err));
	store_close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, library_setup, library_teardown)
		T(is_private_whatever_the_umask),
		T(tells_where_it_is),
		T(refuses_a_newer_library),
		T(refuses_another_programs_database),
		T(opens_version_1),
		T(migrates_in_one_transaction),
		T(says_that_it_is_damaged),
		T(survives_any_damaged_byte),
		T(finds_rows_that_belong_to_nothing),
		T(says_that_the_folder_cannot_be_written),
		T(says_that_the_catalogue_cannot_be_written),
		T(says_that_the_disk_is_full),
		T(lets_processes_add_at_once),
		T(says_that_another_holds_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

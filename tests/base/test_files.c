/* Files, paths, hashes and the log. */

#include "tests/support.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/path.h"

static void a_file_is_replaced_whole(void **state)
{
	const char *folder = test_folder();
	char path[256], tmp[300];
	str s = STR_INIT;
	file_map m;
	error err = { 0 };

	(void)state;
	snprintf(path, sizeof(path), "%s/f", folder);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	OK(file_write(path, "one", 3, &err));
	OK(file_write(path, "second", 6, &err));
	assert_false(path_exists(tmp));
	OK(file_read(&s, path, 6, &err));
	assert_string_equal(str_text(&s), "second");
	assert_int_equal(file_read(&s, path, 5, &err), ERR_ARG);
	assert_non_null(strstr(err.msg, path));
	OK(file_map_open(&m, path, &err));
	assert_int_equal(m.size, 6);
	assert_memory_equal(m.data, "second", 6);
	file_map_close(&m);
	OK(file_write(path, "", 0, &err));
	OK(file_map_open(&m, path, &err));
	assert_true(m.size == 0 && m.data == NULL);
	file_map_close(&m);

	/* A folder is no file, and what is not there is not found. */
	assert_int_not_equal(file_map_open(&m, folder, &err), 0);
	snprintf(path, sizeof(path), "%s/none", folder);
	assert_int_equal(file_map_open(&m, path, &err), ERR_NOTFOUND);
	assert_int_equal(file_read(&s, path, 0, &err), ERR_NOTFOUND);
	snprintf(path, sizeof(path), "%s/none/f", folder);
	assert_int_not_equal(file_write(path, "x", 1, &err), 0);
	assert_non_null(strstr(err.msg, path));
	str_free(&s);
	test_remove(folder);
}

static void paths_are_put_together(void **state)
{
	str s = STR_INIT;

	(void)state;
	path_join(&s, "/a/", "b");
	assert_string_equal(str_text(&s), "/a/b");
	path_join(&s, "a", "b/c.tar.gz");
	assert_string_equal(str_text(&s), "a/b/c.tar.gz");
	assert_string_equal(path_base(str_text(&s)), "c.tar.gz");
	assert_string_equal(path_extension(str_text(&s)), "gz");
	assert_string_equal(path_extension("a.b/c"), "");
	assert_string_equal(path_base("a/"), "");
	str_free(&s);
}

static void folders_are_made_private(void **state)
{
	const char *folder = test_folder();
	char path[256];
	str real = STR_INIT;
	struct stat st;
	error err = { 0 };

	(void)state;
	snprintf(path, sizeof(path), "%s/x/y/z", folder);
	OK(path_make_dirs(path, &err));
	OK(path_make_dirs(path, &err));
	assert_true(path_is_dir(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/x/../x/./y", folder);
	OK(path_real(&real, path, &err));
	snprintf(path, sizeof(path), "%s/x/y", folder);
	assert_string_equal(str_text(&real), path);
	snprintf(path, sizeof(path), "%s/no", folder);
	assert_int_equal(path_real(&real, path, &err), ERR_NOTFOUND);
	str_free(&real);
	test_remove(folder);
}

static void xdg_decides_where_things_are(void **state)
{
	str s = STR_INIT;
	error err = { 0 };

	(void)state;
	setenv("HOME", "/h", 1);
	unsetenv("FOLIO_HOME");
	unsetenv("FOLIO_CONFIG");
	unsetenv("XDG_DATA_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	OK(path_data_home(&s, &err));
	assert_string_equal(str_text(&s), "/h/.local/share/folio");
	OK(path_config_file(&s, &err));
	assert_string_equal(str_text(&s), "/h/.config/folio/config.ini");
	OK(path_state_home(&s, &err));
	assert_string_equal(str_text(&s), "/h/.local/state/folio");
	setenv("XDG_DATA_HOME", "/d", 1);
	setenv("XDG_CONFIG_HOME", "/c", 1);
	setenv("XDG_STATE_HOME", "/s", 1);
	OK(path_data_home(&s, &err));
	assert_string_equal(str_text(&s), "/d/folio");
	OK(path_config_file(&s, &err));
	assert_string_equal(str_text(&s), "/c/folio/config.ini");
	OK(path_state_home(&s, &err));
	assert_string_equal(str_text(&s), "/s/folio");
	setenv("FOLIO_HOME", "/f", 1);
	setenv("FOLIO_CONFIG", "/f/own.ini", 1);
	OK(path_data_home(&s, &err));
	assert_string_equal(str_text(&s), "/f");
	OK(path_config_file(&s, &err));
	assert_string_equal(str_text(&s), "/f/own.ini");
	OK(path_state_home(&s, &err));
	assert_string_equal(str_text(&s), "/f/state");
	str_free(&s);
}

static void hashes_are_the_published_ones(void **state)
{
	const char *folder = test_folder();
	char path[256], sum[65], a[HASH_TEXT], b[HASH_TEXT];
	error err = { 0 };

	(void)state;
	/* XXH3's of the empty input, and SHA-256 of "abc" from FIPS 180-2. */
	assert_true(hash_64("", 0) == 0x2d06800538d394c2u);
	hash_text(a, "", 0);
	assert_string_equal(a, "99aa06d3014798d86001c324468d497f");
	snprintf(path, sizeof(path), "%s/abc", folder);
	OK(file_write(path, "abc", 3, &err));
	OK(hash_file_sha256(sum, path, &err));
	assert_string_equal(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

	/* Bytes that move from one part to the next change the hash. */
	hasher *h = hasher_new();
	hasher_part(h, "ab", 2);
	hasher_part(h, "c", 1);
	hasher_end(h, a);
	h = hasher_new();
	hasher_part(h, "a", 1);
	hasher_part(h, "bc", 2);
	hasher_end(h, b);
	assert_string_not_equal(a, b);
	test_remove(folder);
}

static void the_log_keeps_levels_and_turns_over(void **state)
{
	const char *folder = test_folder();
	char path[256], old[260], line[1000];
	struct stat st;
	str s = STR_INIT;
	error err = { 0 };
	log_level level;

	(void)state;
	log_line(LOG_ERROR, "before it is open"); /* nothing happens */
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(old, sizeof(old), "%s.1", path);
	OK(log_open(path, LOG_WARN, &err));
	log_line(LOG_WARN, "kept %d", 1);
	log_line(LOG_INFO, "left out");
	log_close();
	OK(file_read(&s, path, 0, &err));
	assert_non_null(strstr(s.data, "kept 1"));
	assert_null(strstr(s.data, "left out"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	memset(line, 'x', sizeof(line));
	str_clear(&s);
	for (int i = 0; i < 5000; i++)
		str_put(&s, line, sizeof(line));
	OK(file_write(path, s.data, s.len, &err));
	OK(log_open(path, LOG_INFO, &err));
	log_close();
	assert_true(path_exists(old));
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 1000);
	OK(log_level_parse(&level, "debug", &err));
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse(&level, "loud", &err), ERR_ARG);
	str_free(&s);
	test_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_replaced_whole),
		cmocka_unit_test(paths_are_put_together),
		cmocka_unit_test(folders_are_made_private),
		cmocka_unit_test(xdg_decides_where_things_are),
		cmocka_unit_test(hashes_are_the_published_ones),
		cmocka_unit_test(the_log_keeps_levels_and_turns_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

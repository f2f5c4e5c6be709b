/* The journal of an interrupted read: what was appended is there again, what was
 * torn is not, and it is never mistaken for another document's. */

#include "tests/support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/path.h"
#include "store/packed.h"

#define KEY  "0123456789abcdef0123456789abcdef"
#define KEY2 "ffffffffffffffffffffffffffffffff"

typedef struct {
	char folder[64], path[96];
} place;

static error err;

static int setup(void **state)
{
	place *p = calloc(1, sizeof(*p));

	snprintf(p->folder, sizeof(p->folder), "%s", test_folder());
	snprintf(p->path, sizeof(p->path), "%s/k.part", p->folder);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	place *p = *state;

	test_remove(p->folder);
	free(p);
	return 0;
}

/* Block i: a size of its own, bytes of its own; the third is empty. */
static size_t block_size(int i)
{
	return i == 2 ? 0 : 1000 + (size_t)i * 777;
}

static int append(partial *p, int i, error *e)
{
	char buf[20000];

	memset(buf, 'a' + i, sizeof(buf));
	return partial_append(p, buf, block_size(i), e);
}

/* How many blocks there are; each must be the one it should. */
static int whole_blocks(const char *path, const char *key)
{
	partial *p;

	OK(partial_open(&p, path, key, &err));
	int n = partial_blocks(p);
	for (int i = n - 1; i >= 0; i--) {
		const char *bytes;
		size_t len;
		OK(partial_get(p, i, (const void **)&bytes, &len, &err));
		assert_int_equal(len, block_size(i));
		for (size_t k = 0; k < len; k++)
			assert_int_equal(bytes[k], 'a' + i);
	}
	partial_close(p);
	return n;
}

static void begin(const char *path, int blocks)
{
	partial *p;

	OK(partial_open(&p, path, KEY, &err));
	assert_int_equal(partial_blocks(p), 0);
	for (int i = 0; i < blocks; i++)
		OK(append(p, i, &err));
	assert_int_equal(partial_blocks(p), blocks);
	partial_close(p);
}

static void keeps_blocks(void **state)
{
	place *pl = *state;
	partial *p;
	const void *bytes;
	size_t n;
	struct stat st;

	begin(pl->path, 5);
	assert_int_equal(whole_blocks(pl->path, KEY), 5);
	OK(partial_open(&p, pl->path, KEY, &err));
	OK(append(p, 5, &err));
	assert_int_equal(partial_get(p, 6, &bytes, &n, &err), ERR_ARG);
	assert_int_equal(partial_get(p, -1, &bytes, &n, &err), ERR_ARG);
	partial_close(p);
	assert_int_equal(whole_blocks(pl->path, KEY), 6);
	assert_int_equal(stat(pl->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void begins_anew_for_another_key(void **state)
{
	place *pl = *state;

	begin(pl->path, 3);
	assert_int_equal(whole_blocks(pl->path, KEY2), 0);
	assert_int_equal(whole_blocks(pl->path, KEY), 0);
}

static void is_one_readers(void **state)
{
	place *pl = *state;
	partial *a, *b;

	OK(partial_open(&a, pl->path, KEY, &err));
	OK(append(a, 0, &err));
	assert_int_equal(partial_open(&b, pl->path, KEY, &err), ERR_BUSY);
	assert_null(b);
	partial_discard(a);
	assert_false(path_exists(pl->path));
	OK(partial_open(&b, pl->path, KEY, &err));
	assert_int_equal(partial_blocks(b), 0);
	partial_close(b);
	partial_close(NULL);
	partial_discard(NULL);
	assert_int_equal(partial_open(&b, pl->path, "", &err), ERR_ARG);
	assert_int_equal(partial_open(&b, pl->folder, KEY, &err), ERR_IO);
}

static int64_t file_size(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void drops_a_torn_tail(void **state)
{
	place *pl = *state;
	int64_t end[5] = { 64 }; /* of block i - 1 */

	begin(pl->path, 4);
	for (int i = 0; i < 4; i++)
		end[i + 1] = end[i] + 64 + ((int64_t)block_size(i) + 63) / 64 * 64;
	assert_int_equal(file_size(pl->path), end[4]);
	for (int64_t cut = end[4] - 1; cut >= 0; cut -= 61) {
		int whole = 0;
		while (whole < 4 && end[whole + 1] <= cut)
			whole++;
		assert_int_equal(truncate(pl->path, cut), 0);
		assert_int_equal(whole_blocks(pl->path, KEY), whole);
		assert_int_equal(file_size(pl->path), end[whole]);
	}
	assert_int_equal(truncate(pl->path, 0), 0);
	begin(pl->path, 4); /* and goes on from there */
	assert_int_equal(whole_blocks(pl->path, KEY), 4);
}

static void drops_from_the_damaged_block_on(void **state)
{
	place *pl = *state;
	partial *p;
	const void *bytes;
	size_t n;

	begin(pl->path, 4);
	int64_t second = 64 + 64 + (1000 + 63) / 64 * 64;
	int fd = open(pl->path, O_WRONLY);
	/* While it is open: partial_get looks again. */
	OK(partial_open(&p, pl->path, KEY, &err));
	assert_int_equal(pwrite(fd, "x", 1, second + 64 + 100), 1);
	assert_int_equal(partial_get(p, 1, &bytes, &n, &err), ERR_FORMAT);
	assert_null(bytes);
	partial_close(p);
	assert_int_equal(whole_blocks(pl->path, KEY), 1);
	close(fd);
}

static void sees_every_flip(void **state)
{
	place *pl = *state;

	begin(pl->path, 1);
	for (int64_t at = 0; at < 64 + 64 + 1000; at += at < 128 ? 1 : 50) {
		uint8_t b;
		int fd = open(pl->path, O_RDWR);
		assert_int_equal(pread(fd, &b, 1, at), 1);
		b ^= (uint8_t)(1 << at % 8);
		assert_int_equal(pwrite(fd, &b, 1, at), 1);
		close(fd);
		assert_int_equal(whole_blocks(pl->path, KEY), 0);
		assert_int_equal(file_size(pl->path), 64);
		begin(pl->path, 1);
	}
}

/* A child that may write only so much to a file; deadly: the kernel kills it there.
 * Gives how many blocks it was told are on disk, through its exit status. */
static int append_limited(const char *path, size_t limit, bool deadly)
{
	pid_t child = fork();

	if (child == 0) {
		struct rlimit r = { limit, limit };
		partial *p;
		error e;
		int done = 0, status;
		if (!deadly)
			signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &r);
		if ((status = partial_open(&p, path, KEY, &e)))
			_exit(status == ERR_FULL ? 0 : 99);
		while (done < 10 && (status = append(p, done, &e)) == 0)
			done++;
		_exit(status == 0 || status == ERR_FULL ? done : 99);
	}
	int st;
	assert_int_equal(waitpid(child, &st, 0), child);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static void keeps_what_was_whole_when_writing_fails(void **state)
{
	place *pl = *state;

	for (size_t limit = 0; limit < 30000; limit = limit * 3 / 2 + 50) {
		unlink(pl->path);
		int told = append_limited(pl->path, limit, false);
		assert_in_range(told, 0, 10);
		assert_int_equal(whole_blocks(pl->path, KEY), told);
		unlink(pl->path);
		int died = append_limited(pl->path, limit, true);
		assert_int_equal(died, told == 10 ? 10 : -1);
		assert_int_equal(whole_blocks(pl->path, KEY), told);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(keeps_blocks),
		T(begins_anew_for_another_key),
		T(is_one_readers),
		T(drops_a_torn_tail),
		T(drops_from_the_damaged_block_on),
		T(sees_every_flip),
		T(keeps_what_was_whole_when_writing_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Packed context files: what is written comes back; whatever is wrong with a file
 * is said, and nothing a writer leaves behind harms what was there. */

#include "tests/support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/path.h"
#include "base/rng.h"
#include "base/str.h"
#include "store/packed.h"
#include "store/packed_format.h"

#define KEY  "0123456789abcdef0123456789abcdef"
#define KEY2 "ffffffffffffffffffffffffffffffff"

typedef struct {
	char folder[64], path[96], tmp[100];
} place;

static error err;

static int setup(void **state)
{
	place *p = calloc(1, sizeof(*p));

	snprintf(p->folder, sizeof(p->folder), "%s", test_folder());
	snprintf(p->path, sizeof(p->path), "%s/c.kv", p->folder);
	snprintf(p->tmp, sizeof(p->tmp), "%s.tmp", p->path);
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

/* Odd sizes, an empty one, one above the writer's buffer. */
enum { SECTIONS = 7 };
static const size_t size_of[SECTIONS] = { 1, 0, 4096, 4095, 100000, (3u << 20) + 5, 17 };

static void fill(uint8_t *out, int i, unsigned seed)
{
	rng r = { (uint64_t)i * 1000 + seed };

	for (size_t k = 0; k < size_of[i]; k++)
		out[k] = (uint8_t)rng_next(&r);
}

static int put_all(packed_writer *w, unsigned seed, error *e)
{
	uint8_t *buf = malloc(4u << 20);
	int status = 0;

	for (int i = 0; i < SECTIONS && !status; i++) {
		fill(buf, i, seed);
		status = packed_put(w, 5 + i / 2, i % 2 ? i : -1, buf, size_of[i], e);
	}
	free(buf);
	return status;
}

static void write_file(const char *path, const char *key, unsigned seed)
{
	packed_writer *w;

	OK(packed_create(&w, path, key, &err));
	OK(put_all(w, seed, &err));
	OK(packed_commit(w, &err));
}

/* Whether path opens and holds what write_file(seed) put there. */
static bool holds(const char *path, const char *key, unsigned seed)
{
	uint8_t *want = malloc(4u << 20);
	packed_file *f;
	bool same = packed_open(&f, path, key, &err) == 0;

	for (int i = 0; i < SECTIONS && same; i++) {
		const void *bytes;
		size_t n;
		fill(want, i, seed);
		same = packed_get(f, 5 + i / 2, i % 2 ? i : -1, true, &bytes, &n, &err) == 0 && n == size_of[i] &&
		       (n == 0 || memcmp(bytes, want, n) == 0) && (uintptr_t)bytes % 4096 == 0;
	}
	if (same)
		same = packed_verify(f, NULL, &err) == 0;
	packed_close(f);
	free(want);
	return same;
}

static void writes_and_reads(void **state)
{
	place *p = *state;
	packed_file *f;
	const void *bytes;
	size_t n;
	struct stat st;

	write_file(p->path, KEY, 1);
	assert_true(holds(p->path, KEY, 1));
	assert_true(holds(p->path, NULL, 1));
	assert_false(path_exists(p->tmp));
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	OK(packed_open(&f, p->path, KEY, &err));
	assert_int_equal(packed_size(f), st.st_size);
	assert_int_equal(packed_get(f, 99, 0, true, &bytes, &n, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "missing"));
	packed_close(f);
	assert_int_equal(packed_open(&f, p->path, KEY2, &err), ERR_FORMAT);
	assert_null(f);
}

static void is_private_whatever_the_umask(void **state)
{
	place *p = *state;
	struct stat st;
	mode_t old = umask(0777);

	write_file(p->path, KEY, 1);
	umask(0);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unlink(p->path), 0);
	write_file(p->path, KEY, 1);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	umask(old);
}

static void refuses_what_it_cannot_write(void **state)
{
	place *p = *state;
	packed_writer *w;
	char nowhere[128];

	assert_int_equal(packed_create(&w, p->path, "no key", &err), ERR_ARG);
	assert_null(w);
	assert_int_equal(packed_create(&w, p->path, "", &err), ERR_ARG);
	snprintf(nowhere, sizeof(nowhere), "%s/none/c.kv", p->folder);
	assert_int_equal(packed_create(&w, nowhere, KEY, &err), ERR_IO);

	OK(packed_create(&w, p->path, KEY, &err));
	OK(packed_put(w, 1, 2, "x", 1, &err));
	assert_int_equal(packed_put(w, 1, 2, "y", 1, &err), ERR_ARG);
	OK(packed_expect(w, 1, &err));
	assert_int_equal(packed_expect(w, INT64_MAX / 2, &err), ERR_FULL);
	assert_non_null(strstr(err.msg, "MB more"));
	packed_abandon(w);
	assert_false(path_exists(p->tmp));
	packed_abandon(NULL);
}

static void refuses_what_is_no_context(void **state)
{
	place *p = *state;
	packed_file *f;

	assert_int_equal(packed_open(&f, p->path, KEY, &err), ERR_NOTFOUND);
	assert_int_equal(packed_open(&f, p->folder, KEY, &err), ERR_ARG);
	int fd = open(p->path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(packed_open(&f, p->path, KEY, &err), ERR_FORMAT); /* empty */
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(packed_open(&f, p->path, KEY, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, p->path));
	close(fd);
}

static void tells_busy_from_left_over(void **state)
{
	place *p = *state;
	packed_writer *a, *b;

	OK(packed_create(&a, p->path, KEY, &err));
	assert_int_equal(packed_create(&b, p->path, KEY, &err), ERR_BUSY);
	OK(put_all(a, 1, &err));
	OK(packed_commit(a, &err));
	/* What a dead one left is larger than what comes now. */
	int fd = open(p->tmp, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, 50 << 20), 0);
	close(fd);
	write_file(p->path, KEY, 2);
	assert_true(holds(p->path, KEY, 2));
}

static void does_not_follow_links(void **state)
{
	place *p = *state;
	packed_writer *w;

	assert_int_equal(symlink("/etc/hostname", p->tmp), 0);
	assert_int_equal(packed_create(&w, p->path, KEY, &err), ERR_IO);
	assert_null(w);
}

/* ---- damage ---- */

typedef struct {
	uint8_t *data;
	size_t n;
} bytes;

static bytes slurp(const char *path)
{
	bytes b;
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	b.n = (size_t)st.st_size;
	b.data = malloc(b.n + 1);
	assert_int_equal(read(fd, b.data, b.n), b.n);
	close(fd);
	return b;
}

static void spill(const char *path, const uint8_t *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

static void small_file(const char *path)
{
	packed_writer *w;

	OK(packed_create(&w, path, KEY, &err));
	for (int i = 0; i < 4; i++)
		OK(packed_put(w, 1, i, "some bytes", 10, &err));
	OK(packed_commit(w, &err));
}

static int open_status(const char *path)
{
	packed_file *f;
	int status = packed_open(&f, path, KEY, &err);

	packed_close(f);
	return status;
}

static void sees_every_truncation(void **state)
{
	place *p = *state;

	write_file(p->path, KEY, 1);
	bytes b = slurp(p->path);
	for (size_t n = 0; n < b.n; n += n < 5 * 4096 || n + 8192 > b.n ? 512 : 65536) {
		assert_int_equal(truncate(p->path, (off_t)b.n), 0);
		assert_int_equal(truncate(p->path, (off_t)n), 0);
		assert_int_equal(open_status(p->path), ERR_FORMAT);
	}
	assert_int_equal(truncate(p->path, (off_t)b.n + 1), 0);
	assert_int_equal(open_status(p->path), ERR_FORMAT);
	free(b.data);
}

static void sees_every_flip_in_header_and_table(void **state)
{
	place *p = *state;

	small_file(p->path);
	bytes b = slurp(p->path);
	size_t table = b.n - 4 * sizeof(packed_entry);
	int fd = open(p->path, O_WRONLY);
	for (size_t i = 0; i < b.n; i = i + 1 == PACKED_PAGE ? table : i + 1) {
		uint8_t bad = b.data[i] ^ (uint8_t)(1u << i % 8);
		assert_int_equal(pwrite(fd, &bad, 1, (off_t)i), 1);
		if (open_status(p->path) != ERR_FORMAT)
			fail_msg("byte %zu flipped and nobody saw it", i);
		assert_int_equal(pwrite(fd, &b.data[i], 1, (off_t)i), 1);
	}
	close(fd);
	assert_int_equal(open_status(p->path), 0);
	free(b.data);
}

static void finds_a_damaged_section(void **state)
{
	place *p = *state;
	packed_file *f;
	const void *got;
	size_t n;

	small_file(p->path);
	bytes b = slurp(p->path);
	b.data[PACKED_PAGE * 3 + 4] ^= 16; /* the third section */
	spill(p->path, b.data, b.n);
	OK(packed_open(&f, p->path, KEY, &err));
	OK(packed_get(f, 1, 1, true, &got, &n, &err));
	OK(packed_get(f, 1, 2, false, &got, &n, &err)); /* not asked to look */
	assert_int_equal(packed_get(f, 1, 2, true, &got, &n, &err), ERR_FORMAT);
	assert_null(got);
	assert_non_null(strstr(err.msg, "section 1 of layer 2"));
	assert_int_equal(packed_verify(f, NULL, &err), ERR_FORMAT);
	assert_non_null(strstr(err.msg, p->path));
	packed_close(f);
	free(b.data);
}

/* Write b with header and table made to look right: what a hostile file would do. */
static int sealed_status(const char *path, bytes b)
{
	packed_header *h = (packed_header *)b.data;

	if (h->table_at < b.n && h->table_at % 8 == 0 && (size_t)h->sections * 32 <= b.n - h->table_at)
		h->table_sum = hash_64(b.data + h->table_at, (size_t)h->sections * 32);
	h->sum = packed_header_sum(h);
	spill(path, b.data, b.n);
	return open_status(path);
}

static void refuses_hostile_tables(void **state)
{
	place *p = *state;

	small_file(p->path);
	bytes b = slurp(p->path), c = { malloc(b.n), b.n };
	size_t table = b.n - 4 * sizeof(packed_entry);
#define TRY(change)                                                          \
	do {                                                                 \
		memcpy(c.data, b.data, b.n);                                 \
		packed_header *h = (packed_header *)c.data;                  \
		packed_entry *e = (packed_entry *)(c.data + table);          \
		(void)h, (void)e;                                            \
		change;                                                      \
		if (sealed_status(p->path, c) != ERR_FORMAT)                 \
			fail_msg("taken: %s", #change);                      \
	} while (0)
	TRY(e[1].at = UINT64_MAX - 4095);
	TRY(e[1].at = e[0].at);
	TRY(e[0].at = 0);
	TRY(e[2].at += 1);
	TRY(e[1].len = UINT64_MAX);
	TRY(e[1].len = UINT64_MAX - e[1].at + 1);
	TRY(e[3].len = 4097);
	TRY(e[0].len = 0);
	TRY(e[1].layer = 0);
	TRY(h->sections = 3);
	TRY(h->sections = 5);
	TRY(h->sections = UINT32_MAX);
	TRY(h->sections = 0);
	TRY(h->table_at = 0);
	TRY(h->table_at -= 4096);
	TRY(h->table_at = UINT64_MAX - 127);
	TRY(h->size -= 1);
	TRY(h->version = 0);
	TRY(memset(h->key, 'a', sizeof(h->key)));
	memcpy(c.data, b.data, b.n);
	assert_int_equal(sealed_status(p->path, c), 0);
	((packed_header *)c.data)->version = PACKED_VERSION + 1;
	assert_int_equal(sealed_status(p->path, c), ERR_FORMAT);
	assert_non_null(strstr(err.msg, "update folio"));
	free(b.data);
	free(c.data);
}

static void stops_verifying(void **state)
{
	place *p = *state;
	packed_file *f;
	cancel c = { true };
	progress pr = { .stop = &c };

	small_file(p->path);
	OK(packed_open(&f, p->path, KEY, &err));
	assert_int_equal(packed_verify(f, &pr, &err), ERR_CANCEL);
	packed_close(f);
}

/* ---- crashes and full disks ---- */

/* In a child that may write only so many bytes to a file. 0: it committed, 1: it
 * was told that there is no room, otherwise the kernel killed it in a write. */
static int write_limited(const place *p, size_t limit, bool deadly)
{
	pid_t child = fork();

	if (child == 0) {
		struct rlimit r = { limit, limit };
		packed_writer *w;
		error e;
		if (!deadly)
			signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &r);
		if (packed_create(&w, p->path, KEY2, &e))
			_exit(3);
		int status = put_all(w, 2, &e);
		if (status)
			packed_abandon(w);
		else
			status = packed_commit(w, &e);
		_exit(status == 0 ? 0 : status == ERR_FULL && !access(p->path, R_OK) && access(p->tmp, F_OK) ? 1 : 4);
	}
	int st;
	assert_int_equal(waitpid(child, &st, 0), child);
	return WIFEXITED(st) ? WEXITSTATUS(st) : WTERMSIG(st) == SIGXFSZ ? 2 : 5;
}

static void keeps_the_old_when_the_writer_dies(void **state)
{
	place *p = *state;
	bool died = false, committed = false;

	write_file(p->path, KEY, 1);
	for (size_t limit = 0; !committed; limit = limit < 16384 ? limit + 4096 : limit * 2) {
		int how = write_limited(p, limit, true);
		assert_in_range(how, 0, 2);
		committed = how == 0;
		died |= how == 2;
		assert_true(committed ? holds(p->path, KEY2, 2) : holds(p->path, KEY, 1));
	}
	assert_true(died);
	write_file(p->path, KEY, 3); /* over what the dead one left */
	assert_true(holds(p->path, KEY, 3));
}

static void says_when_the_disk_is_full(void **state)
{
	place *p = *state;

	write_file(p->path, KEY, 1);
	for (size_t limit = 1; limit < 3u << 20; limit = limit * 5 + 333) {
		assert_int_equal(write_limited(p, limit, false), 1);
		assert_true(holds(p->path, KEY, 1));
	}
}

static void survives_a_kill_at_any_moment(void **state)
{
	place *p = *state;

	write_file(p->path, KEY, 1);
	for (int i = 0; i < 12; i++) {
		pid_t child = fork();
		if (child == 0) {
			for (;;) {
				packed_writer *w;
				error e;
				if (packed_create(&w, p->path, KEY, &e) || put_all(w, 1, &e) || packed_commit(w, &e))
					_exit(1);
			}
		}
		usleep((useconds_t)(500 + i * 1700));
		kill(child, SIGKILL);
		int st;
		assert_int_equal(waitpid(child, &st, 0), child);
		assert_true(WIFSIGNALED(st));
		assert_true(holds(p->path, KEY, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(writes_and_reads),
		T(is_private_whatever_the_umask),
		T(refuses_what_it_cannot_write),
		T(refuses_what_is_no_context),
		T(tells_busy_from_left_over),
		T(does_not_follow_links),
		T(sees_every_truncation),
		T(sees_every_flip_in_header_and_table),
		T(finds_a_damaged_section),
		T(refuses_hostile_tables),
		T(stops_verifying),
		T(keeps_the_old_when_the_writer_dies),
		T(says_when_the_disk_is_full),
		T(survives_a_kill_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

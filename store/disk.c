#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"

/* Between open and flock the name may have gone to another file (renamed into
 * place, or swept): a lock on what nobody else can find protects nothing. */
static bool still_named(int fd, const char *path)
{
	struct stat here, there;

	return fstat(fd, &here) == 0 && lstat(path, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

static int lock_failed(const char *path, error *err)
{
	if (errno == EWOULDBLOCK)
		return error_set(err, ERR_BUSY, "%s: another folio is writing it: wait for it or stop it", path);
	return error_errno(err, ERR_IO, "%s: cannot be locked", path);
}

int disk_lock(int *fd, const char *path, error *err)
{
	for (;;) {
		int f = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (f < 0)
			return disk_write_failed(path, 0, err);
		if (flock(f, LOCK_EX | LOCK_NB)) {
			int status = lock_failed(path, err);
			close(f);
			return status;
		}
		if (still_named(f, path)) {
			fchmod(f, 0600); /* the umask may have taken our own bits */
			*fd = f;
			return 0;
		}
		close(f);
	}
}

/* A locked descriptor of an existing regular file; -1: gone, not ours, or locked
 * (errno is EWOULDBLOCK then). */
static int try_lock(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

bool disk_locked(const char *path)
{
	int fd = try_lock(path);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EWOULDBLOCK;
}

bool disk_remove_unlocked(const char *path)
{
	int fd = try_lock(path);

	if (fd < 0)
		return false;
	bool gone = still_named(fd, path) && unlink(path) == 0;
	close(fd);
	return gone;
}

int disk_write(int fd, const char *path, const void *bytes, size_t n, int64_t at, error *err)
{
	const char *p = bytes;

	while (n) {
		ssize_t w = pwrite(fd, p, n, at);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return disk_write_failed(path, (int64_t)n, err);
		p += w;
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

int disk_read(int fd, const char *path, void *bytes, size_t n, int64_t at, error *err)
{
	char *p = bytes;

	while (n) {
		ssize_t r = pread(fd, p, n, at);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return error_errno(err, ERR_IO, "%s: cannot be read", path);
		if (r == 0)
			return error_set(err, ERR_FORMAT, "%s: ends too early", path);
		p += r;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

/* Tenths of a MB, rounded up, so that a few missing bytes never read as "0 MB". */
static double megabytes(int64_t bytes)
{
	return (double)((bytes + 99999) / 100000) / 10;
}

static int full(const char *path, int64_t need, int64_t have, error *err)
{
	return error_set(err, ERR_FULL,
	                 "%s: the disk is full: %.1f MB more are needed; remove documents with `folio rm` or make room",
	                 path, megabytes(need > have ? need - have : need));
}

int disk_write_failed(const char *path, int64_t wanted, error *err)
{
	int why = errno;
	int64_t have;

	switch (why) {
	case ENOSPC:
		have = disk_free(path);
		return full(path, wanted, have > 0 ? have : 0, err);
	case EDQUOT:
		return error_set(err, ERR_FULL, "%s: your disk quota is used up: make room or raise it", path);
	case EFBIG:
		return error_set(err, ERR_FULL, "%s: the file system, or a limit (ulimit -f), does not allow a file this large",
		                 path);
	case EROFS:
	case EACCES:
	case EPERM:
		errno = why;
		return error_errno(err, ERR_IO, "%s: cannot be written, check that the folder is yours and not read-only", path);
	default:
		errno = why;
		return error_errno(err, ERR_IO, "%s: cannot be written", path);
	}
}

int64_t disk_free(const char *path)
{
	struct statvfs fs;
	str dir = STR_INIT;
	int64_t bytes = -1;

	/* The folder: the file itself may not exist yet. */
	str_put(&dir, path, (size_t)(path_base(path) - path));
	if (!dir.len)
		str_puts(&dir, ".");
	if (!dir.oom && statvfs(dir.data, &fs) == 0 &&
	    __builtin_mul_overflow(fs.f_bavail, fs.f_frsize, &bytes))
		bytes = INT64_MAX;
	str_free(&dir);
	return bytes;
}

int disk_need(const char *path, int64_t need, error *err)
{
	int64_t have = disk_free(path);

	return have >= 0 && need > have ? full(path, need, have, err) : 0;
}

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

int file_map_open(file_map *out, const char *path, error *err)
{
	*out = (file_map){ 0 };

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: cannot be opened", path);

	struct stat st;
	int status = 0;
	if (fstat(fd, &st))
		status = error_errno(err, ERR_IO, "%s: cannot be examined", path);
	else if (!S_ISREG(st.st_mode))
		status = error_set(err, ERR_ARG, "%s: is not a regular file", path);
	else if (st.st_size > 0) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			status = error_errno(err, ERR_IO, "%s: cannot be mapped into memory", path);
		else
			*out = (file_map){ p, (size_t)st.st_size };
	}
	close(fd);
	return status;
}

void file_map_close(file_map *m)
{
	if (m->data)
		munmap((void *)(uintptr_t)m->data, m->size);
	*m = (file_map){ 0 };
}

int file_read(str *out, const char *path, size_t max, error *err)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: cannot be opened", path);

	char *buf = malloc(1 << 16);
	int status = buf ? 0 : error_nomem(err, "reading");
	size_t total = 0;
	while (!status) {
		ssize_t n = read(fd, buf, 1 << 16);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			status = error_errno(err, ERR_IO, "%s: cannot be read", path);
		if (n <= 0)
			break;
		total += (size_t)n;
		if (max && total > max)
			status = error_set(err, ERR_ARG, "%s: is larger than %zu bytes, the most that is read here", path, max);
		str_put(out, buf, (size_t)n);
	}
	free(buf);
	close(fd);
	return status ? status : str_ok(out, err);
}

int file_sync_dir(const char *path, error *err)
{
	const char *base = path_base(path);
	str dir = STR_INIT;
	str_put(&dir, path, (size_t)(base - path));
	if (!dir.len)
		str_puts(&dir, ".");

	int status = str_ok(&dir, err);
	if (!status) {
		int fd = open(dir.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* Some file systems refuse fsync on a folder with EINVAL; there is nothing more to do there. */
		if (fd < 0 || (fsync(fd) && errno != EINVAL))
			status = error_errno(err, ERR_IO, "%s: the folder cannot be synced", dir.data);
		if (fd >= 0)
			close(fd);
	}
	str_free(&dir);
	return status;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int file_write(const char *path, const void *bytes, size_t n, error *err)
{
	str tmp = STR_INIT;
	str_putf(&tmp, "%s.tmp", path);
	int status = str_ok(&tmp, err);
	if (status)
		goto out;

	int fd = open(tmp.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		status = error_errno(err, ERR_IO, "%s: cannot be created", tmp.data);
		goto out;
	}
	if (write_all(fd, bytes, n) || fsync(fd))
		status = error_errno(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: cannot be written", tmp.data);
	if (close(fd) && !status)
		status = error_errno(err, ERR_IO, "%s: cannot be written", tmp.data);
	if (!status && rename(tmp.data, path))
		status = error_errno(err, ERR_IO, "%s: cannot be replaced", path);
	if (status)
		unlink(tmp.data);
	else
		status = file_sync_dir(path, err);
out:
	str_free(&tmp);
	return status;
}

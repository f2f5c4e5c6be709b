#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/document_text.h"

#define CHUNK   ((size_t)1 << 18)
#define POLL_MS 200 /* how late a stop may be noticed while a pipe keeps silent */
#define TRIES   3

static int refuse_errno(refusal *why, const char *verb)
{
	const char *text = strerror(errno);

	return refuse(why, ERR_IO, text, "cannot be %s: %s", verb, text);
}

static int refuse_cancel(refusal *why)
{
	return refuse(why, ERR_CANCEL, "stopped", "reading was stopped");
}

/* false: the person stopped the work before there was anything to read. */
static bool wait_readable(int fd, const progress *p)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (!p || !p->stop)
		return true;
	while (!cancel_raised(p->stop)) {
		int r = poll(&pfd, 1, POLL_MS);
		if (r > 0 || (r < 0 && errno != EINTR))
			return true;
	}
	return false;
}

static int refuse_large(refusal *why, size_t most)
{
	char reason[64];
	size_t mib = most >> 20;

	snprintf(reason, sizeof(reason), "larger than %zu MiB", mib);
	return refuse(why, ERR_ARG, reason, "is larger than %zu MiB, the most that is read at once: split it", mib);
}

int bytes_read_fd(str *out, int fd, size_t most, int64_t total, const progress *p, refusal *why)
{
	char *buf = malloc(CHUNK);
	int64_t done = 0;
	int status = 0;

	if (!buf)
		return refuse(why, ERR_NOMEM, "out of memory", "does not fit into memory");
	while (!status) {
		progress_event e = { "extracting", "bytes", done, total, 0 };
		if ((total && progress_report(p, &e)) || !wait_readable(fd, p)) {
			status = refuse_cancel(why);
			break;
		}
		ssize_t n = read(fd, buf, CHUNK);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			status = refuse_errno(why, "read");
		if (n <= 0)
			break;
		done += n;
		if ((uint64_t)done > most)
			status = refuse_large(why, most);
		else
			str_put(out, buf, (size_t)n);
	}
	free(buf);
	return status;
}

static bool same_state(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int refuse_odd(refusal *why)
{
	return refuse(why, ERR_ARG, "not a regular file",
		      "is not a regular file: give its text on standard input, with - as the name");
}

static int read_once(str *out, struct stat *st, bool *changed, int fd, size_t most, bool tell, const progress *p,
		     refusal *why)
{
	struct stat after;

	*changed = false;
	if (fstat(fd, st))
		return refuse_errno(why, "examined");
	if (!S_ISREG(st->st_mode))
		return refuse_odd(why);
	if (st->st_size > 0 && (uint64_t)st->st_size > most)
		return refuse_large(why, most);
	int status = bytes_read_fd(out, fd, most, tell ? st->st_size : 0, p, why);
	*changed = !status && (fstat(fd, &after) || !same_state(st, &after));
	return status;
}

int bytes_read_file(str *out, struct stat *st, const char *path, size_t most, bool tell, const progress *p,
		    refusal *why)
{
	size_t base = out->len;

	/* Not even opened: opening a device may do something. */
	if (lstat(path, st))
		return refuse_errno(why, "examined");
	if (!S_ISREG(st->st_mode))
		return refuse_odd(why);
	for (int i = 0; i < TRIES; i++) {
		/* Non-blocking, for it may have become a FIFO since. */
		int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
		bool changed;
		if (fd < 0)
			return refuse_errno(why, "opened");
		int status = read_once(out, st, &changed, fd, most, tell, p, why);
		close(fd);
		if (status || !changed)
			return status;
		str_truncate(out, base);
	}
	return refuse(why, ERR_IO, "changing while it is read",
		      "was changed while it was read: try again when nothing writes to it");
}

#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"

enum { MOST_BYTES = 4 << 20 };

static const char *const names[] = { "error", "warn", "info", "debug" };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *out;
static log_level limit;

static void keep_small(const char *path)
{
	struct stat st;

	if (stat(path, &st) || st.st_size <= MOST_BYTES)
		return;
	str old = STR_INIT;
	str_putf(&old, "%s.1", path);
	if (!old.oom && rename(path, old.data))
		unlink(path); /* a log that cannot be kept must not grow for ever */
	str_free(&old);
}

int log_open(const char *path, log_level most, error *err)
{
	keep_small(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "a");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return error_errno(err, ERR_IO, "%s: the log cannot be written", path);
	}

	pthread_mutex_lock(&lock);
	if (out)
		fclose(out);
	out = f;
	limit = most;
	pthread_mutex_unlock(&lock);
	return 0;
}

void log_close(void)
{
	pthread_mutex_lock(&lock);
	if (out)
		fclose(out);
	out = NULL;
	pthread_mutex_unlock(&lock);
}

void log_line(log_level level, const char *fmt, ...)
{
	va_list ap;
	char when[32];
	struct tm tm;
	time_t now = time(NULL);

	pthread_mutex_lock(&lock);
	if (out && level <= limit) {
		localtime_r(&now, &tm);
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
		fprintf(out, "%s %d %-5s ", when, (int)getpid(), names[level]);
		va_start(ap, fmt);
		vfprintf(out, fmt, ap);
		va_end(ap);
		fputc('\n', out);
		fflush(out);
	}
	pthread_mutex_unlock(&lock);
}

int log_level_parse(log_level *level, const char *text, error *err)
{
	for (int i = 0; i <= LOG_DEBUG; i++)
		if (strcmp(text, names[i]) == 0) {
			*level = (log_level)i;
			return 0;
		}
	return error_set(err, ERR_ARG, "'%s' is no log level: say error, warn, info or debug", text);
}

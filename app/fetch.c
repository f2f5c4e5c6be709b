#include "app/fetch.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/path.h"

extern char **environ;

#define PIP_MISSING "pip is needed to fetch a model and is not there: install it with `sudo apt-get install python3-pip`, " \
	"or add a model file of your own with `folio model add FILE.gguf`"

/* ---- the manifest ---- */

static bool is_plain_name(const char *s)
{
	return *s && *s != '.' && *s != '-' && !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

static bool is_sha256(const char *s)
{
	return strlen(s) == 64 && s[strspn(s, "0123456789abcdef")] == '\0';
}

static int take_text(char **out, const json_t *o, const char *field, error *err)
{
	const char *s = json_string_value(json_object_get(o, field));

	if (!s || !*s)
		return error_set(err, ERR_FORMAT, "the model's manifest does not say its '%s'", field);
	*out = strdup(s);
	return *out ? 0 : error_nomem(err, "the model's manifest");
}

static int check_fields(const manifest *m, error *err)
{
	if (!is_plain_name(m->name) || !is_plain_name(m->package) || !is_plain_name(m->version))
		return error_set(err, ERR_FORMAT, "the model's manifest has a name, package or version that is no plain name");
	if (!is_plain_name(manifest_file(m)))
		return error_set(err, ERR_FORMAT, "the model's manifest names the member '%s', which is no file", m->member);
	if (!is_sha256(m->sha256) || m->bytes <= 0)
		return error_set(err, ERR_FORMAT, "the model's manifest has no proper size and SHA-256");
	return 0;
}

int manifest_parse(manifest *out, const char *json, size_t len, error *err)
{
	json_error_t where;
	json_t *o = json_loadb(json, len, 0, &where);
	int status = 0;

	*out = (manifest){ 0 };
	if (!o)
		return error_set(err, ERR_FORMAT, "the model's manifest: line %d: %s", where.line, where.text);
	out->bytes = json_integer_value(json_object_get(o, "bytes"));
	if ((status = take_text(&out->name, o, "name", err)) || (status = take_text(&out->package, o, "package", err)) ||
	    (status = take_text(&out->version, o, "version", err)) || (status = take_text(&out->member, o, "member", err)) ||
	    (status = take_text(&out->sha256, o, "sha256", err)) || (status = take_text(&out->license, o, "license", err)) ||
	    (status = take_text(&out->source, o, "source", err)) || (status = check_fields(out, err)))
		manifest_free(out);
	json_decref(o);
	return status;
}

void manifest_free(manifest *m)
{
	free(m->name);
	free(m->package);
	free(m->version);
	free(m->member);
	free(m->sha256);
	free(m->license);
	free(m->source);
	*m = (manifest){ 0 };
}

const char *manifest_file(const manifest *m)
{
	return path_base(m->member);
}

int fetch_check(const manifest *m, const char *path, error *err)
{
	struct stat st;
	char sum[65];
	int status;

	if (stat(path, &st))
		return error_errno(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: cannot be examined", path);
	if (st.st_size != m->bytes)
		return error_set(err, ERR_FORMAT, "%s: has %lld bytes, %s has %lld: it is damaged or another file", path,
		                 (long long)st.st_size, m->name, (long long)m->bytes);
	if ((status = hash_file_sha256(sum, path, err)))
		return status;
	if (strcmp(sum, m->sha256))
		return error_set(err, ERR_FORMAT, "%s: its SHA-256 is %s and should be %s: it is damaged or another file", path,
		                 sum, m->sha256);
	return 0;
}

/* ---- out of the package ---- */

static int copy_member(int fd, struct archive *a, const manifest *m, const char *package, const char *path, error *err)
{
	char buf[1 << 16];
	int64_t total = 0;

	for (;;) {
		ssize_t n = archive_read_data(a, buf, sizeof(buf));
		if (n == 0)
			return 0;
		if (n < 0)
			return error_set(err, ERR_FORMAT, "%s: cannot be unpacked: %s", package, archive_error_string(a));
		if ((total += n) > m->bytes)
			return error_set(err, ERR_FORMAT, "%s: its member %s is larger than the %lld bytes that were promised", package,
			                 m->member, (long long)m->bytes);
		for (ssize_t put = 0; put < n;) {
			ssize_t w = write(fd, buf + put, (size_t)(n - put));
			if (w < 0 && errno != EINTR)
				return error_errno(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: cannot be written", path);
			put += w > 0 ? w : 0;
		}
	}
}

static int find_member(struct archive *a, const manifest *m, const char *package, error *err)
{
	struct archive_entry *entry;
	int rc;

	while ((rc = archive_read_next_header(a, &entry)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(entry);
		if (name && strcmp(name, m->member) == 0 && archive_entry_filetype(entry) == AE_IFREG)
			return 0;
	}
	if (rc == ARCHIVE_EOF)
		return error_set(err, ERR_FORMAT, "%s: holds no %s", package, m->member);
	return error_set(err, ERR_FORMAT, "%s: cannot be unpacked: %s", package, archive_error_string(a));
}

int fetch_unpack(const manifest *m, const char *package, const char *path, error *err)
{
	struct archive *a = archive_read_new();
	int fd = -1, status = 0;

	if (!a)
		return error_nomem(err, "unpacking");
	archive_read_support_format_zip(a);
	if (archive_read_open_filename(a, package, 1 << 16) != ARCHIVE_OK) {
		status = error_set(err, ERR_FORMAT, "%s: cannot be unpacked: %s", package, archive_error_string(a));
		goto out;
	}
	if ((status = find_member(a, m, package, err)))
		goto out;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		status = error_errno(err, ERR_IO, "%s: cannot be created", path);
		goto out;
	}
	status = copy_member(fd, a, m, package, path, err);
	if (!status && fsync(fd))
		status = error_errno(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: cannot be written", path);
	close(fd);
	if (!status)
		status = fetch_check(m, path, err);
	if (status)
		unlink(path);
out:
	archive_read_free(a);
	return status;
}

/* ---- pip in a child process ---- */

/* A child to wait for. */
typedef struct {
	char **env;
	bool silent;
	const cancel *stop;
	/* Called while it runs; NULL: nobody watches. */
	void (*watch)(const void *ud);
	const void *ud;
} watching;

/* Start argv[0] from the PATH with its output on our standard error, or nowhere. */
static int start(pid_t *child, char *const argv[], const watching *w, error *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attributes;
	sigset_t none;
	int rc = posix_spawn_file_actions_init(&fa);

	if (rc)
		return error_nomem(err, "a child process");
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&fa);
		return error_nomem(err, "a child process");
	}
	/* A thread that holds signals back may call this; the child must hear SIGTERM. */
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (w->silent) {
		posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
		posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	} else {
		posix_spawn_file_actions_adddup2(&fa, STDERR_FILENO, STDOUT_FILENO);
	}
	rc = posix_spawnp(child, argv[0], &fa, &attributes, argv, w->env);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&fa);
	if (rc) {
		errno = rc;
		return error_errno(err, rc == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: cannot be started", argv[0]);
	}
	return 0;
}

/* Its exit status, or an error; a raised token ends the child. Looking every 50 ms
 * rather than waiting closes the gap between looking at the token and waiting. */
static int run(char *const argv[], const watching *w, error *err)
{
	const struct timespec nap = { 0, 50 * 1000 * 1000 };
	const cancel *stop = w->stop;
	bool told = false;
	pid_t child, done;
	int rc, status = start(&child, argv, w, err);

	if (status)
		return status;
	while ((done = waitpid(child, &rc, WNOHANG)) == 0 || (done < 0 && errno == EINTR)) {
		if (cancel_raised(stop) && !told) {
			kill(child, SIGTERM);
			told = true;
		}
		if (w->watch)
			w->watch(w->ud);
		nanosleep(&nap, NULL);
	}
	if (cancel_raised(stop))
		return error_set(err, ERR_CANCEL, "stopped; nothing was kept of the download");
	if (done < 0)
		return error_errno(err, ERR_IO, "%s: was lost", argv[0]);
	return WIFEXITED(rc) ? WEXITSTATUS(rc) : 128 + WTERMSIG(rc);
}

/* How pip is called here: `python3 -m pip` or `pip3`. */
static int find_pip(char *argv[3], int *n, const cancel *stop, error *err)
{
	char *module[] = { "python3", "-m", "pip", "--version", NULL };
	char *program[] = { "pip3", "--version", NULL };
	const watching w = { .env = environ, .silent = true, .stop = stop };
	int status = run(module, &w, err);

	if (status == ERR_CANCEL)
		return status;
	if (status == 0) {
		memcpy(argv, module, 3 * sizeof(*argv));
		*n = 3;
		return 0;
	}
	if ((status = run(program, &w, err)) == ERR_CANCEL)
		return status;
	if (status)
		return error_set(err, ERR_NOTFOUND, PIP_MISSING);
	argv[0] = program[0];
	*n = 1;
	return 0;
}

#define PIP_SCRATCH ".pip" /* inside the scratch folder: what pip has of the package so far */

static int64_t bytes_below(const char *dir, int depth)
{
	DIR *d = opendir(dir);
	str path = STR_INIT;
	struct stat st;
	int64_t n = 0;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		path_join(&path, dir, e->d_name);
		if (S_ISREG(st.st_mode))
			n += st.st_size;
		else if (S_ISDIR(st.st_mode) && depth && !path.oom)
			n += bytes_below(path.data, depth - 1);
	}
	if (d)
		closedir(d);
	str_free(&path);
	return n;
}

/* A download as somebody watches it. */
typedef struct {
	const manifest *m;
	const char *dir;
	const progress *p;
} coming;

/* pip says nothing that a program could read, but its files grow. */
static void tell_bytes(const void *ud)
{
	const coming *c = ud;
	int64_t n = bytes_below(c->dir, 3);
	progress_event e = { "fetching", "bytes", n < c->m->bytes ? n : c->m->bytes, c->m->bytes, 0 };

	progress_report(c->p, &e);
}

/* Ours, but for TMPDIR: a list to free, its words borrowed. */
static char **environment(char *tmpdir)
{
	size_t n = 0, kept = 0;

	while (environ[n])
		n++;
	char **env = malloc((n + 2) * sizeof(*env));
	for (size_t i = 0; env && i < n; i++)
		if (strncmp(environ[i], "TMPDIR=", 7))
			env[kept++] = environ[i];
	if (env) {
		env[kept++] = tmpdir;
		env[kept] = NULL;
	}
	return env;
}

/* pip with its words, its own temporary files inside dir. */
static int run_pip(char *const argv[], const manifest *m, const char *dir, bool quiet, const progress *p, error *err)
{
	str tmpdir = STR_INIT;
	coming c = { m, dir, p };
	watching w = { .silent = quiet, .stop = p ? p->stop : NULL, .watch = p && p->report ? tell_bytes : NULL, .ud = &c };
	int status;

	str_putf(&tmpdir, "TMPDIR=%s/" PIP_SCRATCH, dir);
	if (!(status = str_ok(&tmpdir, err)) && mkdir(tmpdir.data + strlen("TMPDIR="), 0700))
		status = error_errno(err, ERR_IO, "%s: a folder cannot be made in it", dir);
	if (!status && !(w.env = environment(tmpdir.data)))
		status = error_nomem(err, "a child process");
	if (!status)
		status = run(argv, &w, err);
	free(w.env);
	str_free(&tmpdir);
	return status;
}

static int download(const manifest *m, char *dir, bool quiet, const progress *p, error *err)
{
	str what = STR_INIT;
	char *argv[16]; /* find_pip's 3, 8 words, 2 values, NULL */
	int n = 0, status = find_pip(argv, &n, p ? p->stop : NULL, err);

	if (status)
		return status;
	str_putf(&what, "%s==%s", m->package, m->version);
	if ((status = str_ok(&what, err)))
		goto out;
	static char *const words[] = { "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check",
	                               "--no-input", "--only-binary", ":all:", "--dest" };
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		argv[n++] = words[i];
	argv[n++] = dir;
	argv[n++] = what.data;
	argv[n] = NULL;
	status = run_pip(argv, m, dir, quiet, p, err);
	if (status > 0)
		status = error_set(err, ERR_IO, "pip could not fetch %s (exit status %d%s): is this machine connected? Or add a "
		                   "model file of your own with `folio model add FILE.gguf`", what.data, status,
		                   quiet ? "" : ", see above");
out:
	str_free(&what);
	return status;
}

/* ---- the folder that it happens in ---- */

#define SCRATCH ".fetch-"

static void remove_below(const char *dir, int depth)
{
	DIR *d = opendir(dir);
	str file = STR_INIT;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		path_join(&file, dir, e->d_name);
		if (!file.oom && unlink(file.data) && depth)
			remove_below(file.data, depth - 1);
	}
	if (d)
		closedir(d);
	rmdir(dir);
	str_free(&file);
}

/* What pip is stopped at lies in folders of its own. */
static void remove_folder(const char *dir)
{
	remove_below(dir, 8);
}

/* What killed processes left; the folder's name tells whose it was. */
static void remove_leftovers(const char *folder)
{
	DIR *d = opendir(folder);
	str path = STR_INIT;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (strncmp(e->d_name, SCRATCH, strlen(SCRATCH)))
			continue;
		long pid = atol(e->d_name + strlen(SCRATCH));
		path_join(&path, folder, e->d_name);
		if (pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH && !path.oom)
			remove_folder(path.data);
	}
	if (d)
		closedir(d);
	str_free(&path);
}

static int make_scratch(str *out, const char *folder, error *err)
{
	str name = STR_INIT;

	str_putf(&name, SCRATCH "%ld-XXXXXX", (long)getpid());
	path_join(out, folder, str_text(&name));
	str_free(&name);
	int status = str_ok(out, err);
	if (!status && !mkdtemp(out->data))
		status = error_errno(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s: a folder cannot be made in it", folder);
	return status;
}

/* The only file that pip put there. */
static int find_package(str *out, const char *dir, error *err)
{
	DIR *d = opendir(dir);
	int n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.' && ++n == 1)
			path_join(out, dir, e->d_name);
	if (d)
		closedir(d);
	if (n != 1)
		return error_set(err, ERR_IO, "pip said it was done but left %d files instead of one", n);
	return str_ok(out, err);
}

/* The package and the file stand there side by side for a moment. */
static int check_room(const manifest *m, const char *folder, error *err)
{
	struct statvfs v;

	if (statvfs(folder, &v))
		return error_errno(err, ERR_IO, "%s: cannot be examined", folder);
	int64_t have = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
	if (have / 2 >= m->bytes)
		return 0;
	return error_set(err, ERR_FULL, "%s: has %lld MiB free and fetching %s needs %lld MiB: make room, or set FOLIO_HOME "
	                 "to another disk", folder, (long long)(have >> 20), m->name, (long long)(2 * m->bytes >> 20));
}

static int place(const char *from, const char *folder, const manifest *m, error *err)
{
	str to = STR_INIT;

	path_join(&to, folder, manifest_file(m));
	int status = str_ok(&to, err);
	if (!status && rename(from, to.data))
		status = error_errno(err, ERR_IO, "%s: cannot be put in place", to.data);
	if (!status)
		status = file_sync_dir(to.data, err);
	str_free(&to);
	return status;
}

int fetch_model(const manifest *m, const char *folder, bool quiet, const progress *p, error *err)
{
	str dir = STR_INIT, package = STR_INIT, file = STR_INIT;
	int status;

	if ((status = path_make_dirs(folder, err)) || (status = check_room(m, folder, err)))
		return status;
	remove_leftovers(folder);
	if ((status = make_scratch(&dir, folder, err)))
		goto out;
	path_join(&file, dir.data, ".unpacked");
	if (!(status = str_ok(&file, err)) && !(status = download(m, dir.data, quiet, p, err)) &&
	    !(status = find_package(&package, dir.data, err)) && !(status = fetch_unpack(m, package.data, file.data, err)))
		status = place(file.data, folder, m, err);
	remove_folder(dir.data);
	log_line(status ? LOG_WARN : LOG_INFO, "fetching %s: %s", m->name, status && err ? err->msg : "done");
out:
	str_free(&file);
	str_free(&package);
	str_free(&dir);
	return status;
}

#include "store/document_list.h"

#include <dirent.h>
#include <errno.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"
#include "store/document_text.h"

typedef struct {
	folder_list *list;
	const char *root;
	git_repository *repo; /* NULL: a plain walk */
	git_index *index;
	str prefix;           /* of root in the repository, "" or ending in a slash */
	char **todo;          /* folders to look into, relative, "" is root */
	size_t todos, todo_cap;
	str full, inside;     /* scratch: absolute, and relative to the repository */
	const progress *p;
} walk;

void folder_list_free(folder_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->path[i]);
	for (size_t i = 0; i < l->skips; i++) {
		free(l->skip[i].path);
		free(l->skip[i].reason);
	}
	free(l->path);
	free(l->skip);
	*l = (folder_list){ 0 };
}

int folder_list_skip(folder_list *l, const char *path, const char *reason, error *err)
{
	str shown = STR_INIT;

	if (!MEM_GROW(l->skip, l->skip_cap, l->skips + 1))
		return error_nomem(err, "a list of files");
	name_put_shown(&shown, path);
	document_skip *s = &l->skip[l->skips++];
	s->path = shown.oom ? NULL : str_take(&shown);
	s->reason = strdup(reason);
	str_free(&shown);
	return s->path && s->reason ? 0 : error_nomem(err, "a list of files");
}

static int list_add(folder_list *l, const char *path, error *err)
{
	if (!MEM_GROW(l->path, l->cap, l->n + 1) || !(l->path[l->n] = strdup(path)))
		return error_nomem(err, "a list of files");
	l->n++;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

bool folder_list_has(const folder_list *l, const char *path)
{
	return l->n && bsearch(&path, l->path, l->n, sizeof(*l->path), by_bytes);
}

/* A path with a conflict stands in the index up to three times. */
static void sort_unique(folder_list *l)
{
	size_t kept = 0;

	if (l->n)
		qsort(l->path, l->n, sizeof(*l->path), by_bytes);
	for (size_t i = 0; i < l->n; i++) {
		if (kept && strcmp(l->path[kept - 1], l->path[i]) == 0)
			free(l->path[i]);
		else
			l->path[kept++] = l->path[i];
	}
	l->n = kept;
}

/* ---- git ---- */

typedef enum { REPO_NONE, REPO_OPEN, REPO_DAMAGED } repo_state;

/* The repository whose working tree root lies in, and root's place there. */
static repo_state open_repository(walk *w)
{
	int r = git_repository_open_ext(&w->repo, w->root, 0, NULL);

	if (r)
		return r == GIT_ENOTFOUND ? REPO_NONE : REPO_DAMAGED;
	const char *top = git_repository_workdir(w->repo); /* ends in a slash; NULL when bare */
	str real = STR_INIT;
	bool in = top && path_real(&real, top, NULL) == 0;
	size_t n = real.len;
	/* core.worktree may name any place, also one that root is not in. */
	in = in && strncmp(w->root, real.data, n) == 0 && (w->root[n] == '/' || w->root[n] == '\0' || n == 1);
	if (in) {
		str_puts(&w->prefix, w->root + n + (w->root[n] == '/'));
		if (w->prefix.len)
			str_putc(&w->prefix, '/');
	}
	str_free(&real);
	if (!in)
		return REPO_NONE;
	return git_repository_index(&w->index, w->repo) ? REPO_DAMAGED : REPO_OPEN;
}

static const char *in_repository(walk *w, const char *rel)
{
	str_clear(&w->inside);
	str_put(&w->inside, str_text(&w->prefix), w->prefix.len);
	str_puts(&w->inside, rel);
	return str_text(&w->inside);
}

static bool is_ignored(walk *w, const char *rel)
{
	int ignored = 0;

	return w->repo && git_ignore_path_is_ignored(&ignored, w->repo, in_repository(w, rel)) == 0 && ignored;
}

static int add_tracked(walk *w, error *err)
{
	const char *prefix = str_text(&w->prefix);
	size_t n = git_index_entrycount(w->index);
	int status = 0;

	for (size_t i = 0; i < n && !status; i++) {
		const git_index_entry *e = git_index_get_byindex(w->index, i);
		if (strncmp(e->path, prefix, w->prefix.len) != 0 || e->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE)
			continue;
		const char *rel = e->path + w->prefix.len;
		if ((e->mode & S_IFMT) == GIT_FILEMODE_COMMIT)
			status = folder_list_skip(w->list, rel, "a submodule", err);
		else if (rel[0])
			status = list_add(w->list, rel, err);
	}
	return status;
}

/* A folder that the repository around it ignores has no files by git's account; a
 * person who names it wants it read all the same. */
static bool root_is_ignored(walk *w)
{
	str name = STR_INIT;

	if (!w->prefix.len || w->list->n)
		return false;
	str_put(&name, w->prefix.data, w->prefix.len - 1);
	int ignored = 0;
	bool yes = git_ignore_path_is_ignored(&ignored, w->repo, str_text(&name)) == 0 && ignored;
	str_free(&name);
	return yes;
}

static void close_repository(walk *w)
{
	git_index_free(w->index);
	git_repository_free(w->repo);
	w->index = NULL;
	w->repo = NULL;
}

/* Leaves the repository open when git's list is to be taken. */
static int list_tracked(walk *w, error *err)
{
	repo_state state = open_repository(w);
	int status = 0;

	if (state == REPO_OPEN)
		status = add_tracked(w, err);
	if (state != REPO_OPEN || root_is_ignored(w))
		close_repository(w);
	if (state == REPO_DAMAGED)
		status = folder_list_skip(w->list, ".git", "cannot be read as a repository: all files but hidden ones are taken",
					  err);
	return status;
}

/* ---- the walk ---- */

static const char *absolute(walk *w, const char *rel, const char *tail)
{
	str_clear(&w->full);
	str_putf(&w->full, "%s/%s%s", strcmp(w->root, "/") == 0 ? "" : w->root, rel, tail);
	return str_text(&w->full);
}

/* libgit2 opens .gitignore as it finds it; a FIFO there would hold us for ever. */
static int check_ignore_file(walk *w, const char *dir, error *err)
{
	struct stat st;
	const char *path = absolute(w, dir, dir[0] ? "/.gitignore" : ".gitignore");

	if (!w->repo || stat(path, &st) || S_ISREG(st.st_mode))
		return 0;
	return error_set(err, ERR_FORMAT, "%s: is not a regular file, so git's list cannot be made: remove it", path);
}

static int visit_folder(walk *w, const char *rel, error *err)
{
	struct stat st;

	if (w->repo) {
		const git_index_entry *e = git_index_get_bypath(w->index, in_repository(w, rel), 0);
		if ((e && (e->mode & S_IFMT) == GIT_FILEMODE_COMMIT) || is_ignored(w, rel))
			return 0;
		if (lstat(absolute(w, rel, "/.git"), &st) == 0)
			return folder_list_skip(w->list, rel, "another repository", err);
	}
	if (!MEM_GROW(w->todo, w->todo_cap, w->todos + 1) || !(w->todo[w->todos] = strdup(rel)))
		return error_nomem(err, "a list of folders");
	w->todos++;
	return 0;
}

static int visit(walk *w, const char *rel, error *err)
{
	struct stat st;

	if (w->full.oom || w->inside.oom)
		return error_nomem(err, "a path");
	if (lstat(absolute(w, rel, ""), &st))
		return errno == ENOENT ? 0 : folder_list_skip(w->list, rel, strerror(errno), err);
	if (S_ISDIR(st.st_mode))
		return visit_folder(w, rel, err);
	if (w->repo && git_index_get_bypath(w->index, in_repository(w, rel), 0))
		return 0;
	if (is_ignored(w, rel))
		return 0;
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return folder_list_skip(w->list, rel, "not a regular file", err);
	return list_add(w->list, rel, err);
}

static bool passed_over(const walk *w, const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	return w->repo ? strcmp(name, ".git") == 0 : name[0] == '.';
}

static int look_into(walk *w, const char *dir, error *err)
{
	str rel = STR_INIT;
	int status = check_ignore_file(w, dir, err);
	DIR *d = status ? NULL : opendir(absolute(w, dir, ""));

	if (!status && !d) {
		if (!dir[0])
			return error_errno(err, ERR_IO, "%s: the folder cannot be opened", w->root);
		return folder_list_skip(w->list, dir, strerror(errno), err);
	}
	while (!status) {
		const struct dirent *e = readdir(d);
		if (!e)
			break;
		if (passed_over(w, e->d_name))
			continue;
		str_clear(&rel);
		str_putf(&rel, "%s%s%s", dir, dir[0] ? "/" : "", e->d_name);
		status = rel.oom ? error_nomem(err, "a path") : visit(w, rel.data, err);
	}
	if (d)
		closedir(d);
	str_free(&rel);
	return status;
}

static int walk_all(walk *w, error *err)
{
	int status = 0;

	if (!MEM_GROW(w->todo, w->todo_cap, 1) || !(w->todo[0] = strdup("")))
		return error_nomem(err, "a list of folders");
	w->todos = 1;
	while (w->todos && !status) {
		char *dir = w->todo[--w->todos];
		progress_event e = { "extracting", "files", 0, (int64_t)w->list->n, 0 };
		status = progress_report(w->p, &e) ? error_set(err, ERR_CANCEL, "stopped") : look_into(w, dir, err);
		free(dir);
	}
	while (w->todos)
		free(w->todo[--w->todos]);
	free(w->todo);
	return status;
}

int folder_list_make(folder_list *out, const char *root, const progress *p, error *err)
{
	walk w = { .list = out, .root = root, .p = p };
	int status = 0;

	*out = (folder_list){ 0 };
	git_libgit2_init();
	/* Another owner's repository is only listed here and runs nothing: folio asks
	 * libgit2 for no filter, hook or monitor that its configuration could name. */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	status = list_tracked(&w, err);
	if (!status)
		status = walk_all(&w, err);
	sort_unique(out);
	close_repository(&w);
	git_libgit2_shutdown();
	str_free(&w.prefix);
	str_free(&w.full);
	str_free(&w.inside);
	return status;
}

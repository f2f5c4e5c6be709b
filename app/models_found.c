#include "app/models_found.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/path.h"

enum {
	DEEPEST = 5,          /* hub/models--x--y/snapshots/hash/file.gguf */
	MOST_ENTRIES = 4000,  /* a folder of something else altogether must not hold us up */
	LEAST_BYTES = 1 << 20 /* below it, a vocabulary or a broken download */
};

/* Below $HOME. */
static const char *const places[] = { "models", ".cache/llama.cpp", ".cache/huggingface/hub", ".lmstudio/models", ".cache/lm-studio/models",
	                              ".local/share/nomic.ai/GPT4All" };

typedef struct {
	found_model *m;
	size_t n, cap;
	int looked;
	bool oom;
} finding;

void found_models_free(found_model *m, int n)
{
	for (int i = 0; i < n; i++) {
		free(m[i].path);
		free(m[i].name);
	}
	free(m);
}

/* One file is one model; folio reads none that is split, and no projector for pictures. */
static bool is_model_name(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && !strcasecmp(name + n - 5, ".gguf") && strncasecmp(name, "mmproj", 6) && !strstr(name, "-of-");
}

static void take(finding *f, const char *path, const char *name)
{
	str real = STR_INIT;
	struct stat st;

	if (path_real(&real, path, NULL) || stat(real.data, &st) || st.st_size < LEAST_BYTES)
		goto out;
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->m[i].path, real.data))
			goto out;
	if (!MEM_GROW(f->m, f->cap, f->n + 1)) {
		f->oom = true;
		goto out;
	}
	found_model *m = &f->m[f->n];
	*m = (found_model){ .path = strdup(real.data), .name = strndup(name, strlen(name) - strlen(".gguf")), .bytes = st.st_size };
	f->n++;
	f->oom |= !m->path || !m->name;
out:
	str_free(&real);
}

static void look(finding *f, const char *folder, int depth)
{
	DIR *d = opendir(folder);
	str path = STR_INIT;
	struct stat st;

	for (struct dirent *e; d && !f->oom && f->looked < MOST_ENTRIES && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		f->looked++;
		path_join(&path, folder, e->d_name);
		if (path.oom || stat(path.data, &st))
			continue;
		if (S_ISREG(st.st_mode) && is_model_name(e->d_name))
			take(f, path.data, e->d_name);
		else if (S_ISDIR(st.st_mode) && depth)
			look(f, path.data, depth - 1);
	}
	if (d)
		closedir(d);
	str_free(&path);
}

static int by_name(const void *a, const void *b)
{
	const found_model *x = a, *y = b;
	int names = strcasecmp(x->name, y->name);

	return names ? names : strcmp(x->path, y->path);
}

int models_found(found_model **out, int *n, error *err)
{
	const char *home = getenv("HOME");
	finding f = { 0 };
	str folder = STR_INIT;

	*out = NULL;
	*n = 0;
	for (size_t i = 0; home && i < sizeof(places) / sizeof(*places); i++) {
		path_join(&folder, home, places[i]);
		if (!folder.oom)
			look(&f, folder.data, DEEPEST);
	}
	str_free(&folder);
	if (f.oom) {
		found_models_free(f.m, (int)f.n);
		return error_nomem(err, "the models found");
	}
	if (f.n)
		qsort(f.m, f.n, sizeof(*f.m), by_name);
	*out = f.m;
	*n = (int)f.n;
	return 0;
}

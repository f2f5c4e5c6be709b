/* store/document_list.h - which files of a folder belong to it. Private to
 * document_folder.c. */

#ifndef STORE_DOCUMENT_LIST_H
#define STORE_DOCUMENT_LIST_H

#include "store/document.h"

typedef struct {
	char **path;         /* raw, relative to the folder, in byte order, each once */
	size_t n, cap;
	document_skip *skip; /* shown form, not in order yet */
	size_t skips, skip_cap;
} folder_list;

/* root as path_real gives it. The files that git would list when root lies in a
 * repository that does not ignore it, else all but hidden ones. Some may be links,
 * or gone: whoever reads them finds out. The list is to be freed in any case. */
int folder_list_make(folder_list *out, const char *root, const progress *p, error *err);
void folder_list_free(folder_list *l);

/* Name a file, raw path, that is left out, and why. */
int folder_list_skip(folder_list *l, const char *path, const char *reason, error *err);

bool folder_list_has(const folder_list *l, const char *path);

#endif

/* store/files.h - names of files under contexts/, and which rows still need them.
 * Internal to store. Documents with the same content share a context file, so it
 * goes only when the last row that names it has gone. */

#ifndef STORE_FILES_H
#define STORE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/db.h"

typedef struct {
	char **name; /* owned */
	size_t n, cap;
} file_list;

#define FILE_LIST_INIT ((file_list){ 0 })

void file_list_free(file_list *l);
int file_list_add(file_list *l, const char *name, error *err);

/* A plain file name ending in .kv: a row, too, may be hostile. */
bool file_name_ok(const char *name);

/* Add the names in st's first column. Finalizes st. */
int files_of(file_list *out, sqlite3_stmt *st, store *s, error *err);
/* Take from the list what a row still names. Call it inside the transaction that
 * removed rows, and files_remove after its end. */
int files_keep_used(file_list *l, store *s, error *err);
/* Unlink them; returns the bytes freed. What cannot be removed is an orphan from
 * now on and store_sweep's. */
int64_t files_remove(const file_list *l, store *s);

/* Bytes of context files that rows name, each file once. */
int files_used_bytes(int64_t *out, store *s, error *err);

/* word as an absolute path without ".", ".." and links, as far as it exists. */
int files_absolute(str *out, const char *word, error *err);

#endif

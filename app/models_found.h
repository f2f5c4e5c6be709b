/* app/models_found.h - model files that other programs left on this machine: GGUF files
 * where llama.cpp, Hugging Face's tools, LM Studio and people keep them. */

#ifndef APP_MODELS_FOUND_H
#define APP_MODELS_FOUND_H

#include <stdint.h>

#include "base/error.h"

typedef struct {
	char *path;    /* real: links are followed */
	char *name;    /* the file's, without .gguf */
	int64_t bytes;
} found_model;
void found_models_free(found_model *m, int n);

/* Ordered by name, each file once. Looks a few folders deep and no further than a few
 * thousand entries; what cannot be read is passed over. *out is malloc'ed. */
int models_found(found_model **out, int *n, error *err);

#endif

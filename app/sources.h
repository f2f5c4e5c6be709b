/* app/sources.h - which passages an answer rests on, from watched attention. */

#ifndef APP_SOURCES_H
#define APP_SOURCES_H

#include "app/answer.h"

/* The heads whose attention points at what is being answered from ("retrieval
 * heads"; Wu et al. 2024). Taken from the model's profile in the library, else from
 * assets/profiles.json by the model's fingerprint, else all heads of the layers
 * between half and five sixths of the depth, where such heads lie in the models
 * measured: then *measured is false. *heads is malloc'ed. */
int sources_heads(head_ref **heads, int *n, bool *measured, const engine *e, const char *profile_json, error *err);

/* A passage and the part of the watched attention on it. */
typedef struct {
	document_passage at;
	double mass;
	int section;
} ranked_passage;

/* qsort's order: falling mass, then the order of the text. */
int sources_by_mass(const void *a, const void *b);

/* Rank the passages of one section, best first. mass: [tokens] from session_watched;
 * place: byte of each token or READ_NOT_TEXT. *out is malloc'ed; masses add up to at
 * most 1 over the tokens that are text. */
int sources_rank(ranked_passage **out, int *n, const document *d, size_t from, size_t to, int section,
                 const float *mass, const uint32_t *place, int tokens, error *err);

/* The best few as sources with path, lines and text; appended to a. */
int sources_put(answer *a, const document *d, const ranked_passage *r, int n, error *err);

#endif

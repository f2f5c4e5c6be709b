/* app/profile.h - what was learnt about a model by measuring it: the adapter that goes
 * with it, its retrieval heads, how many passages focus takes.
 *
 * A model's own profile lies in the library, as JSON; assets/profiles.json ships those
 * of models that we measured, by fingerprint. */

#ifndef APP_PROFILE_H
#define APP_PROFILE_H

#include <jansson.h>

/* The value under key in the model's own profile (own_json may be NULL or ""), or NULL.
 * The caller frees it with json_decref. */
json_t *profile_own(const char *own_json, const char *key);
/* The same in the shipped profile of the model with this fingerprint. */
json_t *profile_shipped(const char *fingerprint, const char *key);

#endif

/* app/models.h - the models that the library knows: finding, adding, fetching. */

#ifndef APP_MODELS_H
#define APP_MODELS_H

#include "app/folio.h"
#include "base/progress.h"

/* word: a name, id or prefix of the library, or a path on disk; NULL or "": the
 * default. The row of a path that the library does not know has id 0.
 * ERR_NOTFOUND says how to get a model. */
int models_find(model_row *out, folio *f, const char *word, error *err);

/* Open the row's file with f's settings. The stored fingerprint is believed as long
 * as size and time are the row's; otherwise the file is hashed and the row brought
 * up to date, in memory and in the library. */
int models_open(engine **out, folio *f, model_row *row, error *err);

/* An adapter that is part of the program. */
#define MODELS_SHIPPED "asset:"

/* The adapter that the row's model is opened with: the setting, else what `model use
 * --adapter` chose for this model, else the one that folio ships for it. A path,
 * "asset:NAME", or "" for none. */
int models_adapter(str *out, folio *f, const model_row *row, error *err);

/* Keep an adapter with a model: a file, which is opened and checked, "none", or
 * "default" for what folio ships for it. */
int models_use_adapter(folio *f, model_row *row, const char *which, error *err);

/* Open and check a file or folder, put it into the library and, if there is none
 * yet, make it the default. name: NULL makes one from the path. */
int models_add(model_row *out, folio *f, const char *path, const char *name, error *err);

/* Fetch a model that a manifest in assets/ describes (app/fetch.h), unless it is
 * there and whole already, and add it. *fetched tells which. name NULL: the default. */
int models_get(model_row *out, bool *fetched, folio *f, const char *name, bool quiet, const progress *p,
               error *err);

/* Forget a model. A file that models_get can fetch again goes with it: *freed bytes. */
int models_remove(folio *f, const char *word, int64_t *freed, error *err);

/* Was the engine with this fingerprint made from the row's model? As far as the library
 * has seen: models_open notes it. */
bool models_made(const model_row *row, const char *engine_fingerprint);

/* What models_open learnt about reading speed, tokens/s; 0: nothing yet. */
double models_speed(const model_row *row);
int models_learn_speed(folio *f, double tokens_per_s, error *err);

#endif

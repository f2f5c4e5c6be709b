/* app/folio.h - the program's state below any user interface: settings, library
 * and, once something needs it, the model. Command line, interface and evaluation
 * all work through read.h and answer.h with one of these. */

#ifndef APP_FOLIO_H
#define APP_FOLIO_H

#include "app/config.h"
#include "engine/engine.h"
#include "store/store.h"

typedef struct {
	config cfg;
	store *lib;
	engine *eng;     /* NULL until folio_engine */
	model_row model; /* the model eng is, or will be */
} folio;

/* Settings, log and library. */
int folio_open(folio **out, error *err);
void folio_close(folio *f); /* NULL is fine */

/* Open the model that cfg.model names (else the default) unless it is open. The
 * error tells how to get one when there is none. Remembers its hash in the library. */
int folio_engine(folio *f, error *err);

#endif

/* base/error.h - one error value, passed down as the last argument.
 *
 * A function that can fail returns 0 or a negative ERR_* code and describes the
 * failure in *err, in one sentence that a person can act on. Callers pass code
 * and message up unchanged; only the layer that can say something new replaces
 * the message. err may be NULL. */

#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum {
	ERR_IO = -1,          /* file or device could not be read or written */
	ERR_FORMAT = -2,      /* bytes were read but do not mean what we expect */
	ERR_NOMEM = -3,       /* memory exhausted */
	ERR_GPU = -4,         /* CUDA or cuBLAS refused */
	ERR_CANCEL = -5,      /* the user stopped the work; not shown as a failure */
	ERR_ARG = -6,         /* the person asked for something that cannot be */
	ERR_NOTFOUND = -7,    /* no such document, model, row */
	ERR_UNSUPPORTED = -8, /* understood, but this build or program cannot do it */
	ERR_NUMERIC = -9,     /* a NaN or infinity where there must be none */
	ERR_BUSY = -10,       /* another folio holds the library */
	ERR_FULL = -11,       /* disk or disk budget exhausted */
};

typedef struct {
	int code;
	char msg[512];
} error;

/* Fill *err and return code, so that a failure path is one statement. */
int error_set(error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with ": <strerror(errno)>" appended. */
int error_errno(error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ERR_NOMEM, naming what the memory was for. */
int error_nomem(error *err, const char *what);

#ifdef __cplusplus
}
#endif
#endif

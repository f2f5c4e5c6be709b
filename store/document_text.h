/* store/document_text.h - from foreign bytes to clean text. Private to the reading
 * of documents; other layers use store/document.h. */

#ifndef STORE_DOCUMENT_TEXT_H
#define STORE_DOCUMENT_TEXT_H

#include <sys/stat.h>

#include "store/document.h"

#define DOCUMENT_MOST      ((size_t)1 << 30)  /* bytes of one document; offsets fit 32 bits with room */
#define DOCUMENT_FILE_MOST ((size_t)32 << 20) /* bytes of one file in a folder */

/* Why a file is not read: for a folder a skip, for a file that was named an error. */
typedef struct {
	int code;           /* ERR_* */
	char reason[80];    /* "binary": a skip's */
	char sentence[256]; /* "is binary: ...": follows the file's name in an error */
} refusal;

int refuse(refusal *why, int code, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Append a name or path so that it stands on one line and is safe to show: control
 * characters and ill-formed bytes become visible, newline and tab too. */
void name_put_shown(str *out, const char *name);

/* Append what fd holds, up to most bytes. Reports "extracting" of total bytes (0:
 * unknown, no reports). ERR_CANCEL when p says so, also while a pipe keeps silent. */
int bytes_read_fd(str *out, int fd, size_t most, int64_t total, const progress *p, refusal *why);

/* Append a regular file's bytes; *st is what it was. Never waits for a FIFO, follows
 * no link in the last component, refuses a file that keeps changing while it is read. */
int bytes_read_file(str *out, struct stat *st, const char *path, size_t most, bool tell, const progress *p,
                    refusal *why);

/* Append bytes as well-formed UTF-8 with \n for CRLF and CR and without BOM. Form
 * feeds go; if there were any and page is not NULL, *page (malloc'ed) are the page
 * starts, as offsets from the beginning of what was appended. bytes are used up. */
int text_extract(str *out, size_t **page, int *pages, str *bytes, refusal *why);

/* DOC_TEXT, DOC_MARKDOWN or DOC_CODE by name, else by a "#!" in the text. */
document_kind text_kind(const char *path, const char *text, size_t n);

/* One file or standard input from its bytes, which are used up. path "-" or absolute;
 * st may be NULL. */
int document_from_bytes(document **out, const char *path, const char *title, str *bytes, const struct stat *st,
                        error *err);

/* A folder, path as path_real gave it. */
int document_load_folder(document **out, const char *path, const char *title, const progress *p, error *err);

/* title, else the name at the end of path without extension (a folder's: whole). */
void document_put_title(str *out, const char *title, const char *path, bool folder);

/* Fill hash, when everything else is in place. */
int document_seal(document *d, error *err);

#endif

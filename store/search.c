#include "store/search.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

static int fail(sqlite3 *db, error *err)
{
	return error_set(err, ERR_IO, "the passages cannot be searched: %s", db ? sqlite3_errmsg(db) : "no memory");
}

/* A letter, a digit, or any part of a character beyond ASCII. */
static bool in_word(unsigned char c)
{
	return c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* The words of a text as an FTS5 expression: "what" OR "is" OR ... Nothing in the
 * text can be taken for an operator, since words hold no quotes. */
static int expression(str *out, const char *text)
{
	int words = 0;

	for (const char *p = text; *p;) {
		size_t n = 0;
		while (in_word((unsigned char)p[n]))
			n++;
		if (n) {
			str_puts(out, words++ ? " OR \"" : "\"");
			str_put(out, p, n);
			str_putc(out, '"');
		}
		p += n ? n : 1;
	}
	return words;
}

static int fill(sqlite3 *db, const document *d, const document_passage *p, int n, error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_exec(db, "CREATE VIRTUAL TABLE passage USING fts5(body, tokenize = 'porter unicode61')", NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "INSERT INTO passage(rowid, body) VALUES (?, ?)", -1, &st, NULL);
	for (int i = 0; rc == SQLITE_OK && i < n; i++) {
		sqlite3_bind_int(st, 1, i + 1);
		sqlite3_bind_text64(st, 2, d->text + p[i].from, p[i].to - p[i].from, SQLITE_STATIC, SQLITE_UTF8);
		rc = sqlite3_step(st) == SQLITE_DONE ? sqlite3_reset(st) : SQLITE_ERROR;
	}
	int status = rc == SQLITE_OK ? 0 : fail(db, err);
	sqlite3_finalize(st);
	return status;
}

static int match(double *score, int n, sqlite3 *db, const char *words, error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, "SELECT rowid, -bm25(passage) FROM passage WHERE passage MATCH ?", -1, &st, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(st, 1, words, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		int i = rc == SQLITE_ROW ? sqlite3_column_int(st, 0) - 1 : -1;
		if (i >= 0 && i < n)
			score[i] = sqlite3_column_double(st, 1);
	}
	int status = rc == SQLITE_DONE ? 0 : fail(db, err);
	sqlite3_finalize(st);
	return status;
}

int search_passages(double *score, const document *d, const document_passage *p, int n, const char *question, error *err)
{
	sqlite3 *db = NULL;
	str words = STR_INIT;
	int status = 0;

	memset(score, 0, (size_t)n * sizeof(*score));
	if (n && expression(&words, question) > 0 && !(status = str_ok(&words, err))) {
		status = sqlite3_open(":memory:", &db) == SQLITE_OK ? 0 : fail(db, err);
		if (!status && !(status = fill(db, d, p, n, err)))
			status = match(score, n, db, words.data, err);
		sqlite3_close(db);
	}
	str_free(&words);
	return status;
}

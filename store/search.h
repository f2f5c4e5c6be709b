/* store/search.h - passages by the words they share with a question. */

#ifndef STORE_SEARCH_H
#define STORE_SEARCH_H

#include "store/document.h"

/* score[i]: BM25 (Robertson and Zaragoza 2009; SQLite's FTS5 with Porter stems) of
 * passage i for the question's words, 0 when it has none of them. The passages are
 * the collection that counts how rare a word is. */
int search_passages(double *score, const document *d, const document_passage *p, int n, const char *question, error *err);

#endif

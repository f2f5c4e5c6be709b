#include "tests/eval/score.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { WORDS = 512 };

typedef struct {
	char *text;         /* words separated by NULs */
	const char *word[WORDS];
	int n;
} words;

static bool is_article(const char *w)
{
	return strcmp(w, "a") == 0 || strcmp(w, "an") == 0 || strcmp(w, "the") == 0;
}

static words split(const char *s)
{
	words w = { .text = strdup(s) };
	char *to = w.text, *save = NULL;

	if (!w.text)
		return w;
	for (const char *p = s; *p; p++)
		if (!ispunct((unsigned char)*p))
			*to++ = (char)tolower((unsigned char)*p);
	*to = '\0';
	for (char *t = strtok_r(w.text, " \t\r\n", &save); t && w.n < WORDS; t = strtok_r(NULL, " \t\r\n", &save))
		if (!is_article(t))
			w.word[w.n++] = t;
	return w;
}

static double pair_f1(const words *a, const words *b)
{
	bool used[WORDS] = { false };
	int common = 0;

	if (a->n == 0 || b->n == 0)
		return a->n == b->n;
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < b->n; j++)
			if (!used[j] && strcmp(a->word[i], b->word[j]) == 0) {
				used[j] = true;
				common++;
				break;
			}
	if (!common)
		return 0;
	double precision = (double)common / a->n, recall = (double)common / b->n;
	return 2 * precision * recall / (precision + recall);
}

static bool pair_exact(const words *a, const words *b)
{
	if (a->n != b->n)
		return false;
	for (int i = 0; i < a->n; i++)
		if (strcmp(a->word[i], b->word[i]))
			return false;
	return true;
}

bool score_exact(const char *said, const json_t *answers)
{
	words a = split(said);
	bool any = false;

	for (size_t i = 0; i < json_array_size(answers) && !any; i++) {
		words b = split(json_string_value(json_array_get(answers, i)));
		any = pair_exact(&a, &b);
		free(b.text);
	}
	free(a.text);
	return any;
}

double score_f1(const char *said, const json_t *answers)
{
	words a = split(said);
	double best = 0;

	for (size_t i = 0; i < json_array_size(answers); i++) {
		words b = split(json_string_value(json_array_get(answers, i)));
		double f = pair_f1(&a, &b);
		best = f > best ? f : best;
		free(b.text);
	}
	free(a.text);
	return best;
}

/* tests/eval/score.h - exact match and F1 as the SQuAD evaluation defines them
 * (Rajpurkar et al. 2016): lower case, no punctuation, no articles, words compared. */

#ifndef TESTS_EVAL_SCORE_H
#define TESTS_EVAL_SCORE_H

#include <jansson.h>
#include <stdbool.h>

/* The best over an array of accepted answers. */
bool score_exact(const char *said, const json_t *answers);
double score_f1(const char *said, const json_t *answers);

#endif

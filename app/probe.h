/* app/probe.h - questions made up from a document's own words, by which its context
 * is calibrated (session_squeeze): they do as well as real ones. */

#ifndef APP_PROBE_H
#define APP_PROBE_H

#include "base/progress.h"
#include "engine/session.h"

/* About as many tokens as calibration looks at. With five, all of them looked at, KL at
 * budgets 1/8 and 1/16 was 0.025 and 0.064 for 0.021 and 0.061; with three, but only the
 * last 8 tokens of each prompt, 0.026 and 0.084: the words asked for count too. */
enum { PROBES = 3 };

/* Append a question of about nine words that stand in bytes [from, to) of a text, at
 * 1/6, 3/6 or 5/6 of it as which goes from 0 to PROBES - 1. Whole UTF-8 from such, on
 * one line, at most 81 bytes; nothing where there are no words. */
void probe_question(str *out, const char *text, size_t from, size_t to, int which);

/* The questions as turns of a conversation after the document, as many of them as have
 * no more than most tokens. out must be empty. The same for every answer style: a
 * stored context does not depend on settings. */
int probe_encode(tokens *out, const engine *e, const char *text, size_t from, size_t to, size_t most, error *err);

/* session_squeeze of s, which holds bytes [from, to) of the text with the words around
 * them and was opened with room for the model's window. The questions that do not fit
 * behind are not asked. The session ends up as it was. */
int probe_squeeze(context **out, session *s, const engine *e, const char *text, size_t from, size_t to, uint64_t seed,
                  const progress *p, error *err);

#endif

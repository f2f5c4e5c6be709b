/* app/focus.h - leading a small model's eyes: the passages of a document that a
 * question is about, and a fresh short context made of them.
 *
 * Two signals say which they are: where the question's tokens look in the model's
 * retrieval heads, over the whole stored context (Wu et al. 2024), and the words
 * that question and passage share (BM25). */

#ifndef APP_FOCUS_H
#define APP_FOCUS_H

#include "app/generate.h"
#include "app/sources.h"

/* How many passages to answer from: cfg's focus, or, when that is auto, what the
 * model's profile in the library or else assets/profiles.json says; 0 is off, and
 * what holds for models that nothing was measured for. */
int focus_passages(const config *cfg, const engine *e, const char *profile_json);

/* p: every passage of the document with the mass that the question gave it within
 * its section, in any order. Sets each mass to the share of both signals together,
 * which add up to 1 over all, and sorts by it. */
int focus_rank(ranked_passage *p, int n, const document *d, const char *question, error *err);

/* Answer from the first n of p in a session of its own: the passages in the order of
 * the document, the conversation's tokens so far, then prompt, which asks question. The
 * passages are read with the question before them when the adapter was taught so, and it
 * refuses from its first_refuse_at on then, unless o says otherwise. Those beyond half
 * the window are left out, the weakest first, but never the first; *used tells how many
 * there were. As generate otherwise. */
int focus_answer(generated *out, int *used, engine *e, const document *d, const ranked_passage *p, int n, const tokens *history,
                 const char *question, const tokens *prompt, const generate_options *o, answer_text_fn tell, void *ud, const progress *pr, error *err);

/* Before the whole of a stored context answers at a budget below 1: let it look at the
 * question once, and lead all heads to the passages that the retrieval heads, head[heads],
 * looked at most (session_favour). prompt is evaluated and taken back; the session stands
 * as before. from, to: bytes of d that the context holds; place: of each of its tokens.
 * Reading everything there is nothing to lead. */
int focus_lead(session *s, const document *d, size_t from, size_t to, const uint32_t *place, const head_ref *head, int heads,
               const tokens *prompt, const progress *pr, error *err);

/* Order the first n as sources: those that hold the answer's very words count for more. */
void focus_prefer_holders(ranked_passage *p, int n, const document *d, const char *said);

#endif

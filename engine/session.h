/* engine/session.h - one timeline over a model: [stored context] + live tokens.
 *
 * Used by one thread at a time. Live tokens have dense keys and values in memory
 * (f16); the stored context is read where it lies, only the selected ranges. */

#ifndef ENGINE_SESSION_H
#define ENGINE_SESSION_H

#include <stdbool.h>

#include "base/progress.h"
#include "engine/context.h"
#include "engine/engine.h"

typedef struct session session;

typedef enum {
	CALIBRATION_ERROR,     /* budget allocated over heads by measured error */
	CALIBRATION_THRESHOLD, /* the paper's single threshold */
} calibration;

/* ctx may be NULL (no stored context) and must outlive the session. max_live: most
 * live tokens; memory grows as they come. */
int session_open(session **out, engine *e, const context *ctx, int max_live, error *err);
void session_close(session *s); /* NULL is fine */

/* KV budget in (0, 1]; 1 is exact dense attention. ERR_ARG otherwise. Takes effect
 * with the next token. */
int session_set_budget(session *s, double budget, calibration c, error *err);

/* No choice is led: the budget is 1, the paper's threshold holds, or nothing is stored. */
bool session_unled(const session *s);

/* Lead the heads' choice of clusters to some of the context's tokens: want is [context
 * tokens], 0 or 1; a cluster whose keys are wanted to a part f counts 1 + SESSION_FAVOUR f
 * times the attention that it is estimated to get. The budget stays what it is. Until the
 * next call; NULL: all clusters alike. Without effect at budget 1 and by threshold. */
enum { SESSION_FAVOUR = 20 };
int session_favour(session *s, const uint8_t *want, error *err);

/* Keep the keys and values of live tokens in f32 instead of f16, twice the memory: for
 * holding the engine against references. Before the first token, without a stored
 * context; such a session can be evaluated and rewound, nothing else. */
int session_use_f32(session *s, error *err);

int session_context_tokens(const session *s); /* of the stored context */
int session_live_tokens(const session *s);

/* Drop live tokens from n on. */
void session_rewind(session *s, int n);

/* While on, tokens are evaluated on trial, to be rewound: their attention is not watched
 * and what they read is not in the stats. Off at first. */
void session_trial(session *s, bool on);

/* Append tokens and evaluate them. logits: [vocab] of the last one, or NULL.
 * all_logits: [n, vocab] of every one, or NULL. ERR_CANCEL leaves whole blocks in
 * place (session_live_tokens tells how far). ERR_NUMERIC if a value stops being
 * finite. */
int session_eval(session *s, const int *id, int n, float *logits, float *all_logits,
                 const progress *p, error *err);

/* What the live tokens since session_stats_reset read of the context. */
typedef struct {
	double budget_read;  /* (keys + half a key per centroid) / body keys, mean over layers, heads, steps */
	int64_t kept_keys, centroids; /* totals read */
	int64_t steps;       /* layer x head x block lookups */
	int always;          /* sinks and window keys attended beside them, each time */
} session_stats;
void session_stats_reset(session *s);
session_stats session_get_stats(const session *s);

/* ---- where attention went, for sources ---- */

/* While on, the attention that live tokens give to each context position, in the
 * given (layer, head) pairs, is added up: over all of them into [context tokens], or
 * apart into [n, context tokens]. Zeroed by session_watch; heads is borrowed while
 * watching. NULL heads, or a session without a stored context, turns it off. */
typedef struct {
	int layer, head;
} head_ref;
int session_watch(session *s, const head_ref *heads, int n, bool apart, error *err);
const float *session_watched(const session *s);

/* ---- squeezing: turn the live tokens into a stored context ---- */

/* Cluster and calibrate the live tokens of a session that has no stored context. The
 * last asked of them are questions after the document and no part of the context:
 * queries of the last 100 of them measure which keys each head needs, and the session
 * then stands at the document's end, after an error too. 0: the document's own last
 * queries. Those look for the next word, a question's for its answer: KL to dense
 * attention over 88 answers was 0.038 and 0.092 at budgets 1/8 and 1/16 with the
 * document's own, with questions made of its words (app/probe.h) 0.021 and 0.060, no
 * worse than with real ones; at 0.325 it was 0.0025 and 0.0036. Evaluates again those
 * whose queries are not there, as after session_kv_put. ERR_ARG, and the session as it
 * was, if nothing is left to squeeze. */
int session_squeeze(context **out, session *s, int asked, uint64_t seed, const progress *p, error *err);

/* Dense keys and values of live tokens [from, from + n), for saving a read that was
 * interrupted and going on with it: buf is [layers, 2, kv_heads, n, head_dim] f16. */
size_t session_kv_bytes(const session *s, int n);
void session_kv_get(const session *s, int from, int n, void *buf);
int session_kv_put(session *s, const int *id, int n, const void *buf, error *err);

#endif

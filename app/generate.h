/* app/generate.h - one question evaluated and answered on a session. */

#ifndef APP_GENERATE_H
#define APP_GENERATE_H

#include "app/answer.h"
#include "engine/session.h"

typedef struct {
	chat_style style;
	int max_tokens;
	sampler_options sampler;
	double refuse_at;       /* 0: what the adapter says; above 1: never, but say how probable it was */
} generate_options;

typedef struct {
	str text;               /* whole UTF-8 */
	tokens id;              /* the answer's tokens, without the one that ends it */
	int prompt_tokens;
	double refusal;         /* probability of the adapter's refusal; when it is small, a bound of it */
	bool refused;           /* the answer is that refusal */
	double logprob;         /* mean over the tokens, the ending one included; a refusal has none */
	double first_token_s;   /* from the call to the first token */
	double decode_s;        /* from there to the end */
	bool cut;               /* ended by max_tokens or by the session's room */
	bool stopped;           /* ended by the cancel token; text is what there was */
} generated;

void generated_free(generated *g);

/* Append the question's words to out. first: it follows the document itself. */
int generate_prompt(tokens *out, const engine *e, const char *question, chat_style style, bool first, error *err);

/* Evaluate the prompt and answer. On success the session holds prompt and answer.
 * ERR_CANCEL when stopped before the first token; later, what there is is the answer.
 * A reading adapter's refusal is not left to its first token's chance: it is the answer
 * if the whole of it is probable enough, and otherwise the answer is another one. */
int generate(generated *out, session *s, engine *e, const tokens *prompt, const generate_options *o,
             answer_text_fn tell, void *ud, const progress *p, error *err);

#endif

/* app/answer.h - a question to a stored document, its answer and its sources. */

#ifndef APP_ANSWER_H
#define APP_ANSWER_H

#include "app/folio.h"
#include "base/progress.h"
#include "store/document.h"

typedef struct {
	char *path;             /* file, relative to the folder for folders */
	int page;               /* 0: none */
	int line_from, line_to;
	char *text;
	double score;           /* share of the watched attention, 0..1 */
	int section;
	size_t from, to;        /* bytes of the document's text */
} source;

typedef struct {
	char *text;
	source *src;
	int sources;
	int section, sections;  /* which section answered (0-based), of how many */
	int reused_tokens;      /* of the stored contexts, not evaluated again */
	int prompt_tokens, answer_tokens;
	int focus, focus_tokens; /* passages read again beside the question, and their tokens; 0: the whole context answered */
	double budget_asked, budget_read;
	double first_token_ms;  /* from the call to the first answer token */
	double tokens_per_s;
	double logprob;         /* mean log-probability of the answer's tokens */
	bool refused;           /* text is the adapter's refusal: the document does not tell */
	bool cut;               /* ended by the length limit */
	bool stopped;           /* ended by the person; text is what there was */
} answer;

void answer_free(answer *a); /* frees the contents */

/* Called with each piece of the answer as it is ready, whole UTF-8 sequences, on
 * the calling thread. When several sections are asked, only the chosen answer is
 * told, at its end. */
typedef void (*answer_text_fn)(void *ud, const char *text, size_t n);

/* A document's contexts for the open model, loaded and mapped; kept between
 * questions. Holds one conversation's live tokens, so follow-ups need no re-reading. */
typedef struct reading reading;
/* ERR_NOTFOUND if the document was not (wholly) read with this model. */
int reading_open(reading **out, folio *f, const document_row *doc, error *err);
void reading_close(reading *r); /* NULL is fine */

/* Ask. first: forget earlier turns of this reading and begin anew. conversation:
 * id to store the turn in, 0 to begin one (set on return), NULL to store nothing. */
int reading_ask(answer *out, reading *r, const char *question, bool first, int64_t *conversation,
                answer_text_fn tell, void *ud, const progress *p, error *err);

/* Tell the model a stored conversation's turns again, as if they had just been said,
 * so that the next question may follow up on them (first = false). Turns that no
 * longer fit the window are left out, the oldest first. */
int reading_resume(reading *r, int64_t conversation, const progress *p, error *err);

/* The sources as a JSON array, as `ask --json` prints them. */
int answer_sources_json(str *out, const answer *a, error *err);

#endif

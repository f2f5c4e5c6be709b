/* app/answer_impl.h - what answer.c, answer_focus.c and answer_resume.c share. */

#ifndef APP_ANSWER_IMPL_H
#define APP_ANSWER_IMPL_H

#include "app/answer.h"
#include "app/generate.h"
#include "app/sources.h"
#include "store/packed.h"

/* One section's stored context and the live tokens of the conversation over it. */
typedef struct {
	packed_file *file;
	context *ctx;
	const uint32_t *place; /* [ctx->tokens] in the file */
	size_t from, to;
	session *s;
} part;

struct reading {
	folio *f;
	document_row row;      /* strings are ours */
	document *doc;
	int parts;
	part *part;
	head_ref *head;
	int heads;
	bool leads;            /* these heads were measured: they may lead the others */
	int focus;             /* passages to answer from; 0: from the whole document */
	int turns;             /* in the live conversation */
	tokens history;        /* with focus: its tokens; the sections' sessions hold a beginning of them */
	str asked;             /* its latest question */
};

/* The part's session, with the settings of now; opened when it is not. */
int answer_part_session(part *p, reading *r, error *err);

/* What every answer has of what was generated; g's text is taken over. */
int answer_take(answer *out, const reading *r, generated *g, error *err);

/* Find the passages that the question is about and answer from them in a session of
 * its own; the parts' sessions hold the question afterwards. */
int answer_focused(answer *out, reading *r, const char *question, const tokens *prompt, double start, answer_text_fn tell, void *ud,
                   const progress *p, error *err);

#endif

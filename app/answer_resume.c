#include "app/answer_impl.h"

#include <string.h>

/* The turns from the given one on, as the live tokens would have been. */
static int encode_turns(tokens *out, const reading *r, const turn_row *turn, int from, int n, error *err)
{
	const engine *e = r->f->eng;
	int status = 0;

	out->len = 0;
	for (int i = from; i < n && !status; i++) {
		text_piece said = { turn[i].answer, strlen(turn[i].answer), false };
		status = generate_prompt(out, e, turn[i].question, r->f->cfg.style, i == from, err);
		if (!status)
			status = tokenizer_encode(out, e->tok, &said, 1, false, err);
	}
	return status;
}

/* Half of what is left beside the longest section: the new question needs room too. */
static size_t room_for_turns(const reading *r)
{
	int most = 0;

	for (int i = 0; i < r->parts; i++)
		if (r->part[i].ctx->tokens > most)
			most = r->part[i].ctx->tokens;
	int room = (r->f->eng->model->p.context - most) / 2;
	return room > 0 ? (size_t)room : 0;
}

int reading_resume(reading *r, int64_t conversation, const progress *p, error *err)
{
	tokens t = TOKENS_INIT;
	turn_row *turn = NULL;
	int n = 0, from = 0, status = store_list_turns(&turn, &n, r->f->lib, conversation, err);

	do {
		if (!status)
			status = encode_turns(&t, r, turn, from, n, err);
	} while (!status && t.len > room_for_turns(r) && from++ < n);
	for (int i = 0; i < r->parts && !status; i++) {
		if ((status = answer_part_session(&r->part[i], r, err)))
			break;
		session_rewind(r->part[i].s, 0);
		if (t.len)
			status = session_eval(r->part[i].s, t.id, (int)t.len, NULL, NULL, p, err);
	}
	r->turns = status ? 0 : n - from;
	tokens_free(&r->history);
	str_clear(&r->asked);
	if (r->turns) {
		r->history = t;
		t = TOKENS_INIT;
		str_puts(&r->asked, turn[n - 1].question);
	}
	turn_rows_free(turn, n);
	tokens_free(&t);
	return status;
}

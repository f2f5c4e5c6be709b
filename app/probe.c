#include "app/probe.h"

#include "app/generate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"

enum {
	WORDS = 9,
	BYTES = 80, /* of a question where words are long or nothing parts them */
};

/* White space and control characters, of which a question gets none. */
static bool is_blank(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

/* Where the word that holds byte at begins; in a text without spaces, the character. */
static size_t word_start(const char *text, size_t from, size_t at)
{
	size_t start = at;

	while (start > from && at - start < BYTES && !is_blank(text[start - 1]))
		start--;
	if (start > from && !is_blank(text[start - 1]))
		for (start = at; start > from && ((unsigned char)text[start] & 0xc0) == 0x80;)
			start--;
	return start;
}

void probe_question(str *out, const char *text, size_t from, size_t to, int which)
{
	size_t first = out->len, at = from + (to - from) * (size_t)(2 * which + 1) / (2 * PROBES);
	int words = 0;

	for (at = word_start(text, from, at); at < to && out->len < first + BYTES && !out->oom; at++) {
		if (!is_blank(text[at]))
			str_putc(out, text[at]);
		else if (out->len > first && !is_blank(text[at - 1])) {
			if (++words == WORDS)
				break;
			str_putc(out, ' ');
		}
	}
	if (out->oom || out->len == first)
		return;
	str_truncate(out, out->len - utf8_tail(out->data + first, out->len - first));
	if (out->len > first && out->data[out->len - 1] == ' ')
		str_truncate(out, out->len - 1);
	if (out->len > first)
		str_putc(out, '?');
}

int probe_encode(tokens *out, const engine *e, const char *text, size_t from, size_t to, size_t most, error *err)
{
	str question = STR_INIT;
	int status = 0;

	for (int i = 0; i < PROBES && !status; i++) {
		size_t before = out->len;
		str_clear(&question);
		probe_question(&question, text, from, to, i);
		if ((status = str_ok(&question, err)) || !question.len)
			continue;
		status = generate_prompt(out, e, str_text(&question), CHAT_PHRASE, before == 0, err);
		if (out->len > most) {
			out->len = before;
			break;
		}
	}
	str_free(&question);
	return status;
}

int probe_squeeze(context **out, session *s, const engine *e, const char *text, size_t from, size_t to, uint64_t seed,
                  const progress *p, error *err)
{
	progress quiet = { .stop = p ? p->stop : NULL };
	int end = session_live_tokens(s), room = e->model->p.context - end;
	tokens t = TOKENS_INIT;
	double start = clock_s();
	int status = probe_encode(&t, e, text, from, to, room > 0 ? (size_t)room : 0, err);

	*out = NULL;
	if (!status)
		status = session_eval(s, t.id, (int)t.len, NULL, NULL, &quiet, err);
	if (!status) {
		log_line(LOG_INFO, "asked %zu tokens of questions: %.2f s", t.len, clock_s() - start);
		status = session_squeeze(out, s, (int)t.len, seed, p, err);
	} else
		session_rewind(s, end);
	tokens_free(&t);
	return status;
}

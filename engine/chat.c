#include "engine/chat.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static const char *const families[CHAT_FAMILIES] = { "plain", "chatml", "llama2", "llama3", "mistral", "gemma", "zephyr" };
static const char *const styles[CHAT_STYLES] = { "phrase", "sentence", "free" };

struct chat {
	chat_family family;
	char *document, *focused, *question, *again;
	char *instruction[CHAT_STYLES];
	char fingerprint[HASH_TEXT];
	bool oom;
};

const char *chat_family_name(chat_family f)
{
	return families[f];
}

const char *chat_style_name(chat_style s)
{
	return styles[s];
}

int chat_style_parse(chat_style *out, const char *text, error *err)
{
	for (int i = 0; i < CHAT_STYLES; i++)
		if (strcmp(text, styles[i]) == 0) {
			*out = (chat_style)i;
			return 0;
		}
	return error_set(err, ERR_ARG, "'%.40s' is no answer style: say phrase, sentence or free", text);
}

chat_family chat_recognise(const char *t)
{
	/* The marks of the families, the more particular ones first. */
	if (strstr(t, "<|im_start|>"))
		return CHAT_CHATML;
	if (strstr(t, "<|start_header_id|>"))
		return CHAT_LLAMA3;
	if (strstr(t, "<start_of_turn>"))
		return CHAT_GEMMA;
	if (strstr(t, "<|user|>") && strstr(t, "<|assistant|>") && !strstr(t, "<|end|>"))
		return CHAT_ZEPHYR;
	if (strstr(t, "[INST]"))
		return strstr(t, "<<SYS>>") ? CHAT_LLAMA2 : CHAT_MISTRAL;
	return CHAT_PLAIN;
}

/* ---- the words ---- */

static char *unescape(const char *s)
{
	char *out = mem_array(strlen(s) + 1, 1), *to = out;

	for (; out && *s; s++) {
		if (s[0] == '\\' && s[1] == 'n') {
			*to++ = '\n';
			s++;
		} else
			*to++ = *s;
	}
	if (out)
		*to = '\0';
	return out;
}

static int keep(void *ud, const char *section, const char *name, const char *value)
{
	chat *c = ud;
	char **to = NULL;

	if (strcmp(section, "instructions") == 0) {
		for (int i = 0; i < CHAT_STYLES; i++)
			if (strcmp(name, styles[i]) == 0)
				to = &c->instruction[i];
	} else if (strcmp(section, families[c->family]) == 0)
		to = strcmp(name, "document") == 0   ? &c->document
		     : strcmp(name, "focused") == 0  ? &c->focused
		     : strcmp(name, "question") == 0 ? &c->question
		     : strcmp(name, "again") == 0    ? &c->again
		                                     : NULL;
	if (!to)
		return 1;
	/* An indented line goes on with the value before it; the library gives it apart. */
	char *more = unescape(value), *all = *to && more ? realloc(*to, strlen(*to) + strlen(more) + 1) : more;
	if (!all || !more) {
		c->oom = true;
		free(more);
		return 1;
	}
	if (all != more) {
		strcat(all, more);
		free(more);
	}
	*to = all;
	return 1;
}

typedef struct {
	const char *p, *end;
} source_text;

/* libinih's line reader. Its buffer holds 199 bytes: longer values take several lines. */
static char *next_line(char *line, int size, void *ud)
{
	source_text *s = ud;
	int n = 0;

	if (s->p == s->end)
		return NULL;
	while (s->p < s->end && n < size - 1) {
		line[n++] = *s->p;
		if (*s->p++ == '\n')
			break;
	}
	line[n] = '\0';
	return line;
}

static bool marks(const char *words, const char *a, const char *b)
{
	return words && strstr(words, a) && (!b || strstr(words, b));
}

static int check(const chat *c, error *err)
{
	for (int i = 0; i < CHAT_STYLES; i++)
		if (!c->instruction[i])
			return error_set(err, ERR_FORMAT, "prompts.ini: [instructions] has no '%s'", styles[i]);
	if (!marks(c->document, "{text}", NULL))
		return error_set(err, ERR_FORMAT, "prompts.ini: [%s] needs 'document' with {text}", families[c->family]);
	if (!marks(c->focused, "{text}", "{question}"))
		return error_set(err, ERR_FORMAT, "prompts.ini: [%s] needs 'focused' with {question} and {text}", families[c->family]);
	if (!marks(c->question, "{question}", NULL) || !marks(c->again, "{question}", NULL))
		return error_set(err, ERR_FORMAT, "prompts.ini: [%s] needs 'question' and 'again' with {question}", families[c->family]);
	return 0;
}

int chat_open(chat **out, chat_family f, const char *words, size_t words_len, error *err)
{
	chat *c = mem_zeroed(1, sizeof(*c));
	source_text text = { words, words + words_len };

	*out = NULL;
	if (!c)
		return error_nomem(err, "the prompts");
	c->family = f;
	int bad_line = ini_parse_stream(next_line, &text, keep, c);
	int status = c->oom ? error_nomem(err, "the prompts")
	             : bad_line ? error_set(err, ERR_FORMAT, "prompts.ini: line %d is no 'name = words'", bad_line)
	                        : check(c, err);
	if (status) {
		chat_close(c);
		return status;
	}
	hash_text(c->fingerprint, c->document, strlen(c->document));
	*out = c;
	return 0;
}

void chat_close(chat *c)
{
	if (!c)
		return;
	free(c->document);
	free(c->focused);
	free(c->question);
	free(c->again);
	for (int i = 0; i < CHAT_STYLES; i++)
		free(c->instruction[i]);
	free(c);
}

const char *chat_fingerprint(const chat *c)
{
	return c->fingerprint;
}

/* ---- laying a prompt out ---- */

typedef struct {
	const char *mark;
	text_piece piece;
} filling;

/* Words with their marks filled in, as pieces. *which: the piece of filling 0. */
static int lay_out(text_piece piece[CHAT_PIECES], int *which, const char *words, const filling *fill, int fills)
{
	int n = 0;

	while (*words && n < CHAT_PIECES - 1) {
		const char *at = NULL;
		int f = -1;
		for (int i = 0; i < fills; i++) {
			const char *p = strstr(words, fill[i].mark);
			if (p && (!at || p < at)) {
				at = p;
				f = i;
			}
		}
		size_t len = at ? (size_t)(at - words) : strlen(words);
		if (len)
			piece[n++] = (text_piece){ words, len, true };
		words += len;
		if (f < 0)
			break;
		if (f == 0 && which)
			*which = n;
		piece[n++] = fill[f].piece;
		words += strlen(fill[f].mark);
	}
	return n;
}

int chat_document(const chat *c, text_piece piece[CHAT_PIECES], int *text_piece_index,
                  const char *title, const char *text, size_t text_len)
{
	const filling fill[] = { { "{text}", { text, text_len, false } }, { "{title}", { title, strlen(title), false } } };

	*text_piece_index = 0;
	return lay_out(piece, text_piece_index, c->document, fill, 2);
}

int chat_focused(const chat *c, text_piece piece[CHAT_PIECES], const char *question,
                 const char *title, const char *text, size_t text_len)
{
	const filling fill[] = { { "{text}", { text, text_len, false } }, { "{title}", { title, strlen(title), false } },
	                         { "{question}", { question, strlen(question), false } } };

	return lay_out(piece, NULL, c->focused, fill, 3);
}

int chat_question(const chat *c, text_piece piece[CHAT_PIECES], str *scratch,
                  const char *question, chat_style style, bool first)
{
	const char *words = c->instruction[style];

	str_clear(scratch);
	str_puts(scratch, question);
	const filling fill[] = { { "{question}", { str_text(scratch), scratch->len, false } },
	                         { "{instruction}", { words, strlen(words), true } } };
	return lay_out(piece, NULL, first ? c->question : c->again, fill, 2);
}

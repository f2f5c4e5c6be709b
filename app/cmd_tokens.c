#include "app/cmd.h"

#include <string.h>

#include "app/models.h"
#include "app/show.h"
#include "base/file.h"

static int print_json(const tokens *t, error *err)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < t->len; i++)
		json_array_append_new(ids, json_integer(t->id[i]));
	return cmd_json(json_pack("{s:I, s:o}", "count", (json_int_t)t->len, "ids", ids), err);
}

/* id, byte offset and the text up to the next token's. */
static void print_lines(const tokens *t, const str *text)
{
	str s = STR_INIT;

	for (size_t i = 0; i < t->len; i++) {
		size_t from = t->at[i], to = i + 1 < t->len ? t->at[i + 1] : text->len;
		str_clear(&s);
		for (size_t k = from; k < to && k < text->len; k++) {
			char c = text->data[k];
			if (c == '\n')
				str_puts(&s, "\\n");
			else if (c == '\t')
				str_puts(&s, "\\t");
			else if (c == '\\')
				str_puts(&s, "\\\\");
			else
				str_putc(&s, c);
		}
		printf("%d\t%zu\t", t->id[i], from);
		show_line(stdout, "%.*s", (int)s.len, str_text(&s));
	}
	str_free(&s);
}

static void print_ids(const tokens *t)
{
	for (size_t i = 0; i < t->len; i++)
		printf("%s%d", i ? " " : "", t->id[i]);
	putchar('\n');
}

/* The beginning-of-text token is no part of the file; document text never makes one. */
static void drop_bos(tokens *t, const tokenizer *tok)
{
	if (!t->len || t->id[0] != tokenizer_bos(tok))
		return;
	t->len--;
	memmove(t->id, t->id + 1, t->len * sizeof(*t->id));
	memmove(t->at, t->at + 1, t->len * sizeof(*t->at));
}

static int print(cli *c, const tokenizer *tok, const str *text, error *err)
{
	tokens t = TOKENS_INIT;
	text_piece piece = { str_text(text), text->len, false };
	int status = tokenizer_encode(&t, tok, &piece, 1, true, err);

	if (!status) {
		drop_bos(&t, tok);
		if (cli_has(c, OPT_JSON))
			status = print_json(&t, err);
		else if (cli_has(c, OPT_COUNT))
			printf("%zu\n", t.len);
		else if (cli_has(c, OPT_LINES))
			print_lines(&t, text);
		else
			print_ids(&t);
	}
	tokens_free(&t);
	return status;
}

/* Only the vocabulary is needed: files of a vocabulary alone will do, too. */
int cmd_tokens(cli *c, error *err)
{
	model_row row = { 0 };
	model *m = NULL;
	tokenizer *tok = NULL;
	str text = STR_INIT;
	int status = cli_open(c, err);

	if (status || (status = file_read(&text, c->arg[0], UINT32_MAX, err)) ||
	    (status = models_find(&row, c->f, c->f->cfg.model, err)) ||
	    (status = model_open_vocabulary(&m, row.path, err)) ||
	    (status = tokenizer_open(&tok, &m->vocab, err)))
		goto out;
	status = print(c, tok, &text, err);
out:
	tokenizer_close(tok);
	model_close(m);
	model_row_free(&row);
	str_free(&text);
	return status;
}

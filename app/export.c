#include "app/export.h"

#include <stdlib.h>
#include <string.h>

#include "app/cmd.h"
#include "base/number.h"

static json_t *stored_json(const char *text)
{
	json_t *o = text && *text ? json_loads(text, 0, NULL) : NULL;

	return o ? o : json_null();
}

static json_t *turns_json(const turn_row *t, int n)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:I, s:o, s:o, s:I, s:I, s:o, s:o}", "id", (json_int_t)t[i].id,
		                                      "question", cmd_text(t[i].question), "answer", cmd_text(t[i].answer),
		                                      "asked", (json_int_t)t[i].asked, "took_ms", (json_int_t)t[i].took_ms,
		                                      "sources", stored_json(t[i].sources_json), "settings",
		                                      stored_json(t[i].settings_json)));
	return list;
}

json_t *export_json(const conversation_row *c, const char *document_name, const turn_row *turn, int n)
{
	return json_pack("{s:I, s:o, s:o, s:o}", "id", (json_int_t)c->id, "document", cmd_text(document_name), "title",
	                 cmd_text(c->title), "turns", turns_json(turn, n));
}

/* A quotation, each line behind "> ". */
static void put_quoted(str *out, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		str_putf(out, "   > %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void put_markdown(str *out, const conversation_row *c, const char *document_name, const turn_row *turn, int n)
{
	str_putf(out, "# %s\n\nAbout %s.\n", c->title, document_name);
	for (int i = 0; i < n; i++) {
		json_t *sources = json_loads(turn[i].sources_json ? turn[i].sources_json : "[]", 0, NULL);
		str_putf(out, "\n## %s\n\n%s\n\n", turn[i].question, turn[i].answer);
		number_put_time(out, turn[i].asked);
		str_puts(out, json_array_size(sources) ? "; sources:\n\n" : "\n");
		for (size_t k = 0; k < json_array_size(sources); k++) {
			const json_t *s = json_array_get(sources, k);
			const char *path = json_string_value(json_object_get(s, "path")), *text = json_string_value(json_object_get(s, "text"));
			long long from = json_integer_value(json_object_get(s, "line_from")), to = json_integer_value(json_object_get(s, "line_to"));
			str_putf(out, from == to ? "%zu. %s, line %lld\n\n" : "%zu. %s, lines %lld to %lld\n\n", k + 1, path ? path : "?", from, to);
			put_quoted(out, text ? text : "");
			str_putc(out, '\n');
		}
		json_decref(sources);
	}
}

static int find_conversation(const conversation_row **out, const conversation_row *row, int n, int64_t id, error *err)
{
	for (int i = 0; i < n; i++)
		if (row[i].id == id) {
			*out = &row[i];
			return 0;
		}
	return error_set(err, ERR_NOTFOUND, "this conversation is not in the library any more");
}

int export_text(str *out, folio *f, int64_t doc, int64_t conversation, bool json, error *err)
{
	conversation_row *row = NULL;
	const conversation_row *c = NULL;
	document_row d = { 0 };
	turn_row *turn = NULL;
	char word[24];
	int rows = 0, n = 0, status;

	snprintf(word, sizeof(word), "%lld", (long long)doc);
	if ((status = store_find_document(&d, f->lib, word, err)) ||
	    (status = store_list_conversations(&row, &rows, f->lib, doc, err)) ||
	    (status = find_conversation(&c, row, rows, conversation, err)) ||
	    (status = store_list_turns(&turn, &n, f->lib, conversation, err)))
		goto out;
	if (json) {
		json_t *o = export_json(c, d.name, turn, n);
		char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
		if (text)
			str_putf(out, "%s\n", text);
		else
			status = error_nomem(err, "the conversation");
		free(text);
		json_decref(o);
	} else {
		put_markdown(out, c, d.name, turn, n);
	}
	if (!status)
		status = str_ok(out, err);
out:
	document_row_free(&d);
	conversation_rows_free(row, rows);
	turn_rows_free(turn, n);
	return status;
}

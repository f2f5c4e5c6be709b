#include "app/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "app/export.h"
#include "app/show.h"
#include "base/number.h"

/* What is stored about a document, gathered. */
typedef struct {
	document_row row;
	document *doc;            /* from the stored map and text */
	context_row *context;
	int contexts;
	conversation_row *talk;
	int talks;
	disk_state disk;
} stored;

static void stored_free(stored *s)
{
	document_row_free(&s->row);
	document_free(s->doc);
	free(s->context);
	conversation_rows_free(s->talk, s->talks);
}

static int load_doc(stored *s, cli *c, error *err)
{
	str text = STR_INIT, map = STR_INIT;
	int status = store_document_text(c->f->lib, s->row.id, &text, &map, err);

	if (!status)
		status = document_from_map(&s->doc, str_text(&map), str_text(&text), text.len, err);
	str_free(&text);
	str_free(&map);
	return status;
}

static int gather(stored *s, cli *c, error *err)
{
	error ignored;
	int status;

	*s = (stored){ 0 };
	if ((status = cmd_find(&s->row, c, c->arg[0], err)) || (status = load_doc(s, c, err)) ||
	    (status = cmd_disk_state(&s->disk, &s->row, false, err)))
		return status;
	/* Without a model there is nothing to look its sections up by. */
	if (folio_engine(c->f, &ignored) == 0 &&
	    (status = store_list_contexts(&s->context, &s->contexts, c->f->lib, s->row.id, c->f->eng->fingerprint, err)))
		return status;
	return store_list_conversations(&s->talk, &s->talks, c->f->lib, s->row.id, err);
}

/* ---- as text ---- */

static void put_sum(str *s, const context_row *row, int n)
{
	int64_t count = 0, bytes = 0;

	for (int i = 0; i < n; i++) {
		count += row[i].tokens;
		bytes += row[i].file_bytes;
	}
	number_put_count(s, count);
	str_puts(s, " tokens, ");
	number_put_bytes(s, bytes);
	str_putf(s, " on disk in %d section%s", n, n == 1 ? "" : "s");
	if (n && n < row[0].sections)
		str_putf(s, " of %d: an interrupted read, `folio add` goes on with it", row[0].sections);
}

static void field(const char *name, const char *value)
{
	show_line(stdout, "%-14s %s", name, value);
}

static void show_facts(cli *c, const stored *s)
{
	str t = STR_INIT;

	field("name", s->row.name);
	str_putf(&t, "%lld", (long long)s->row.id);
	field("id", t.data);
	field("title", s->row.title);
	field("path", s->row.path);
	str_clear(&t);
	str_putf(&t, "%s, ", s->row.kind);
	number_put_bytes(&t, s->row.text_bytes);
	str_puts(&t, " of text");
	if (s->doc->files > 1)
		str_putf(&t, " in %d files", s->doc->files);
	if (s->doc->pages)
		str_putf(&t, ", %d pages", s->doc->pages);
	field("kind", str_text(&t));
	field("on disk now", cmd_disk_text(s->disk));
	str_clear(&t);
	number_put_time(&t, s->row.added);
	str_puts(&t, ", last used ");
	number_put_time(&t, s->row.used);
	field("added", str_text(&t));
	str_clear(&t);
	if (!c->f->eng)
		str_puts(&t, "there is no model to look its sections up by: see `folio models`");
	else if (!s->contexts)
		str_puts(&t, "not yet with this model: `folio add` reads it");
	else
		put_sum(&t, s->context, s->contexts);
	field("model", c->f->eng ? c->f->model.name : "-");
	field("read", str_text(&t));
	str_free(&t);
}

static void put_lines(str *t, const document *d, const context_row *r)
{
	document_place a, b;

	document_locate(&a, d, (size_t)r->from_byte, (size_t)r->from_byte + 1);
	document_locate(&b, d, r->to_byte > r->from_byte ? (size_t)r->to_byte - 1 : (size_t)r->to_byte, (size_t)r->to_byte);
	if (!a.file || !b.file)
		return;
	if (a.file == b.file)
		str_putf(t, "%s:%d-%d", a.file->path, a.line_from, b.line_to);
	else
		str_putf(t, "%s:%d to %s:%d", a.file->path, a.line_from, b.file->path, b.line_to);
}

static void show_sections(const stored *s)
{
	table t = { .head = { "section", "tokens", "on disk", "from - to" }, .columns = 4,
	            .right = { true, true, true } };

	for (int i = 0; i < s->contexts; i++) {
		const context_row *r = &s->context[i];
		str count = STR_INIT, bytes = STR_INIT, lines = STR_INIT;
		number_put_count(&count, r->tokens);
		number_put_bytes(&bytes, r->file_bytes);
		if (r->from_byte <= r->to_byte && (size_t)r->to_byte <= s->doc->len)
			put_lines(&lines, s->doc, r);
		table_put(&t, "%d", r->section + 1);
		table_put(&t, "%s", str_text(&count));
		table_put(&t, "%s", str_text(&bytes));
		table_put(&t, "%s", str_text(&lines));
		str_free(&count);
		str_free(&bytes);
		str_free(&lines);
	}
	putchar('\n');
	table_show(&t, stdout);
	table_free(&t);
}

static void show_talks(const stored *s)
{
	table t = { .head = { "conversation", "turns", "used", "began with" }, .columns = 4, .right = { true, true } };

	for (int i = 0; i < s->talks; i++) {
		str when = STR_INIT;
		number_put_time(&when, s->talk[i].used);
		table_put(&t, "%lld", (long long)s->talk[i].id);
		table_put(&t, "%d", s->talk[i].turns);
		table_put(&t, "%s", str_text(&when));
		table_put(&t, "%s", s->talk[i].title);
		str_free(&when);
	}
	putchar('\n');
	table_show(&t, stdout);
	table_free(&t);
}

static int show_text_of(cli *c, const stored *s)
{
	show_facts(c, s);
	if (s->contexts > 1)
		show_sections(s);
	if (s->talks)
		show_talks(s);
	if (s->doc->skips)
		puts("\nleft out");
	for (int i = 0; i < s->doc->skips; i++)
		show_line(stdout, "  %s: %s", s->doc->skip[i].path, s->doc->skip[i].reason);
	return 0;
}

/* ---- as JSON ---- */

static json_t *sections_json(const stored *s)
{
	json_t *list = json_array();

	for (int i = 0; i < s->contexts; i++) {
		const context_row *r = &s->context[i];
		json_array_append_new(list, json_pack("{s:i, s:I, s:I, s:I, s:I, s:s}", "section", r->section + 1, "tokens",
		                                      (json_int_t)r->tokens, "disk_bytes", (json_int_t)r->file_bytes,
		                                      "from_byte", (json_int_t)r->from_byte, "to_byte",
		                                      (json_int_t)r->to_byte, "file", r->file));
	}
	return list;
}

static json_t *talks_json(const stored *s)
{
	json_t *list = json_array();

	for (int i = 0; i < s->talks; i++) {
		const conversation_row *t = &s->talk[i];
		json_array_append_new(list, json_pack("{s:I, s:o, s:i, s:I, s:I}", "id", (json_int_t)t->id, "title",
		                                      cmd_text(t->title), "turns", t->turns, "created",
		                                      (json_int_t)t->created, "used", (json_int_t)t->used));
	}
	return list;
}

static json_t *files_json(const document *d)
{
	json_t *list = json_array();

	for (int i = 0; i < d->files; i++)
		json_array_append_new(list, cmd_text(d->file[i].path));
	return list;
}

static json_t *skipped_json(const document *d)
{
	json_t *list = json_array();

	for (int i = 0; i < d->skips; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "path", cmd_text(d->skip[i].path), "reason",
		                                      cmd_text(d->skip[i].reason)));
	return list;
}

static int show_json_of(cli *c, const stored *s, error *err)
{
	json_t *o = cmd_document_json(&s->row);
	int64_t count = 0, bytes = 0;

	for (int i = 0; i < s->contexts; i++) {
		count += s->context[i].tokens;
		bytes += s->context[i].file_bytes;
	}
	json_t *more = json_pack("{s:o, s:I, s:I, s:i, s:s, s:i, s:o, s:o, s:o, s:o}", "model",
	                         c->f->eng ? cmd_text(c->f->model.name) : json_null(), "tokens", (json_int_t)count,
	                         "disk_bytes", (json_int_t)bytes, "sections_total",
	                         s->contexts ? s->context[0].sections : 0, "on_disk", cmd_disk_text(s->disk), "pages",
	                         s->doc->pages, "sections", sections_json(s), "conversations", talks_json(s), "files",
	                         files_json(s->doc), "skipped", skipped_json(s->doc));
	if (o && more)
		json_object_update(o, more);
	json_decref(more);
	return cmd_json(o, err);
}

/* ---- a conversation ---- */

static void print_source(const json_t *s, int number)
{
	str t = STR_INIT;
	const char *path = json_string_value(json_object_get(s, "path"));

	str_putf(&t, "  %d  %s:%lld-%lld", number, path ? path : "?", (long long)json_integer_value(json_object_get(s, "line_from")),
	         (long long)json_integer_value(json_object_get(s, "line_to")));
	show_line(stdout, "%s", str_text(&t));
	str_free(&t);
}

static void print_turn(const turn_row *t)
{
	str when = STR_INIT;
	json_t *sources = json_loads(t->sources_json ? t->sources_json : "[]", 0, NULL);

	number_put_time(&when, t->asked);
	printf("%s%s%s\n", show_on(stdout, SHOW_FAINT), str_text(&when), show_on(stdout, SHOW_PLAIN));
	show_line(stdout, "? %s", t->question);
	show_line(stdout, "%s", t->answer);
	for (size_t i = 0; i < json_array_size(sources); i++)
		print_source(json_array_get(sources, i), (int)i + 1);
	putchar('\n');
	json_decref(sources);
	str_free(&when);
}

/* --conversation: the one with the id, or the one used last. */
static const conversation_row *choose_talk(const stored *s, const char *id)
{
	const conversation_row *best = NULL;

	for (int i = 0; i < s->talks; i++) {
		const conversation_row *t = &s->talk[i];
		if (*id ? t->id == strtoll(id, NULL, 10) : !best || t->used > best->used)
			best = t;
	}
	return best;
}

static int show_conversation(cli *c, const stored *s, const char *id, error *err)
{
	const conversation_row *talk = choose_talk(s, id);
	turn_row *turn = NULL;
	int n = 0, status;

	if (!talk)
		return error_set(err, ERR_NOTFOUND, "%s: there is no conversation %s%sabout it", s->row.name, id, *id ? " " : "");
	if ((status = store_list_turns(&turn, &n, c->f->lib, talk->id, err)))
		return status;
	if (cli_has(c, OPT_JSON))
		status = cmd_json(export_json(talk, s->row.name, turn, n), err);
	else
		for (int i = 0; i < n; i++)
			print_turn(&turn[i]);
	turn_rows_free(turn, n);
	return status;
}

int cmd_show(cli *c, error *err)
{
	stored s;
	int status = cli_open(c, err);

	if (status)
		return status;
	if (!(status = gather(&s, c, err))) {
		if (cli_has(c, OPT_CONVERSATION))
			status = show_conversation(c, &s, c->value[OPT_CONVERSATION], err);
		else
			status = cli_has(c, OPT_JSON) ? show_json_of(c, &s, err) : show_text_of(c, &s);
	}
	stored_free(&s);
	return status;
}

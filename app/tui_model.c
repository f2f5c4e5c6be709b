#include "app/tui_model.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/assets.h"
#include "app/cmd.h"
#include "app/models.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/path.h"
#include "ui/theme.h"

/* ---- freeing and handing over ---- */

void ui_turn_free(ui_turn *t)
{
	for (int i = 0; i < t->sources; i++) {
		free(t->source[i].place);
		free(t->source[i].text);
	}
	free(t->source);
	free(t->question);
	free(t->answer);
	free(t->note);
	*t = (ui_turn){ 0 };
}

static void free_library(ui_model *m)
{
	for (int i = 0; i < m->documents; i++) {
		free(m->document[i].name);
		free(m->document[i].title);
		free(m->document[i].path);
		free(m->document[i].model);
	}
	free(m->document);
	free(m->home);
}

static void free_text(ui_model *m)
{
	for (size_t i = 0; i < m->files; i++)
		free(m->file[i].path);
	free(m->file);
	free(m->open_name);
	free(m->open_title);
	free(m->text);
	free(m->line);
	free(m->page);
}

static void free_conversations(ui_model *m)
{
	for (int i = 0; i < m->conversation_count; i++)
		free(m->conversations[i].title);
	free(m->conversations);
}

static void free_models(ui_model *m)
{
	for (int i = 0; i < m->models; i++) {
		free(m->model[i].name);
		free(m->model[i].path);
		free(m->model[i].details);
	}
	free(m->model);
	free(m->fetch_offer);
}

static void free_settings(ui_model *m)
{
	for (int i = 0; i < m->settings; i++) {
		free(m->setting[i].key);
		free(m->setting[i].value);
		free(m->setting[i].help);
		free(m->setting[i].effect);
	}
	free(m->setting);
}

static void free_part(ui_model *m, tui_part part)
{
	switch (part) {
	case PART_LIBRARY: free_library(m); break;
	case PART_TEXT: free_text(m); break;
	case PART_CONVERSATION:
		for (int i = 0; i < m->turns; i++)
			ui_turn_free(&m->turn[i]);
		free(m->turn);
		break;
	case PART_CONVERSATIONS: free_conversations(m); break;
	case PART_MODELS: free_models(m); break;
	case PART_SETTINGS: free_settings(m); break;
	case PART_LOG:
		for (int i = 0; i < m->logs; i++)
			free(m->log[i].text);
		free(m->log);
		break;
	default: break;
	}
}

#define TAKE(field) (to->field = from->field, from->field = 0)

void tui_move(ui_model *to, ui_model *from, tui_part part)
{
	free_part(to, part);
	switch (part) {
	case PART_LIBRARY:
		TAKE(document), TAKE(documents), TAKE(home), TAKE(disk_used), TAKE(disk_free), TAKE(loaded);
		break;
	case PART_TEXT:
		TAKE(open), TAKE(open_name), TAKE(open_title), TAKE(open_tokens), TAKE(text), TAKE(text_len), TAKE(line), TAKE(lines);
		TAKE(page), TAKE(pages), TAKE(file), TAKE(files);
		break;
	case PART_CONVERSATION: TAKE(conversation), TAKE(turn), TAKE(turns); break;
	case PART_CONVERSATIONS: TAKE(conversations), TAKE(conversation_count); break;
	case PART_MODELS: TAKE(model), TAKE(models), TAKE(fetch_offer); break;
	case PART_SETTINGS: TAKE(setting), TAKE(settings); break;
	default: break;
	}
}

void tui_free(ui_model *m)
{
	for (int p = 0; p < PARTS; p++)
		free_part(m, (tui_part)p);
}

/* ---- the library ---- */

/* When the latest journal of an interrupted read was written; 0: there is none. */
static int64_t latest_journal(const store *lib)
{
	str dir = STR_INIT;
	struct stat st;
	int64_t latest = 0;

	store_context_path(&dir, lib, "");
	DIR *d = opendir(str_text(&dir));
	for (struct dirent *e; d && (e = readdir(d));) {
		size_t n = strlen(e->d_name);
		if (n > 5 && !strcmp(e->d_name + n - 5, ".part") && fstatat(dirfd(d), e->d_name, &st, 0) == 0 && st.st_mtime > latest)
			latest = st.st_mtime;
	}
	if (d)
		closedir(d);
	str_free(&dir);
	return latest;
}

static ui_document_state disk_says(const document_row *r)
{
	struct stat st;

	if (!strcmp(r->path, "-"))
		return DOC_READ;
	if (stat(r->path, &st))
		return DOC_FILE_GONE;
	/* A folder's own size and time say nothing about its files: opening it looks. */
	int64_t when = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return S_ISDIR(st.st_mode) || (st.st_size == r->bytes && when == r->mtime_ns) ? DOC_READ : DOC_CHANGED;
}

/* What was read of all documents, and by which models. */
typedef struct {
	read_row *read;
	int reads;
	model_row *model;
	int models;
	int64_t journal;
	const char *fingerprint; /* of the engine in use; "": none */
} shelves;

static const char *model_that_made(const shelves *s, const char *fingerprint)
{
	for (int i = 0; i < s->models; i++)
		if (models_made(&s->model[i], fingerprint))
			return s->model[i].name;
	return NULL;
}

/* What the model in use read of a document, else what the one before it did. */
static const read_row *best_read(const shelves *s, int64_t id)
{
	const read_row *best = NULL;
	int low = 0, high = s->reads;

	while (low < high) {
		int middle = (low + high) / 2;
		if (s->read[middle].document < id)
			low = middle + 1;
		else
			high = middle;
	}
	for (int i = low; i < s->reads && s->read[i].document == id; i++)
		if (!best || !strcmp(s->read[i].model, s->fingerprint))
			best = &s->read[i];
	return best;
}

static void put_state(ui_document *d, const document_row *r, const shelves *s)
{
	const read_row *read = best_read(s, r->id);
	const char *made = read ? model_that_made(s, read->model) : NULL;

	d->model = mem_text(made);
	if (read) {
		d->tokens = read->tokens;
		d->bytes = read->file_bytes;
		d->sections = read->sections;
		d->done = read->sections ? (double)read->have / read->sections : 0;
	}
	if (read && *s->fingerprint && strcmp(read->model, s->fingerprint))
		d->state = made ? DOC_OTHER_MODEL : DOC_MODEL_MISSING;
	else if (read && read->have == read->sections)
		d->state = disk_says(r);
	else if (read || (*s->fingerprint && s->journal >= r->used))
		d->state = DOC_INTERRUPTED;
}

static int put_document(ui_document *d, const document_row *r, const shelves *s, error *err)
{
	*d = (ui_document){ .id = r->id, .name = mem_text(r->name), .title = mem_text(r->title), .path = mem_text(r->path), .used = r->used,
	                    .text_bytes = r->text_bytes };
	put_state(d, r, s);
	return d->name && d->title && d->path && d->model ? 0 : error_nomem(err, "the library");
}

int tui_library(ui_model *out, folio *f, const char *fingerprint, error *err)
{
	shelves s = { .journal = latest_journal(f->lib), .fingerprint = fingerprint };
	document_row *row = NULL;
	store_usage use = { 0 };
	int n = 0, status = store_list_documents(&row, &n, f->lib, err);

	if (!status)
		status = store_list_read(&s.read, &s.reads, f->lib, err);
	if (!status)
		status = store_list_models(&s.model, &s.models, f->lib, err);
	if (!status)
		status = store_get_usage(&use, f->lib, err);
	if (!status && !(out->document = mem_zeroed((size_t)n, sizeof(*out->document))))
		status = error_nomem(err, "the library");
	for (int i = 0; i < n && !status; i++) {
		out->documents = i + 1;
		status = put_document(&out->document[i], &row[i], &s, err);
	}
	out->home = mem_text(store_home(f->lib));
	out->disk_used = use.context_bytes + use.partial_bytes + use.orphan_bytes;
	out->disk_free = use.free_bytes;
	out->loaded = true;
	document_rows_free(row, n);
	model_rows_free(s.model, s.models);
	free(s.read);
	return status;
}

/* ---- the open document ---- */

static int index_lines(ui_model *out, error *err)
{
	size_t cap = 0;

	for (const char *p = out->text, *end = p + out->text_len; p < end;) {
		if (!MEM_GROW(out->line, cap, out->lines + 1))
			return error_nomem(err, "the document's lines");
		out->line[out->lines++] = (uint32_t)(p - out->text);
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		p = nl ? nl + 1 : end;
	}
	return 0;
}

static int index_places(ui_model *out, const document *d, error *err)
{
	out->page = mem_zeroed((size_t)d->pages, sizeof(*out->page));
	out->file = mem_zeroed((size_t)d->files, sizeof(*out->file));
	if (!out->page || !out->file)
		return error_nomem(err, "the document's places");
	for (int i = 0; i < d->pages; i++)
		out->page[i] = (uint32_t)d->page[i];
	out->pages = (size_t)d->pages;
	for (int i = 0; i < d->files; i++)
		out->file[i] = (ui_file){ mem_text(d->files > 1 ? d->file[i].path : ""), (uint32_t)d->file[i].from };
	out->files = (size_t)d->files;
	return 0;
}

static int find_row(document_row *out, folio *f, int64_t id, error *err)
{
	char word[24];

	snprintf(word, sizeof(word), "%lld", (long long)id);
	return store_find_document(out, f->lib, word, err);
}

int tui_text(ui_model *out, folio *f, int64_t id, error *err)
{
	document_row row = { 0 };
	str text = STR_INIT, map = STR_INIT;
	document *d = NULL;
	int status = find_row(&row, f, id, err);

	if (status || (status = store_document_text(f->lib, id, &text, &map, err)) ||
	    /* Only the places are of interest: the text itself is too long to have twice. */
	    (status = document_from_map(&d, str_text(&map), str_text(&text), text.len, err)))
		goto out;
	out->open = id;
	out->open_name = mem_text(row.name);
	out->open_title = mem_text(row.title);
	status = index_places(out, d, err);
	document_free(d);
	d = NULL;
	out->text_len = text.len;
	if (!(out->text = str_take(&text)))
		status = error_nomem(err, "the document's text");
	if (!status)
		status = index_lines(out, err);
out:
	document_free(d);
	document_row_free(&row);
	str_free(&text);
	str_free(&map);
	return status;
}

/* ---- conversations ---- */

static int put_source(ui_source *s, const json_t *o)
{
	str place = STR_INIT;
	const char *path = json_string_value(json_object_get(o, "path"));
	int page = (int)json_integer_value(json_object_get(o, "page"));
	int from = (int)json_integer_value(json_object_get(o, "line_from")), to = (int)json_integer_value(json_object_get(o, "line_to"));
	int section = (int)json_integer_value(json_object_get(o, "section"));

	/* Of one file its name will do; those of a folder are relative to it. */
	str_putf(&place, "%s:%d", !path ? "?" : *path == '/' ? path_base(path) : path, from);
	if (to > from)
		str_putf(&place, "-%d", to);
	if (page)
		str_putf(&place, "  page %d", page);
	if (section > 1)
		str_putf(&place, "  section %d", section);
	s->place = str_take(&place);
	s->text = mem_text(json_string_value(json_object_get(o, "text")));
	s->score = json_real_value(json_object_get(o, "score"));
	s->from = (size_t)json_integer_value(json_object_get(o, "from"));
	s->to = (size_t)json_integer_value(json_object_get(o, "to"));
	return s->place && s->text ? 0 : ERR_NOMEM;
}

int tui_sources_json(ui_turn *t, const char *json, error *err)
{
	json_t *list = json_loads(json ? json : "[]", 0, NULL);
	size_t n = json_array_size(list);
	int status = 0;

	if (!(t->source = mem_zeroed(n, sizeof(*t->source))))
		status = error_nomem(err, "the sources");
	for (size_t i = 0; i < n && !status; i++) {
		t->sources = (int)i + 1;
		if (put_source(&t->source[i], json_array_get(list, i)))
			status = error_nomem(err, "the sources");
	}
	json_decref(list);
	return status;
}

void tui_note(str *out, const answer *a)
{
	if (a->stopped)
		str_puts(out, "stopped; ");
	str_puts(out, "first word after ");
	number_put_seconds(out, a->first_token_ms / 1000);
	if (a->tokens_per_s > 0)
		str_putf(out, ", %.0f tokens/s", a->tokens_per_s);
	if (a->sections > 1)
		str_putf(out, ", section %d of %d", a->section + 1, a->sections);
	if (a->focus)
		str_putf(out, ", from the %d passages that matter", a->focus);
	if (a->cut)
		str_puts(out, "; cut at the length limit (setting answer-tokens)");
}

static int put_turn(ui_turn *t, const turn_row *r, error *err)
{
	json_t *set = json_loads(r->settings_json ? r->settings_json : "{}", 0, NULL);
	str note = STR_INIT;
	double first = json_number_value(json_object_get(set, "first_token_ms")), rate = json_number_value(json_object_get(set, "tokens_per_s"));

	number_put_time(&note, r->asked);
	if (first > 0) {
		str_puts(&note, "  first word after ");
		number_put_seconds(&note, first / 1000);
	}
	if (rate > 0)
		str_putf(&note, ", %.0f tokens/s", rate);
	json_decref(set);
	*t = (ui_turn){ .id = r->id, .question = mem_text(r->question), .answer = mem_text(r->answer), .state = TURN_DONE,
	                .note = str_take(&note) };
	if (!t->question || !t->answer || !t->note)
		return error_nomem(err, "the conversation");
	return tui_sources_json(t, r->sources_json, err);
}

int tui_conversation(ui_model *out, folio *f, int64_t doc, int64_t conversation, error *err)
{
	turn_row *row = NULL;
	int n = 0, status = 0;

	if (!conversation) {
		conversation_row *c = NULL;
		int k = 0;
		status = store_list_conversations(&c, &k, f->lib, doc, err);
		for (int i = 0; i < k; i++)
			if (i == 0 || c[i].used > c[0].used)
				conversation = c[i].id;
		conversation_rows_free(c, k);
	}
	if (!status && conversation)
		status = store_list_turns(&row, &n, f->lib, conversation, err);
	if (!status && !(out->turn = mem_zeroed((size_t)n, sizeof(*out->turn))))
		status = error_nomem(err, "the conversation");
	for (int i = 0; i < n && !status; i++) {
		out->turns = i + 1;
		status = put_turn(&out->turn[i], &row[i], err);
	}
	out->conversation = conversation;
	turn_rows_free(row, n);
	return status;
}

int tui_conversations(ui_model *out, folio *f, int64_t doc, error *err)
{
	conversation_row *row = NULL;
	int n = 0, status = store_list_conversations(&row, &n, f->lib, doc, err);

	if (!status && !(out->conversations = mem_zeroed((size_t)n, sizeof(*out->conversations))))
		status = error_nomem(err, "the conversations");
	for (int i = 0; i < n && !status; i++) {
		out->conversation_count = i + 1;
		out->conversations[i] = (ui_conversation){ row[i].id, mem_text(row[i].title), row[i].used, row[i].turns };
	}
	conversation_rows_free(row, n);
	return status;
}

/* ---- settings ---- */

static const char *const budgets[] = { "0.03125", "0.0625", "0.125", "0.25", "0.325", "0.5", "0.75", "1", NULL };
static const char *const temperatures[] = { "0", "0.2", "0.4", "0.6", "0.8", "1", "1.2", NULL };
static const char *const lengths[] = { "32", "64", "128", "256", "512", "1024", "2048", NULL };
static const char *const styles[] = { "phrase", "sentence", "free", NULL };
static const char *const focuses[] = { "auto", "off", "1", "2", "3", "5", "8", NULL };
static const char *const threads[] = { "0", "1", "2", "4", "8", "16", "32", NULL };
static const char *const disks[] = { "0", "1G", "2G", "5G", "10G", "20G", "50G", "100G", NULL };
static const char *const sources[] = { "0", "1", "2", "3", "5", "8", NULL };
static const char *const calibrations[] = { "error", "threshold", NULL };
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const themes[] = { "default", "dark", "light", "high-contrast", "monochrome", NULL };

static const struct {
	const char *key;
	const char *const *choice;
} choices[] = { { "budget", budgets }, { "temperature", temperatures }, { "answer-tokens", lengths }, { "style", styles },
	        { "focus", focuses }, { "threads", threads }, { "disk-budget", disks }, { "sources", sources },
	        { "calibration", calibrations }, { "log", levels }, { "theme", themes } };

/* What a value means; speeds are those measured for decoding after 7,000 tokens. */
static void put_effect(str *out, const config *c, const char *key)
{
	if (!strcmp(key, "budget")) {
		str_putf(out, "an answer reads %.3g %% of the keys", 100 * c->budget);
		str_puts(out, c->budget >= 1 ? ": exact, slowest" : c->budget > 0.3 ? ": nearly exact, 1.3 times as fast" :
		              c->budget > 0.1 ? ": a little coarser, 1.8 times as fast" : ": coarse, fastest");
	} else if (!strcmp(key, "temperature")) {
		str_puts(out, c->sampler.temperature > 0 ? "varied answers" : "the same question gives the same answer");
	} else if (!strcmp(key, "focus")) {
		str_puts(out, c->focus == 0 ? "answers from the whole document" : c->focus < 0 ? "as the model needs" : "answers from the best passages");
	} else if (!strcmp(key, "disk-budget")) {
		str_puts(out, c->disk_budget ? "least recently used go first" : "no limit");
	} else if (!strcmp(key, "threads")) {
		str_puts(out, c->threads ? "" : "all cores");
	}
}

int tui_settings(ui_model *out, const config *c, error *err)
{
	int n = 0, status = 0;

	while (config_key(n))
		n++;
	if (!(out->setting = mem_zeroed((size_t)n, sizeof(*out->setting))))
		return error_nomem(err, "the settings");
	for (int i = 0; i < n && !status; i++) {
		str value = STR_INIT, effect = STR_INIT;
		ui_setting *s = &out->setting[i];
		out->settings = i + 1;
		status = config_value(&value, c, config_key(i), err);
		put_effect(&effect, c, config_key(i));
		*s = (ui_setting){ .key = mem_text(config_key(i)), .help = mem_text(config_help(config_key(i))) };
		s->value = mem_text(str_text(&value));
		s->effect = mem_text(str_text(&effect));
		for (size_t k = 0; k < sizeof(choices) / sizeof(*choices); k++)
			if (!strcmp(choices[k].key, s->key))
				s->choice = choices[k].choice;
		str_free(&value);
		str_free(&effect);
		if (!status && (!s->key || !s->value || !s->help || !s->effect))
			status = error_nomem(err, "the settings");
	}
	return status;
}

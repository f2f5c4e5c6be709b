#include "app/worker_impl.h"

#include <stdlib.h>
#include <string.h>

#include "app/export.h"
#include "app/models.h"
#include "base/file.h"
#include "base/number.h"
#include "base/path.h"

/* What a part's function filled goes out, or is freed when it failed. */
static int tell_part(lane_state *l, tui_part part, ui_model *m, int status)
{
	if (status) {
		tui_free(m);
		return status;
	}
	event e = { .kind = EVENT_PART, .part = part, .id = l->now->id };
	tui_move(&e.model, m, part);
	lane_tell(l, &e);
	return 0;
}

static int open_document(lane_state *l, int64_t id, error *err)
{
	ui_model m = { 0 };
	int status = tell_part(l, PART_TEXT, &m, tui_text(&m, l->f, id, err));

	if (!status)
		status = tell_part(l, PART_CONVERSATIONS, &m, tui_conversations(&m, l->f, id, err));
	if (!status)
		status = tell_part(l, PART_CONVERSATION, &m, tui_conversation(&m, l->f, id, 0, err));
	if (!status)
		store_touch_document(l->f->lib, id, NULL);
	return status;
}

static int use_model(lane_state *l, int64_t id, error *err)
{
	int status = store_use_model(l->f->lib, id, err);

	if (!status && l->f->cfg.model && *l->f->cfg.model)
		status = config_set(&l->f->cfg, "model", "", err);
	return status;
}

static int remove_document(lane_state *l, int64_t id, error *err)
{
	str s = STR_INIT;
	int64_t freed = 0;
	int status = store_remove_document(l->f->lib, id, &freed, err);

	if (!status) {
		number_put_bytes(&s, freed);
		lane_say(l, SAY_GOOD, "removed; %s are free again", str_text(&s));
	}
	str_free(&s);
	return status;
}

static int remove_model(lane_state *l, int64_t id, error *err)
{
	char word[24];
	int64_t freed = 0;

	snprintf(word, sizeof(word), "%lld", (long long)id);
	int status = models_remove(l->f, word, &freed, err);
	if (!status)
		lane_say(l, SAY_GOOD, freed ? "the model and its file were removed" : "the model was forgotten; its file stays");
	return status;
}

/* A name that is still free: base.ext, base-2.ext, ... */
static int free_name(str *out, const char *base, const char *extension, error *err)
{
	for (int i = 1; i < 1000; i++) {
		str_clear(out);
		if (i == 1)
			str_putf(out, "%s.%s", base, extension);
		else
			str_putf(out, "%s-%d.%s", base, i, extension);
		if (!path_exists(str_text(out)))
			return str_ok(out, err);
	}
	return error_set(err, ERR_FULL, "%s: there are a thousand of these already", base);
}

static int export_conversation(lane_state *l, const job *j, error *err)
{
	str path = STR_INIT, text = STR_INIT;
	const char *home = getenv("HOME");
	int status;

	if (!j->conversation)
		return error_set(err, ERR_NOTFOUND, "nothing of this conversation is stored yet: ask a question first");
	if ((status = export_text(&text, l->f, j->id, j->conversation, j->flag == 1, err)))
		goto out;
	if (j->text && !strncmp(j->text, "~/", 2) && home)
		path_join(&path, home, j->text + 2);
	else if (j->text && *j->text)
		str_puts(&path, j->text);
	else
		status = free_name(&path, j->second ? j->second : "conversation", j->flag ? "json" : "md", err);
	if (!status && j->text && *j->text && path_exists(str_text(&path)))
		status = error_set(err, ERR_ARG, "%s is there already: give another name", str_text(&path));
	if (!status && !(status = file_write(str_text(&path), str_text(&text), text.len, err)))
		lane_say(l, SAY_GOOD, "written to %s", str_text(&path));
out:
	str_free(&path);
	str_free(&text);
	return status;
}

/* For terminals without a clipboard. */
static int save_copy(lane_state *l, const char *text, error *err)
{
	str path = STR_INIT;
	int status;

	path_join(&path, store_home(l->f->lib), "copied.txt");
	if (!(status = str_ok(&path, err)) && !(status = file_write(path.data, text, strlen(text), err)))
		lane_say(l, SAY_GOOD, "this terminal has no clipboard for us: copied to %s", path.data);
	str_free(&path);
	return status;
}

int library_job(lane_state *l, const job *j, error *err)
{
	ui_model m = { 0 };

	switch (j->kind) {
	case JOB_LIST: return tell_part(l, PART_LIBRARY, &m, tui_library(&m, l->f, j->text ? j->text : "", err));
	case JOB_MODELS: return tell_part(l, PART_MODELS, &m, tui_models(&m, l->f, err));
	case JOB_OPEN: return open_document(l, j->id, err);
	case JOB_CONVERSATION:
		return tell_part(l, PART_CONVERSATION, &m, tui_conversation(&m, l->f, j->id, j->conversation, err));
	case JOB_CONVERSATIONS: return tell_part(l, PART_CONVERSATIONS, &m, tui_conversations(&m, l->f, j->id, err));
	case JOB_RENAME: return store_rename_document(l->f->lib, j->id, j->text, err);
	case JOB_REMOVE: return remove_document(l, j->id, err);
	case JOB_REMOVE_CONVERSATION: return store_remove_conversation(l->f->lib, j->conversation, err);
	case JOB_EXPORT: return export_conversation(l, j, err);
	case JOB_SAVE_COPY: return save_copy(l, j->text, err);
	case JOB_USE_MODEL: return use_model(l, j->id, err);
	case JOB_REMOVE_MODEL: return remove_model(l, j->id, err);
	case JOB_SET: return config_set(&l->f->cfg, j->text, j->second, err);
	default: return 0;
	}
}

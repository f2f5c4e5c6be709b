#include "app/cmd.h"

#include <string.h>
#include <unistd.h>

#include "app/models.h"
#include "app/show.h"
#include "base/number.h"
#include "base/path.h"

/* A list of findings: name, value, and whether it is as it should be. */
typedef struct {
	bool json;
	json_t *o;
	int bad;   /* ERR_* of the first that is not */
} report;

static void say(report *r, const char *name, const char *value, int status)
{
	if (status && !r->bad)
		r->bad = status;
	if (r->json) {
		json_object_set_new(r->o, name, json_pack("{s:o, s:b}", "value", cmd_text(value), "ok", status == 0));
		return;
	}
	fputs(show_on(stdout, status ? SHOW_BAD : SHOW_GOOD), stdout);
	fputs(status ? "!!" : "ok", stdout);
	fputs(show_on(stdout, SHOW_PLAIN), stdout);
	show_line(stdout, "  %-16s %s", name, value);
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED ", address sanitizer"
#else
#define SANITIZED ""
#endif
#ifdef __OPTIMIZE__
#define OPTIMIZED "optimized"
#else
#define OPTIMIZED "not optimized (slow)"
#endif

static void check_program(report *r)
{
	str s = STR_INIT;

	say(r, "version", FOLIO_VERSION, 0);
	say(r, "build", OPTIMIZED SANITIZED ", compiler " __VERSION__, 0);
	str_putf(&s, "%s", engine_isa_name());
	say(r, "instructions", str_text(&s), 0);
	str_clear(&s);
	str_putf(&s, "%ld cores", sysconf(_SC_NPROCESSORS_ONLN));
	say(r, "processor", str_text(&s), 0);
	say(r, "cuda", "not in this build: folio computes on the processor", 0);
	str_clear(&s);
	int64_t page = sysconf(_SC_PAGESIZE);
	number_put_bytes(&s, sysconf(_SC_AVPHYS_PAGES) * page);
	str_puts(&s, " free of ");
	number_put_bytes(&s, sysconf(_SC_PHYS_PAGES) * page);
	say(r, "memory", str_text(&s), 0);
	str_free(&s);
}

static void check_config(report *r)
{
	config cfg;
	str path = STR_INIT, s = STR_INIT;
	error err = { 0 };
	int status = path_config_file(&path, &err);

	if (!status && !(status = config_load(&cfg, &err))) {
		str_putf(&s, "%s%s", path.data, path_exists(path.data) ? "" : " (not there, built-in settings hold)");
		if (cfg.notes.len)
			str_putf(&s, "; %s", cfg.notes.data);
		while (s.len && s.data[s.len - 1] == '\n')
			str_truncate(&s, s.len - 1);
		config_free(&cfg);
	}
	say(r, "configuration", status ? err.msg : str_text(&s), status);
	str_free(&path);
	str_free(&s);
}

static int check_library(report *r, cli *c)
{
	store_usage u;
	str s = STR_INIT;
	error err = { 0 };
	int status = cli_open(c, &err);

	if (!status && !(status = store_check(c->f->lib, &err)))
		status = store_get_usage(&u, c->f->lib, &err);
	if (status) {
		say(r, "library", err.msg, status);
		return status;
	}
	say(r, "library", store_home(c->f->lib), 0);
	str_putf(&s, "%d documents, %d contexts with ", u.documents, u.contexts);
	number_put_bytes(&s, u.context_bytes);
	str_putf(&s, ", %d conversations; interrupted reads ", u.conversations);
	number_put_bytes(&s, u.partial_bytes);
	str_puts(&s, ", leftovers ");
	number_put_bytes(&s, u.orphan_bytes);
	say(r, "holds", str_text(&s), 0);
	str_clear(&s);
	number_put_bytes(&s, u.free_bytes);
	str_puts(&s, " free");
	say(r, "disk", str_text(&s), u.free_bytes < (64 << 20) ? ERR_FULL : 0);
	str_free(&s);
	return 0;
}

/* Opened with its file hashed anew, whatever the library remembers. */
static int open_anew(engine **e, model_row *row, cli *c, error *err)
{
	char known[HASH_TEXT];
	int status = models_find(row, c->f, c->f->cfg.model, err);

	if (status)
		return status;
	memcpy(known, row->fingerprint, HASH_TEXT);
	int64_t bytes = row->bytes, when = row->mtime_ns;
	row->fingerprint[0] = '\0';
	if ((status = models_open(e, c->f, row, err)))
		return status;
	if (known[0] && bytes == row->bytes && when == row->mtime_ns && strcmp(known, row->fingerprint))
		return error_set(err, ERR_FORMAT, "%s: its content has changed though size and time have not: the file or the disk "
		                 "is damaged, or it was replaced; documents must be read again", row->path);
	return 0;
}

static void check_model(report *r, cli *c)
{
	engine *e = NULL;
	model_row row = { 0 };
	str s = STR_INIT;
	error err = { 0 };
	int status = open_anew(&e, &row, c, &err);

	if (status) {
		say(r, "model", err.msg, status);
		goto out;
	}
	const model_params *p = &e->model->p;
	str_putf(&s, "%s: %s", row.name, row.path);
	say(r, "model", str_text(&s), 0);
	str_clear(&s);
	str_putf(&s, "%s, %s %s %s, %d layers, %d heads over %d, window %d tokens, weights ", p->name, p->arch, p->size,
	         p->file_type, p->layers, p->heads, p->kv_heads, p->context);
	number_put_bytes(&s, p->weights_bytes);
	say(r, "architecture", str_text(&s), 0);
	str_clear(&s);
	if (e->adapter) {
		str_putf(&s, "%s, rank %d, ", e->adapter->name, e->adapter->rank);
		number_put_bytes(&s, e->adapter->bytes);
	} else
		str_puts(&s, "none");
	say(r, "adapter", str_text(&s), 0);
	str_clear(&s);
	str_putf(&s, "%s, %d tokens", tokenizer_name(e->tok), tokenizer_size(e->tok));
	say(r, "tokenizer", str_text(&s), 0);
	str_clear(&s);
	str_puts(&s, chat_family_name(e->family));
	if (e->family == CHAT_PLAIN)
		str_puts(&s, " (the model names no chat template that folio knows: answers may ramble)");
	say(r, "chat template", str_text(&s), 0);
	str_clear(&s);
	str_putf(&s, "%d", pool_threads(e->pool));
	say(r, "threads", str_text(&s), 0);
	say(r, "fingerprint", e->fingerprint, 0);
out:
	engine_close(e);
	model_row_free(&row);
	str_free(&s);
}

int cmd_doctor(cli *c, error *err)
{
	report r = { cli_has(c, OPT_JSON), json_object(), 0 };

	check_program(&r);
	check_config(&r);
	if (check_library(&r, c) == 0)
		check_model(&r, c);
	c->exit_code = cli_exit_code(r.bad);
	if (r.json)
		return cmd_json(r.o, err);
	json_decref(r.o);
	return 0;
}

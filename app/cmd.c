#include "app/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/show.h"
#include "base/path.h"
#include "base/utf8.h"

/* ---- JSON ---- */

/* jansson escapes C0; what else a terminal would obey can only stand in strings, so
 * an escape means the same to whoever reads it. */
static void put_tame(str *out, const char *text)
{
	str shown = STR_INIT;
	size_t n = strlen(text);

	for (size_t i = 0; i < n;) {
		uint32_t cp;
		int len = utf8_decode(&cp, NULL, text + i, n - i);
		str_clear(&shown);
		utf8_put_shown(&shown, text + i, (size_t)len);
		if (shown.len != (size_t)len && cp >= 0x7f)
			str_putf(out, "\\u%04x", (unsigned)cp);
		else
			str_put(out, text + i, (size_t)len);
		i += (size_t)len;
	}
	str_free(&shown);
}

int cmd_json(json_t *o, error *err)
{
	char *text = o ? json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
	str out = STR_INIT;

	json_decref(o);
	if (text)
		put_tame(&out, text);
	free(text);
	str_putc(&out, '\n');
	int status = text ? str_ok(&out, err) : error_nomem(err, "the JSON output");
	if (!status)
		fputs(out.data, stdout);
	str_free(&out);
	return status;
}

json_t *cmd_text(const char *s)
{
	str valid = STR_INIT;

	show_put_valid(&valid, s ? s : "");
	json_t *o = valid.oom ? NULL : json_string(str_text(&valid));
	str_free(&valid);
	return o;
}

json_t *cmd_document_json(const document_row *r)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "id", (json_int_t)r->id, "name", cmd_text(r->name),
	                 "path", cmd_text(r->path), "title", cmd_text(r->title), "kind", cmd_text(r->kind), "bytes",
	                 (json_int_t)r->bytes, "text_bytes", (json_int_t)r->text_bytes, "added", (json_int_t)r->added,
	                 "used", (json_int_t)r->used);
}

/* ---- talking ---- */

void cmd_say(cli *c, const char *fmt, ...)
{
	str s = STR_INIT;
	va_list ap;

	if (cli_has(c, OPT_QUIET))
		return;
	progress_show_end(&c->bar);
	va_start(ap, fmt);
	str_vputf(&s, fmt, ap);
	va_end(ap);
	show_line(stderr, "%s", str_text(&s));
	str_free(&s);
}

bool cmd_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool cmd_agree(cli *c, bool standard, const char *fmt, ...)
{
	str s = STR_INIT;
	char line[64];
	va_list ap;

	if (cli_has(c, OPT_YES) || !cmd_terminal())
		return cli_has(c, OPT_YES) || standard;
	progress_show_end(&c->bar);
	va_start(ap, fmt);
	str_vputf(&s, fmt, ap);
	va_end(ap);
	str_puts(&s, standard ? " [Y/n] " : " [y/N] ");
	show_text(stderr, str_text(&s), s.len);
	str_free(&s);
	if (!fgets(line, sizeof(line), stdin))
		return false; /* Ctrl-D, or Ctrl-C: no is the careful answer */
	char first = line[strspn(line, " \t")];
	return first == '\n' || first == '\0' ? standard : first == 'y' || first == 'Y';
}

/* ---- documents ---- */

static bool is_exact(const document_row *r, const char *word)
{
	char *end;
	long long id = strtoll(word, &end, 10);

	return strcasecmp(r->name, word) == 0 || (*word && !*end && id == r->id);
}

static bool is_path_of(const document_row *r, const char *word)
{
	str real = STR_INIT;
	bool same = path_real(&real, word, NULL) == 0 && strcmp(str_text(&real), r->path) == 0;

	str_free(&real);
	return same || strcmp(r->path, word) == 0;
}

int cmd_find(document_row *out, cli *c, const char *word, error *err)
{
	bool on_disk = path_exists(word);
	error why = { 0 };
	int status = store_find_document(out, c->f->lib, word, &why);

	if (!status && (!on_disk || is_exact(out, word) || is_path_of(out, word)))
		return 0;
	if (!status) {
		document_row_free(out);
		*out = (document_row){ 0 };
	}
	if (on_disk && (!status || status == ERR_ARG))
		return error_set(err, ERR_NOTFOUND, "%s: was not read yet: run `folio add` on it", word);
	return error_set(err, status, "%s", why.msg);
}

/* Compare what was stored with the document as it would be read now. */
static int compare_content(disk_state *out, const document_row *r, error *err)
{
	document *d;
	int status = document_load(&d, r->path, r->title, NULL, err);

	if (status == ERR_NOMEM || status == ERR_CANCEL)
		return status;
	*out = status || strcmp(d->hash, r->hash) ? DISK_CHANGED : DISK_SAME;
	if (!status)
		document_free(d);
	return 0;
}

int cmd_disk_state(disk_state *out, const document_row *r, bool whole, error *err)
{
	struct stat st;

	*out = DISK_NONE;
	if (strcmp(r->path, "-") == 0)
		return 0;
	if (stat(r->path, &st)) {
		*out = DISK_GONE;
		return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, ERR_IO, "%s: cannot be examined", r->path);
	}
	*out = DISK_SAME;
	int64_t when = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	/* A folder's own size and time say nothing about the files below it. */
	if (!whole && !S_ISDIR(st.st_mode) && st.st_size == r->bytes && when == r->mtime_ns)
		return 0;
	return compare_content(out, r, err);
}

const char *cmd_disk_text(disk_state s)
{
	static const char *const text[] = { "unchanged", "changed", "gone", "standard input" };

	return text[s];
}

int cmd_context_sum(context_sum *out, cli *c, int64_t id, error *err)
{
	context_row *row = NULL;
	int n = 0, status;

	*out = (context_sum){ 0 };
	if (!c->f->eng)
		return 0;
	if ((status = store_list_contexts(&row, &n, c->f->lib, id, c->f->eng->fingerprint, err)))
		return status;
	out->have = n;
	for (int i = 0; i < n; i++) {
		out->sections = row[i].sections;
		out->tokens += row[i].tokens;
		out->bytes += row[i].file_bytes;
	}
	free(row);
	return 0;
}

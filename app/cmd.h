/* app/cmd.h - the commands (cmd_*.c) and what they share. */

#ifndef APP_CMD_H
#define APP_CMD_H

#include <jansson.h>

#include "app/answer.h"
#include "app/cli.h"
#include "app/read.h"

int cmd_open(cli *c, error *err);
int cmd_add(cli *c, error *err);
int cmd_ask(cli *c, error *err);
int cmd_list(cli *c, error *err);
int cmd_show(cli *c, error *err);
int cmd_rm(cli *c, error *err);
int cmd_rename(cli *c, error *err);
int cmd_verify(cli *c, error *err);
int cmd_models(cli *c, error *err);
int cmd_model(cli *c, error *err);
int cmd_model_add(cli *c, error *err);
int cmd_model_get(cli *c, error *err);
int cmd_model_use(cli *c, error *err);
int cmd_model_remove(cli *c, error *err);
int cmd_config(cli *c, error *err);
int cmd_config_get(cli *c, error *err);
int cmd_config_set(cli *c, error *err);
int cmd_config_path(cli *c, error *err);
int cmd_doctor(cli *c, error *err);
int cmd_bench(cli *c, error *err);
int cmd_tokens(cli *c, error *err);
int cmd_help(cli *c, error *err);
int cmd_keys(cli *c, error *err);

/* ---- cmd.c ---- */

/* Print o (taken over, NULL counts as out of memory) as the command's one object. */
int cmd_json(json_t *o, error *err);
/* A JSON string; ill-formed UTF-8 (a file name may be anything) becomes U+FFFD. */
json_t *cmd_text(const char *s);
json_t *cmd_document_json(const document_row *r);

/* A remark on standard error, made harmless; nothing with --quiet. */
void cmd_say(cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Is somebody there to be asked? */
bool cmd_terminal(void);
/* Ask on the terminal; true at once with --yes, standard without a terminal or on
 * an empty line. */
bool cmd_agree(cli *c, bool standard, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The stored document that word means. A path on disk goes before a mere prefix of a
 * name. ERR_NOTFOUND. */
int cmd_find(document_row *out, cli *c, const char *word, error *err);

/* How a stored document stands to what is on disk now. */
typedef enum { DISK_SAME, DISK_CHANGED, DISK_GONE, DISK_NONE /* standard input */ } disk_state;
/* whole: compare the content even if size and time are the same. */
int cmd_disk_state(disk_state *out, const document_row *r, bool whole, error *err);
const char *cmd_disk_text(disk_state s); /* "unchanged", ... */

/* Sums over a document's contexts for the open model; zeros when there is no model
 * to look with or nothing was read. */
typedef struct {
	int have, sections; /* stored, of how many */
	int64_t tokens, bytes;
} context_sum;
int cmd_context_sum(context_sum *out, cli *c, int64_t id, error *err);

/* ---- cmd_add.c ---- */

typedef struct {
	document_row row;
	read_plan *plan;
	double seconds;  /* that reading took */
	int64_t read;    /* tokens that were read now */
	bool changed;    /* was in the library with another content */
} read_result;

typedef enum { READ_AT_ONCE, READ_ASK_IF_LONG, READ_ASK } read_consent;

/* Plan, tell the numbers, ask if consent wants it, read. ERR_CANCEL when the person
 * said no or stopped it. title and name may be NULL. */
int cmd_read(read_result *out, cli *c, const char *path, const char *title, const char *name,
             read_consent consent, error *err);
void cmd_read_free(read_result *r);

/* ---- cmd_ask.c ---- */

/* Ask, stream the answer to standard output, then sources and figures.
 * *conversation as in reading_ask. */
int cmd_answer(cli *c, reading *r, const char *question, bool first, int64_t *conversation, error *err);
void cmd_show_sources(FILE *to, const answer *a);

#endif

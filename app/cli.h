/* app/cli.h - the command line. One table of options and one of commands make the
 * parsing, every --help, the usage errors and what the shell completes. */

#ifndef APP_CLI_H
#define APP_CLI_H

#include "app/folio.h"
#include "app/progress_show.h"

/* id, long name, letter, name of the value (NULL: none, "[X]": may be left out),
 * setting that it overrides (config.h), help */
#define CLI_OPTIONS(X)                                                                                      \
	X(HELP, "help", 'h', NULL, NULL, "show this help")                                                  \
	X(VERSION, "version", 'V', NULL, NULL, "show the version")                                          \
	X(JSON, "json", 'j', NULL, NULL, "print one JSON object, for programs")                             \
	X(QUIET, "quiet", 'q', NULL, NULL, "show no progress and no remarks")                               \
	X(YES, "yes", 'y', NULL, NULL, "answer every question with yes")                                    \
	X(MODEL, "model", 'm', "MODEL", "model", "model to use: a name, or the path of a file")             \
	X(ADAPTER, "adapter", 0, "FILE", "adapter", "low-rank adapter over the model, or none")            \
	X(THREADS, "threads", 't', "N", "threads", "threads to compute with; 0: all cores")                 \
	X(TITLE, "title", 0, "TITLE", NULL, "title that the model is told; otherwise made from the path")   \
	X(NAME, "name", 'n', "NAME", NULL, "name to call it by; otherwise made from the title")             \
	X(BUDGET, "budget", 'b', "B", "budget", "share of the keys to read: 1 (exact), 0.125, 1/8, ...")    \
	X(CALIBRATION, "calibration", 0, "HOW", "calibration", "spread the budget by error or threshold")   \
	X(STYLE, "style", 's', "STYLE", "style", "answer with a phrase, a sentence, or free")               \
	X(FOCUS, "focus", 0, "N", "focus", "answer from the N passages that matter; auto, off")             \
	X(MAX_TOKENS, "max-tokens", 0, "N", "answer-tokens", "most tokens of the answer")                   \
	X(SOURCES, "sources", 0, "N", "sources", "most sources to show")                                    \
	X(CONTINUE, "continue", 'c', NULL, NULL, "go on with the latest conversation about it")             \
	X(TEMPERATURE, "temperature", 0, "T", "temperature", "0: always the likeliest word")                \
	X(TOP_K, "top-k", 0, "K", "top-k", "choose among so many tokens; 0: off")                           \
	X(TOP_P, "top-p", 0, "P", "top-p", "choose among the likeliest that make up P; 1: off")             \
	X(MIN_P, "min-p", 0, "P", "min-p", "leave out what is less likely than P of the best; 0: off")      \
	X(SEED, "seed", 0, "N", "seed", "seed of the random choices")                                       \
	X(REPEAT, "repeat", 0, "R", "repeat", "penalty for repeating tokens; 1: off")                       \
	X(NAMES, "names", 0, NULL, NULL, "print the names alone, one a line")                               \
	X(CONVERSATION, "conversation", 0, "[ID]", NULL, "print a conversation; the latest without an ID")  \
	X(COUNT, "count", 0, NULL, NULL, "print how many there are")                                        \
	X(LINES, "lines", 0, NULL, NULL, "one token a line: id, byte offset, text")                         \
	X(DEPTH, "depth", 0, "N", NULL, "tokens of context to measure with")                                \
	X(TOKENS, "tokens", 0, "N", NULL, "tokens to decode while measuring")                               \
	X(RUNS, "runs", 0, "N", NULL, "how often to measure; the median counts")

typedef enum {
#define X(id, name, letter, value, key, help) OPT_##id,
	CLI_OPTIONS(X)
#undef X
	OPT_END
} cli_option_id;

typedef struct {
	const char *name;
	char letter;
	const char *value, *key, *help;
} cli_option;

extern const cli_option cli_options[OPT_END];

enum {
	EXIT_FINE = 0,
	EXIT_FAILED = 1,    /* could not be read or written, not understood, no memory */
	EXIT_USAGE = 2,
	EXIT_MISSING = 3,   /* no such document, model or file */
	EXIT_BUSY = 4,      /* another folio is at it */
	EXIT_FULL = 5,      /* disk or disk budget */
	EXIT_DAMAGED = 6,   /* verify found damage */
	EXIT_STOPPED = 130, /* by the person; what was read is kept */
};

typedef struct cli cli;

typedef struct {
	const char *name;       /* "add", "model get" */
	const char *args;       /* "PATH..." */
	int least, most;        /* how many; most -1: any number */
	const char *help;       /* one line */
	const char *more;       /* paragraphs for its --help; "" if there is nothing to add */
	uint64_t options;       /* bits of cli_option_id; HELP goes without saying */
	int (*run)(cli *c, error *err);
} cli_command;

extern const cli_command cli_commands[]; /* ends with a NULL name */

/* A command line taken apart, and what its command works with. */
struct cli {
	const cli_command *command;
	const char *value[OPT_END]; /* NULL: not given; "" for one without a value */
	char **arg;                   /* [args + 1], NULL at the end; the strings are argv's */
	int args;
	folio *f;                     /* NULL until cli_open */
	progress_show bar;
	progress p;                   /* shows on bar, listens to the cancel token */
	int exit_code;                /* what a command that did its work has to say: EXIT_FINE, EXIT_DAMAGED, ... */
};

static inline bool cli_has(const cli *c, cli_option_id id)
{
	return c->value[id] != NULL;
}

/* Take argv apart. ERR_ARG says what is wrong and how it should be. c is zeroed
 * first; free with cli_free in any case. */
int cli_parse(cli *c, int argc, char **argv, error *err);
void cli_free(cli *c);

/* Library and settings, with the options that override settings applied. */
int cli_open(cli *c, error *err);

/* Write what --help of a command says; NULL: of folio. */
void cli_help(FILE *to, const cli_command *command);
const cli_command *cli_find(const char *name); /* NULL if there is none */

int cli_exit_code(int status); /* of an ERR_* */

/* The whole program: returns the exit code. stop is raised by the signal handler. */
int cli_main(int argc, char **argv, cancel *stop);

#endif

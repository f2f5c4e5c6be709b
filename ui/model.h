/* ui/model.h - what the interface shows, as plain values, and what it asks for.
 *
 * The program behind the interface owns a ui_model and everything it points at. It
 * changes it on the interface's thread, between calls, and tells by ui_changed. Views
 * only read it. What a person wants goes out as a ui_request; nothing of the interface
 * waits for it. Strings may hold anything that came from a document or a model: they are
 * made harmless where they are drawn. */

#ifndef UI_MODEL_H
#define UI_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- the library ---- */

typedef enum { DOC_NOT_READ, DOC_READ, DOC_READING, DOC_WAITING, DOC_INTERRUPTED, DOC_CHANGED, DOC_FILE_GONE,
	DOC_OTHER_MODEL,       /* read, by a model that is not in use */
	DOC_MODEL_MISSING,     /* read, by one that is gone */
} ui_document_state;

typedef struct {
	int64_t id;
	char *name, *title, *path;
	char *model;           /* that read it; "": none, or nobody knows */
	int64_t tokens, bytes; /* stored, of its contexts for that model */
	int64_t text_bytes;
	int64_t used;          /* unix seconds */
	int sections;
	ui_document_state state;
	double done;           /* 0..1 of what is being read, or was when interrupted */
} ui_document;

/* ---- a conversation ---- */

typedef struct {
	char *place;           /* "sample.md:12-14", "page 3" */
	char *text;
	double score;          /* 0..1 */
	size_t from, to;       /* bytes of the document's text */
} ui_source;

typedef enum { TURN_WAITING, TURN_RUNNING, TURN_DONE, TURN_STOPPED, TURN_FAILED } ui_turn_state;

typedef struct {
	int64_t id;            /* 0 until it is stored */
	char *question, *answer;
	ui_source *source;
	int sources;
	ui_turn_state state;
	char *note;            /* "first word 0.4 s, 61 tokens/s, read 12 % of the keys"; what failed; what it waits for */
} ui_turn;

typedef struct {
	int64_t id;
	char *title;
	int64_t used;
	int turns;
} ui_conversation;

/* ---- models and settings ---- */

typedef struct {
	int64_t id;
	char *name, *path, *details; /* details: lines */
	int64_t bytes;
	bool is_default, missing;
	bool found;            /* on this machine, not in the library: id is 0 */
} ui_model_row;

typedef struct {
	char *key, *value, *help, *effect; /* effect: what the value means, in words; "" */
	const char *const *choice;         /* NULL-terminated values to step through, or NULL */
} ui_setting;

/* ---- work ---- */

typedef struct {
	char *what;            /* "reading frankenstein"; NULL: nothing runs */
	char *stage;
	double done;           /* 0..1, < 0: not known */
	double rate;           /* units/s, 0: not known */
	char *unit;
	double left_s;         /* < 0: not known */
	int waiting;           /* jobs queued behind it */
	bool pauses;           /* stopping it keeps what is done */
} ui_work;

typedef enum { SAY_PLAIN, SAY_GOOD, SAY_WARN, SAY_BAD } ui_tone;

typedef struct {
	int64_t at;            /* unix seconds */
	ui_tone tone;
	char *text;
} ui_log_line;

typedef struct {
	char *path;            /* "" for a document that is one file */
	uint32_t from;         /* its first byte in the text */
} ui_file;

typedef struct {
	/* library; NULL rows and loaded false until the first listing came */
	bool loaded;
	ui_document *document;
	int documents;
	char *home;            /* where the library lies */
	int64_t disk_used, disk_free;
	/* the open document, id 0: none */
	int64_t open;
	char *open_name, *open_title;
	int64_t open_tokens;   /* stored */
	char *text;            /* NULL while it is being fetched */
	size_t text_len;
	uint32_t *line;        /* byte where each line begins; [lines] */
	size_t lines;
	uint32_t *page;        /* byte where each page begins; [pages] */
	size_t pages;
	ui_file *file;         /* in the order of the text; [files] */
	size_t files;
	/* its conversation */
	int64_t conversation;  /* 0: a new one */
	ui_turn *turn;
	int turns;
	ui_conversation *conversations;
	int conversation_count;
	/* the rest */
	ui_model_row *model;
	int models;
	char *model_name;      /* in use; "" when there is none */
	char *backend;         /* "cpu avx512, 2 threads" */
	char *fetch_offer;     /* "SmolLM2-135M-Instruct, 94 MB, Apache-2.0", when it is not there; else NULL */
	ui_setting *setting;
	int settings;
	ui_log_line *log;
	int logs;
	ui_work work;
	int reused;            /* of the latest answer; -1: none yet */
	double budget, budget_read, rate; /* the latter < 0: none yet */
} ui_model;

/* ---- what is asked for ---- */

typedef enum {
	ASK_OPEN,              /* id: document */
	ASK_ADD,               /* text: path */
	ASK_SAMPLE,
	ASK_REREAD,            /* id */
	ASK_RENAME,            /* id, text */
	ASK_REMOVE,            /* id */
	ASK_QUESTION,          /* text, of the open document and conversation */
	ASK_REGENERATE,        /* the last turn again */
	ASK_REWIND,            /* id: number of turns to keep; text: the question to ask then */
	ASK_NEW_CONVERSATION,
	ASK_OPEN_CONVERSATION, /* id */
	ASK_REMOVE_CONVERSATION, /* id; 0: the open one */
	ASK_EXPORT,            /* text: file, "" makes a name; number: 1 for JSON */
	ASK_SAVE_COPY,         /* text: what could not be put on the clipboard */
	ASK_STOP,              /* the answer that runs; else pause what is read */
	ASK_USE_MODEL,         /* id */
	ASK_ADD_MODEL,         /* text: path; number: 1 to use it from then on */
	ASK_FETCH_MODEL,
	ASK_REMOVE_MODEL,      /* id */
	ASK_SET,               /* text: key, second: value; NULL second: built-in */
	ASK_PROCEED,           /* id: of the question asked by ui_confirm; number: 1 yes, 0 no */
	ASK_QUIT,
} ui_ask;

typedef struct {
	ui_ask kind;
	int64_t id;
	int number;
	const char *text, *second; /* borrowed for the call */
} ui_request;

#endif

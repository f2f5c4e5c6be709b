/* ui/ui_impl.h - the interface's inside: its views' states and what they share.
 * Private to ui/. */

#ifndef UI_UI_IMPL_H
#define UI_UI_IMPL_H

#include "ui/edit.h"
#include "ui/rich.h"
#include "ui/ui.h"

/* A list with one selected row. */
typedef struct {
	int selected, top, shown; /* shown: rows that were visible at the last layout */
} list_state;

/* Keep selected within n rows and visible in `shown` rows. */
void list_fit(list_state *l, int n, int shown);
/* Move by an action; false if it does not move lists. */
bool list_move(list_state *l, action a, int n);

/* Wrapped text that scrolls. */
typedef struct {
	rich r;
	long top;
	int shown;
	bool follow; /* stays at the end as it grows */
} pager;

void pager_fit(pager *p, int shown);
bool pager_move(pager *p, action a);
void pager_draw(const pager *p, const canvas *c);

enum { SORT_USED, SORT_NAME, SORT_SIZE, SORT_DISK, SORTS };

typedef struct {
	list_state list;
	int sort;
	char *filter;
	int *row;      /* [rows] of the model, filtered and sorted */
	int rows;
	int64_t at;    /* id of the selected document, so that it stays selected */
} library_view;

typedef struct {
	pager page;
	edit line;
	bool typing;    /* the cursor is in the question */
	int source;     /* selected, counted over all turns; -1: none */
	int sources;
	unsigned built; /* revision and width it was built for */
	int width;
	double anchor;  /* share of the transcript above what stands at the top, when the person put it there */
	long anchored;  /* the top that it was taken at */
	int rewind;     /* turns to keep when the question being edited is sent; -1: none */
} chat_view;

typedef struct {
	/* The first row shown is the part from `at` of a line. */
	size_t top;         /* byte of the text, begin of a row */
	size_t bottom;      /* behind the last row shown */
	int shown, width;
	size_t mark_from, mark_to; /* passage shown as a source; equal: none */
	char *search;
	size_t found_from, found_to;
	size_t back[16];    /* tops to go back to */
	int backs;
	int entry;          /* how many of them are from before the view was come to */
	int source;         /* which of the latest answer's sources is shown; -1: none */
} document_view;

typedef struct {
	list_state list;
} rows_view;

/* A line asked for at the bottom: of a command, a path, a name, a search; or yes or no. */
typedef enum { PROMPT_NONE, PROMPT_COMMAND, PROMPT_ACTION, PROMPT_CONFIRM } prompt_kind;

typedef struct {
	prompt_kind kind;
	char *label;
	edit line;
	action action;      /* that takes the line as its argument */
	bool live;          /* act at each change, as a filter does */
	ui_request request; /* of a confirmation; second and text unused */
	int64_t ask;        /* ui_confirm's id, when request.kind is ASK_PROCEED */
} prompt;

struct ui {
	ui_host host;
	const ui_model *m;
	keymap keys;
	ui_view view, back[16];
	int backs;
	library_view library;
	chat_view chat;
	document_view document;
	rows_view models, settings, conversations;
	pager help, log;
	prompt ask;
	str message;
	ui_tone tone;
	double said;        /* when */
	unsigned handled;   /* ui_keys */
	bool news;          /* it came from the work, not as the answer to a key */
	unsigned said_at;   /* handled then */
	bool taking;        /* input is being handled */
	unsigned revision;  /* of the model */
	bool dirty;
	bool more;          /* input was left for the next time */
	int rows, columns;
	str paste;
};

/* ---- a view ---- */

typedef struct {
	const char *name;   /* keymap and title in the bar */
	const char *title;
	/* Bring state and model together for a size; nothing is drawn. */
	void (*layout)(ui *u, int rows, int columns);
	void (*draw)(const ui *u, const canvas *c);
	/* Do the action; false: it is not the view's. argument: what followed ":name", or
	 * what was typed into the action's prompt; NULL: nothing yet. */
	bool (*handle)(ui *u, action a, const char *argument);
	/* A click in the view's own rows and columns. */
	void (*click)(ui *u, int y, int x, bool twice);
} view_ops;

extern const view_ops view_library, view_chat, view_document, view_models, view_settings, view_log, view_help,
	view_conversations;
const view_ops *view_of(ui_view v);

/* ---- the two rows at the bottom (status.c) ---- */

enum {
	MESSAGE_S = 8,     /* that a message stands where running work is shown otherwise */
	MESSAGE_KEYS = 10, /* that one of the work stays for */
};

int status_message_rows(const ui *u);  /* what is long takes some of the view's: what to do comes last */
void status_draw_message(const ui *u, const canvas *c);
void status_draw(const ui *u, const canvas *c);

/* ---- shared by the views (ui.c, prompt.c) ---- */

bool ui_esc_stops(const ui *u);    /* else it goes back */

void ui_request_id(ui *u, ui_ask kind, int64_t id);
void ui_request_text(ui *u, ui_ask kind, int64_t id, const char *text);
void ui_go(ui *u, ui_view v);      /* with a way back */
void ui_go_back(ui *u);
/* Ask for a document and go where it is asked about; the cursor stays out of the question,
 * for whoever leafs through documents. */
void ui_open_row(ui *u, int64_t id);
void ui_act(ui *u, action a, const char *argument);
void ui_copy_text(ui *u, const char *text, const char *what);

/* Keys and names of actions (up to ACTION_NONE), as many as have room from column x on. */
void ui_hints(const ui *u, const canvas *c, int y, int x, const char *map, const action *a);
/* Wrapped text from row y on, in what room is left; the row behind it. */
int ui_paragraph(const canvas *c, int y, int x, ui_role r, const char *text);

/* Ask for the argument of an action; the answer comes to the view's handle. */
void prompt_line(ui *u, action a, const char *label, const char *text, bool live);
/* Ask before a request is sent. */
void prompt_confirm(ui *u, ui_ask kind, int64_t id, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void prompt_command(ui *u);
void prompt_key(ui *u, int key);
void prompt_paste(ui *u, const char *text, size_t n);
void prompt_draw(const ui *u, const canvas *c);
void prompt_close(ui *u);
void prompt_free(prompt *p);

/* An answer of the conversation, or a source by its number over all turns; NULL: none. */
const ui_source *chat_source(const ui *u, int number);
/* Show a source in the document. */
void document_show(ui *u, size_t from, size_t to);
void chat_start_typing(ui *u);
/* Keys that go into the question; true: used up. */
bool chat_key(ui *u, int key);
void chat_paste(ui *u, const char *text, size_t n);

#endif

/* ui/action.h - every user action, once: enum, names for the configuration and the
 * ":" line, help and what it needs are made from this list, and its keys from
 * action.c's table, so bindings, help screens and completion cannot drift apart. */

#ifndef UI_ACTION_H
#define UI_ACTION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"

/* id, name, argument after ":name" (NULL: none, "[X]": may be left out), help */
#define UI_ACTIONS(X)                                                                         \
	X(QUIT, "quit", NULL, "leave folio; what is being read goes on next time")            \
	X(HELP, "help", NULL, "keys of this view")                                            \
	X(COMMAND, "command", NULL, "type an action by its name")                             \
	X(LIBRARY, "library", NULL, "the documents")                                          \
	X(CHAT, "chat", NULL, "the conversation with the open document")                      \
	X(DOCUMENT, "document", "[NAME]", "the document's text; with a name, open that one")  \
	X(MODELS, "models", NULL, "the models")                                               \
	X(SETTINGS, "settings", NULL, "the settings")                                         \
	X(LOG, "log", NULL, "what happened so far")                                           \
	X(NEXT_DOCUMENT, "next-document", NULL, "open the next document of the library")      \
	X(PREVIOUS_DOCUMENT, "previous-document", NULL, "open the previous document")         \
	X(STOP, "stop", NULL, "stop the answer, in the library pause reading; else go back")            \
	X(BACK, "back", NULL, "back to where you were")                                       \
	X(REDRAW, "redraw", NULL, "draw the screen again")                                    \
	X(SUSPEND, "suspend", NULL, "put folio into the background; fg brings it back")       \
	X(UP, "up", NULL, "one line up")                                                      \
	X(DOWN, "down", NULL, "one line down")                                                \
	X(PAGE_UP, "page-up", NULL, "one page up")                                            \
	X(PAGE_DOWN, "page-down", NULL, "one page down")                                      \
	X(FIRST, "first", NULL, "to the beginning")                                           \
	X(LAST, "last", NULL, "to the end")                                                   \
	X(OPEN, "open", NULL, "open what is selected")                                        \
	X(SEARCH, "search", "TEXT", "look for text")                                          \
	X(SEARCH_NEXT, "search-next", NULL, "next place that has it")                         \
	X(SEARCH_PREVIOUS, "search-previous", NULL, "previous place that has it")             \
	X(COPY, "copy", NULL, "copy the selected source, else the latest answer")             \
	X(ADD, "add", "PATH", "read a file or folder into the library, add a model")          \
	X(SAMPLE, "sample", NULL, "read the sample document")                                 \
	X(REREAD, "reread", NULL, "read it again, or go on reading")                          \
	X(RENAME, "rename", "NAME", "call it by another name")                                \
	X(REMOVE, "remove", NULL, "remove what is selected, after asking")                    \
	X(SORT, "sort", NULL, "sort by last used, name, size, disk")                          \
	X(FILTER, "filter", "TEXT", "show only what has this in its name or title")           \
	X(ASK, "ask", "[QUESTION]", "write a question")                                       \
	X(NEXT_SOURCE, "next-source", NULL, "select the next source")                         \
	X(PREVIOUS_SOURCE, "previous-source", NULL, "select the previous source")             \
	X(NEW, "new", NULL, "begin a new conversation")                                       \
	X(CONVERSATIONS, "conversations", NULL, "the conversations about this document")      \
	X(REGENERATE, "regenerate", NULL, "ask the last question again")                      \
	X(EDIT, "edit", NULL, "change the selected source's question, else the last, and ask anew")            \
	X(EXPORT, "export", "[FILE]", "write the conversation as Markdown")                   \
	X(EXPORT_JSON, "export-json", "[FILE]", "write the conversation as JSON")             \
	X(GOTO, "goto", "LINE", "go to a line of the document, or a page as p12")             \
	X(USE, "use", NULL, "answer with this model")                                         \
	X(FETCH, "fetch", NULL, "fetch the default model")                                    \
	X(MORE, "more", NULL, "raise the setting")                                            \
	X(LESS, "less", NULL, "lower the setting")                                            \
	X(RESET, "reset", NULL, "back to the built-in value")                                 \
	X(SET, "set", "KEY VALUE", "change a setting")                                        \
	X(SEND, "send", NULL, "ask, accept the line")                                         \
	X(NEWLINE, "newline", NULL, "begin a new line")                                       \
	X(LEAVE, "leave", NULL, "leave the line; a running answer is stopped first")          \
	X(HISTORY_PREVIOUS, "history-previous", NULL, "a line up, or the question before")    \
	X(HISTORY_NEXT, "history-next", NULL, "a line down, or the question after")           \
	X(EDITOR, "editor", NULL, "write in $VISUAL or $EDITOR")                              \
	X(COMPLETE, "complete", NULL, "complete the word")                                    \
	X(CHAR_LEFT, "char-left", NULL, "one character left")                                 \
	X(CHAR_RIGHT, "char-right", NULL, "one character right")                              \
	X(WORD_LEFT, "word-left", NULL, "one word left")                                      \
	X(WORD_RIGHT, "word-right", NULL, "one word right")                                   \
	X(LINE_START, "line-start", NULL, "to the start of the line")                         \
	X(LINE_END, "line-end", NULL, "to the end of the line")                               \
	X(ERASE, "erase", NULL, "erase the character before")                                 \
	X(DELETE, "delete", NULL, "delete the character here")                                \
	X(ERASE_WORD, "erase-word", NULL, "cut the word before")                              \
	X(DELETE_WORD, "delete-word", NULL, "cut the word here")                              \
	X(CUT_START, "cut-start", NULL, "cut to the start of the line")                       \
	X(CUT_END, "cut-end", NULL, "cut to the end of the line")                             \
	X(INSERT_CUT, "insert-cut", NULL, "put back what was cut")                            \
	X(UNDO, "undo", NULL, "undo the last change of the line")

typedef enum {
	ACTION_NONE,
#define X(id, name, arg, help) ACTION_##id,
	UI_ACTIONS(X)
#undef X
	ACTION_END
} action;

const char *action_name(action a);
const char *action_help(action a);
const char *action_argument(action a); /* NULL: takes none */
/* ACTION_NONE if there is no such name. */
action action_find(const char *name, size_t n);

/* ---- keys ---- */

/* A Unicode code point, or KEY_CODE | curses key; KEY_ALT goes with either. */
enum {
	KEY_CODE = 1 << 24,
	KEY_ALT = 1 << 25,
	KEYMAP_NAME = 16,
};

/* "Enter", "C-l", "M-Enter", "F2", "PgUp", "é"; 0 when it is none. */
int key_parse(const char *name);
void key_put(str *out, int key);

typedef struct {
	char map[KEYMAP_NAME]; /* a view's name, "generic", or "line" */
	int key;
	action action;
} key_binding;

typedef struct {
	key_binding *binding;
	size_t n, cap;
} keymap;

int keymap_open(keymap *out, error *err); /* with the standard bindings */
void keymap_free(keymap *k);

/* The key's action in the map: the map's own, else, when generic, the generic map's. */
action keymap_find(const keymap *k, const char *map, int key, bool generic);

/* Bind keys (separated by spaces, empty: none) to "MAP.ACTION" instead of those it
 * has. ERR_ARG says what is wrong with it. */
int keymap_bind(keymap *k, const char *name, const char *keys, error *err);

/* The keys of an action in a map, "i, Enter"; nothing when it has none there. */
void keymap_put_keys(str *out, const keymap *k, const char *map, action a);

/* The first of them, else of those that the generic map has. */
void keymap_put_key(str *out, const keymap *k, const char *map, action a);

/* The maps, in the order that help shows them; NULL past the last. */
const char *keymap_name(int i);

#endif

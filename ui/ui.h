/* ui/ui.h - the full-screen interface: views over a ui_model, keys in, requests out.
 *
 * One at a time, all on one thread. The program's loop: wait for the terminal's input or
 * its own events, ui_input, change the model and say ui_changed, ui_draw. */

#ifndef UI_UI_H
#define UI_UI_H

#include "base/error.h"
#include "ui/action.h"
#include "ui/model.h"

typedef struct ui ui;

typedef struct {
	void (*request)(void *ud, const ui_request *r);
	void *ud;
} ui_host;

typedef enum { VIEW_LIBRARY, VIEW_CHAT, VIEW_DOCUMENT, VIEW_MODELS, VIEW_SETTINGS, VIEW_LOG, VIEW_HELP, VIEW_CONVERSATIONS, VIEWS } ui_view;

/* Take the terminal. m is borrowed and outlives the interface. */
int ui_open(ui **out, const ui_model *m, ui_host host, error *err);
void ui_close(ui *u); /* gives the terminal back; NULL is fine */

/* Handle all input that is there. false: the terminal is gone. */
bool ui_input(ui *u);
/* The model changed. */
void ui_changed(ui *u);
/* Draw if something changed. */
void ui_draw(ui *u);
/* Milliseconds until the interface wants ui_draw by itself (a message goes away); -1: not. */
int ui_timeout(const ui *u);

/* One message, in place of the one before. */
void ui_say(ui *u, ui_tone tone, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Ask yes or no; the answer comes as ASK_PROCEED with this id. */
void ui_confirm(ui *u, int64_t id, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Keys, clicks and pastes that came so far: who pressed none since is still waiting. */
unsigned ui_keys(const ui *u);
/* To the conversation, the cursor in the question: only from the library, elsewhere the
 * person is at something. */
void ui_show_chat(ui *u);
/* The open document changed: view states that belong to the old one are forgotten. */
void ui_document_opened(ui *u);
/* Earlier questions, oldest first, for the input's history. */
void ui_history(ui *u, const char *question);

void ui_set_theme(ui *u, const char *name);
int ui_bind(ui *u, const char *name, const char *keys, error *err);

#endif

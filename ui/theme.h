/* ui/theme.h - what a role looks like. Views name roles; only themes know colours. */

#ifndef UI_THEME_H
#define UI_THEME_H

#include <stdbool.h>

typedef enum {
	ROLE_PLAIN,
	ROLE_BAR,       /* top and status line */
	ROLE_BAR_ON,    /* the view shown, in the bar */
	ROLE_HEAD,      /* heads of tables and sections */
	ROLE_STRONG,
	ROLE_EMPH,
	ROLE_CODE,
	ROLE_LINK,
	ROLE_FAINT,     /* what may be overlooked */
	ROLE_QUESTION,  /* the person's words */
	ROLE_SOURCE,
	ROLE_SELECTED,  /* the row or source that Enter acts on */
	ROLE_MATCH,     /* found by a search */
	ROLE_PASSAGE,   /* the source shown in its document */
	ROLE_GOOD,
	ROLE_WARN,      /* needs attention */
	ROLE_BAD,
	ROLE_RULE,      /* lines between regions */
	ROLE_PROMPT,    /* before the input */
	ROLES
} ui_role;

/* Names of the themes, NULL past the last: "default", "dark", "light", "high-contrast",
 * "monochrome". */
const char *theme_name(int i);
bool theme_known(const char *name);

/* After curses began. Falls back to monochrome on a terminal without colours and with
 * NO_COLOR. */
void theme_use(const char *name);

/* Curses attributes of a role, with its colour pair. */
unsigned long theme_attributes(ui_role r);

#endif

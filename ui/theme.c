#include "ui/theme.h"

#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = -1 }; /* the terminal's own colour */

typedef struct {
	short fore, back; /* of 256 colours, or of 8 when there are no more */
	short fore8, back8;
	attr_t attr;
} look;

typedef struct {
	const char *name;
	look role[ROLES];
} theme;

#define C(c) c, NONE, c, NONE

static const theme themes[] = {
	{ "default",
	  {
		  [ROLE_PLAIN] = { C(NONE), 0 }, [ROLE_BAR] = { NONE, NONE, NONE, NONE, A_REVERSE },
		  [ROLE_BAR_ON] = { NONE, NONE, NONE, NONE, A_BOLD }, [ROLE_HEAD] = { C(COLOR_CYAN), A_BOLD },
		  [ROLE_STRONG] = { C(NONE), A_BOLD }, [ROLE_EMPH] = { C(NONE), A_ITALIC }, [ROLE_CODE] = { C(COLOR_GREEN), 0 },
		  [ROLE_LINK] = { C(COLOR_BLUE), A_UNDERLINE }, [ROLE_FAINT] = { C(NONE), A_DIM },
		  [ROLE_QUESTION] = { C(COLOR_CYAN), A_BOLD }, [ROLE_SOURCE] = { C(COLOR_BLUE), 0 },
		  [ROLE_SELECTED] = { NONE, NONE, NONE, NONE, A_REVERSE }, [ROLE_MATCH] = { COLOR_BLACK, COLOR_YELLOW, COLOR_BLACK, COLOR_YELLOW, 0 },
		  [ROLE_PASSAGE] = { C(COLOR_YELLOW), A_BOLD }, [ROLE_GOOD] = { C(COLOR_GREEN), 0 }, [ROLE_WARN] = { C(COLOR_YELLOW), 0 },
		  [ROLE_BAD] = { C(COLOR_RED), A_BOLD }, [ROLE_RULE] = { C(NONE), A_DIM }, [ROLE_PROMPT] = { C(COLOR_CYAN), A_BOLD },
	  } },
	{ "dark",
	  {
		  [ROLE_PLAIN] = { 252, 234, COLOR_WHITE, COLOR_BLACK, 0 }, [ROLE_BAR] = { 252, 238, COLOR_BLACK, COLOR_WHITE, 0 },
		  [ROLE_BAR_ON] = { 231, 25, COLOR_WHITE, COLOR_BLUE, A_BOLD }, [ROLE_HEAD] = { 117, 234, COLOR_CYAN, COLOR_BLACK, A_BOLD },
		  [ROLE_STRONG] = { 231, 234, COLOR_WHITE, COLOR_BLACK, A_BOLD }, [ROLE_EMPH] = { 252, 234, COLOR_WHITE, COLOR_BLACK, A_ITALIC },
		  [ROLE_CODE] = { 150, 234, COLOR_GREEN, COLOR_BLACK, 0 }, [ROLE_LINK] = { 111, 234, COLOR_CYAN, COLOR_BLACK, A_UNDERLINE },
		  [ROLE_FAINT] = { 245, 234, COLOR_WHITE, COLOR_BLACK, A_DIM }, [ROLE_QUESTION] = { 117, 234, COLOR_CYAN, COLOR_BLACK, A_BOLD },
		  [ROLE_SOURCE] = { 111, 234, COLOR_CYAN, COLOR_BLACK, 0 }, [ROLE_SELECTED] = { 231, 25, COLOR_WHITE, COLOR_BLUE, 0 },
		  [ROLE_MATCH] = { 16, 221, COLOR_BLACK, COLOR_YELLOW, 0 }, [ROLE_PASSAGE] = { 229, 236, COLOR_YELLOW, COLOR_BLACK, 0 },
		  [ROLE_GOOD] = { 114, 234, COLOR_GREEN, COLOR_BLACK, 0 }, [ROLE_WARN] = { 221, 234, COLOR_YELLOW, COLOR_BLACK, 0 },
		  [ROLE_BAD] = { 210, 234, COLOR_RED, COLOR_BLACK, A_BOLD }, [ROLE_RULE] = { 240, 234, COLOR_WHITE, COLOR_BLACK, A_DIM },
		  [ROLE_PROMPT] = { 117, 234, COLOR_CYAN, COLOR_BLACK, A_BOLD },
	  } },
	{ "light",
	  {
		  [ROLE_PLAIN] = { 235, 255, COLOR_BLACK, COLOR_WHITE, 0 }, [ROLE_BAR] = { 235, 252, COLOR_WHITE, COLOR_BLACK, 0 },
		  [ROLE_BAR_ON] = { 231, 25, COLOR_WHITE, COLOR_BLUE, A_BOLD }, [ROLE_HEAD] = { 25, 255, COLOR_BLUE, COLOR_WHITE, A_BOLD },
		  [ROLE_STRONG] = { 16, 255, COLOR_BLACK, COLOR_WHITE, A_BOLD }, [ROLE_EMPH] = { 235, 255, COLOR_BLACK, COLOR_WHITE, A_ITALIC },
		  [ROLE_CODE] = { 22, 255, COLOR_BLACK, COLOR_WHITE, 0 }, [ROLE_LINK] = { 25, 255, COLOR_BLUE, COLOR_WHITE, A_UNDERLINE },
		  [ROLE_FAINT] = { 243, 255, COLOR_BLACK, COLOR_WHITE, A_DIM }, [ROLE_QUESTION] = { 25, 255, COLOR_BLUE, COLOR_WHITE, A_BOLD },
		  [ROLE_SOURCE] = { 25, 255, COLOR_BLUE, COLOR_WHITE, 0 }, [ROLE_SELECTED] = { 231, 25, COLOR_WHITE, COLOR_BLUE, 0 },
		  [ROLE_MATCH] = { 16, 221, COLOR_BLACK, COLOR_YELLOW, 0 }, [ROLE_PASSAGE] = { 16, 230, COLOR_BLACK, COLOR_WHITE, A_BOLD },
		  [ROLE_GOOD] = { 22, 255, COLOR_BLACK, COLOR_WHITE, 0 }, [ROLE_WARN] = { 94, 255, COLOR_MAGENTA, COLOR_WHITE, 0 },
		  [ROLE_BAD] = { 124, 255, COLOR_RED, COLOR_WHITE, A_BOLD }, [ROLE_RULE] = { 248, 255, COLOR_BLACK, COLOR_WHITE, A_DIM },
		  [ROLE_PROMPT] = { 25, 255, COLOR_BLUE, COLOR_WHITE, A_BOLD },
	  } },
	{ "high-contrast",
	  {
		  [ROLE_PLAIN] = { 231, 16, COLOR_WHITE, COLOR_BLACK, 0 }, [ROLE_BAR] = { 16, 231, COLOR_BLACK, COLOR_WHITE, A_BOLD },
		  [ROLE_BAR_ON] = { 231, 16, COLOR_WHITE, COLOR_BLACK, A_BOLD | A_UNDERLINE }, [ROLE_HEAD] = { 226, 16, COLOR_YELLOW, COLOR_BLACK, A_BOLD },
		  [ROLE_STRONG] = { 231, 16, COLOR_WHITE, COLOR_BLACK, A_BOLD }, [ROLE_EMPH] = { 231, 16, COLOR_WHITE, COLOR_BLACK, A_UNDERLINE },
		  [ROLE_CODE] = { 46, 16, COLOR_GREEN, COLOR_BLACK, 0 }, [ROLE_LINK] = { 51, 16, COLOR_CYAN, COLOR_BLACK, A_UNDERLINE },
		  [ROLE_FAINT] = { 231, 16, COLOR_WHITE, COLOR_BLACK, 0 }, [ROLE_QUESTION] = { 226, 16, COLOR_YELLOW, COLOR_BLACK, A_BOLD },
		  [ROLE_SOURCE] = { 51, 16, COLOR_CYAN, COLOR_BLACK, 0 }, [ROLE_SELECTED] = { 16, 226, COLOR_BLACK, COLOR_YELLOW, A_BOLD },
		  [ROLE_MATCH] = { 16, 51, COLOR_BLACK, COLOR_CYAN, A_BOLD }, [ROLE_PASSAGE] = { 226, 16, COLOR_YELLOW, COLOR_BLACK, A_BOLD },
		  [ROLE_GOOD] = { 46, 16, COLOR_GREEN, COLOR_BLACK, A_BOLD }, [ROLE_WARN] = { 226, 16, COLOR_YELLOW, COLOR_BLACK, A_BOLD },
		  [ROLE_BAD] = { 231, 196, COLOR_WHITE, COLOR_RED, A_BOLD }, [ROLE_RULE] = { 231, 16, COLOR_WHITE, COLOR_BLACK, 0 },
		  [ROLE_PROMPT] = { 226, 16, COLOR_YELLOW, COLOR_BLACK, A_BOLD },
	  } },
	{ "monochrome",
	  {
		  [ROLE_PLAIN] = { C(NONE), 0 }, [ROLE_BAR] = { C(NONE), A_REVERSE }, [ROLE_BAR_ON] = { C(NONE), A_BOLD },
		  [ROLE_HEAD] = { C(NONE), A_BOLD }, [ROLE_STRONG] = { C(NONE), A_BOLD }, [ROLE_EMPH] = { C(NONE), A_UNDERLINE },
		  [ROLE_CODE] = { C(NONE), 0 }, [ROLE_LINK] = { C(NONE), A_UNDERLINE }, [ROLE_FAINT] = { C(NONE), 0 },
		  [ROLE_QUESTION] = { C(NONE), A_BOLD }, [ROLE_SOURCE] = { C(NONE), 0 }, [ROLE_SELECTED] = { C(NONE), A_REVERSE },
		  [ROLE_MATCH] = { C(NONE), A_REVERSE }, [ROLE_PASSAGE] = { C(NONE), A_BOLD }, [ROLE_GOOD] = { C(NONE), 0 },
		  [ROLE_WARN] = { C(NONE), A_BOLD }, [ROLE_BAD] = { C(NONE), A_BOLD }, [ROLE_RULE] = { C(NONE), 0 },
		  [ROLE_PROMPT] = { C(NONE), A_BOLD },
	  } },
};

enum { THEMES = sizeof(themes) / sizeof(*themes), MONOCHROME = THEMES - 1 };

static attr_t used[ROLES];

const char *theme_name(int i)
{
	return i >= 0 && i < THEMES ? themes[i].name : NULL;
}

bool theme_known(const char *name)
{
	for (int i = 0; i < THEMES; i++)
		if (!strcmp(themes[i].name, name))
			return true;
	return false;
}

void theme_use(const char *name)
{
	const theme *t = &themes[0];
	const char *no = getenv("NO_COLOR");
	bool colours = has_colors() && !(no && *no);

	for (int i = 0; i < THEMES; i++)
		if (!strcmp(themes[i].name, name))
			t = &themes[i];
	if (!colours)
		t = &themes[MONOCHROME];
	if (colours) {
		start_color();
		use_default_colors();
	}
	for (int r = 0; r < ROLES; r++) {
		const look *l = &t->role[r];
		bool many = COLORS >= 256;
		used[r] = l->attr;
		if (colours && init_pair((short)(r + 1), many ? l->fore : l->fore8, many ? l->back : l->back8) == OK)
			used[r] |= COLOR_PAIR(r + 1);
	}
	bkgd((chtype)used[ROLE_PLAIN] | ' ');
}

unsigned long theme_attributes(ui_role r)
{
	return used[r];
}

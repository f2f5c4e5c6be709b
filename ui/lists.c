#include "ui/ui_impl.h"

void list_fit(list_state *l, int n, int shown)
{
	l->shown = shown > 0 ? shown : 0;
	if (l->selected >= n)
		l->selected = n - 1;
	if (l->selected < 0)
		l->selected = 0;
	if (l->top > l->selected)
		l->top = l->selected;
	if (l->shown && l->selected >= l->top + l->shown)
		l->top = l->selected - l->shown + 1;
	if (l->top > n - l->shown)
		l->top = n > l->shown ? n - l->shown : 0;
}

bool list_move(list_state *l, action a, int n)
{
	int page = l->shown > 1 ? l->shown - 1 : 1;

	switch (a) {
	case ACTION_UP: l->selected--; break;
	case ACTION_DOWN: l->selected++; break;
	case ACTION_PAGE_UP: l->selected -= page; break;
	case ACTION_PAGE_DOWN: l->selected += page; break;
	case ACTION_FIRST: l->selected = 0; break;
	case ACTION_LAST: l->selected = n - 1; break;
	default: return false;
	}
	list_fit(l, n, l->shown);
	return true;
}

void pager_fit(pager *p, int shown)
{
	long most = (long)p->r.lines - shown;

	p->shown = shown;
	if (p->follow || p->top > most)
		p->top = most;
	if (p->top < 0)
		p->top = 0;
}

bool pager_move(pager *p, action a)
{
	long page = p->shown > 2 ? p->shown - 1 : 1;

	switch (a) {
	case ACTION_UP: p->top--; break;
	case ACTION_DOWN: p->top++; break;
	case ACTION_PAGE_UP: p->top -= page; break;
	case ACTION_PAGE_DOWN: p->top += page; break;
	case ACTION_FIRST: p->top = 0; break;
	case ACTION_LAST: p->top = (long)p->r.lines; break;
	default: return false;
	}
	p->follow = false;
	pager_fit(p, p->shown);
	/* Whoever goes down to the end wants to see what comes. */
	p->follow = a != ACTION_UP && a != ACTION_PAGE_UP && a != ACTION_FIRST && p->top + p->shown >= (long)p->r.lines;
	return true;
}

void pager_draw(const pager *p, const canvas *c)
{
	for (int y = 0; y < c->rows; y++) {
		size_t i = (size_t)(p->top + y);
		if (i < p->r.lines)
			rich_draw(&p->r, i, c, y, ROLE_PLAIN);
	}
}

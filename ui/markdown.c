#include "ui/markdown.h"

#include <md4c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { DEPTH = 16, TABLE_COLUMNS = 64 };

typedef struct {
	bool ordered;
	unsigned next;
	char mark;
} list_level;

typedef struct {
	rich *r;
	int indent;
	list_level list[DEPTH];
	int lists, quotes;
	int strong, emph, code, link;
	int heading;
	bool verbatim, item_begins;
	/* A table is laid out at its end, when all widths are known. */
	str *cell;
	size_t cells, cell_cap;
	int columns;
	bool in_cell, head_row;
	MD_ALIGN align[TABLE_COLUMNS];
} reader;

static ui_role role_now(const reader *m)
{
	if (m->verbatim || m->code)
		return ROLE_CODE;
	if (m->heading)
		return ROLE_HEAD;
	if (m->link)
		return ROLE_LINK;
	if (m->strong)
		return ROLE_STRONG;
	if (m->emph)
		return ROLE_EMPH;
	return m->quotes ? ROLE_FAINT : ROLE_PLAIN;
}

static int depth_indent(const reader *m)
{
	int most = m->r->width / 2;
	int indent = m->indent + 2 * m->quotes + 3 * m->lists;

	return indent < most ? indent : most;
}

/* Before a paragraph's text: its indent, and an item's mark. */
static void begin_text(reader *m)
{
	int indent = depth_indent(m);
	char mark[24];

	if (m->item_begins && m->lists) {
		list_level *l = &m->list[m->lists - 1 < DEPTH ? m->lists - 1 : DEPTH - 1];
		if (l->ordered)
			snprintf(mark, sizeof(mark), "%u. ", l->next++);
		else
			snprintf(mark, sizeof(mark), "• ");
		int width = columns_text(mark, strlen(mark));
		rich_indent(m->r, indent - width > 0 ? indent - width : 0, indent);
		rich_puts(m->r, ROLE_HEAD, mark);
		m->item_begins = false;
	} else {
		rich_indent(m->r, indent, indent);
	}
}

static void blank_between(reader *m)
{
	if (m->r->lines && !m->lists)
		rich_blank(m->r);
}

/* ---- tables ---- */

static void add_cell(reader *m)
{
	if (!MEM_GROW(m->cell, m->cell_cap, m->cells + 1))
		return;
	m->cell[m->cells++] = STR_INIT;
	m->in_cell = true;
}

static void put_padded(rich *r, ui_role role, const char *text, int width, MD_ALIGN align)
{
	int pad = width - columns_text(text, strlen(text));
	int left = align == MD_ALIGN_RIGHT ? pad : align == MD_ALIGN_CENTER ? pad / 2 : 0;

	rich_putf(r, role, "%*s", left > 0 ? left : 0, "");
	if (pad < 0) {
		rich_put(r, role, text, columns_fit(text, strlen(text), width - 1));
		rich_puts(r, role, "…");
	} else {
		rich_puts(r, role, text);
	}
	rich_putf(r, role, "%*s", pad - left > 0 ? pad - left : 0, "");
}

static void table_widths(int *width, const reader *m)
{
	int total = 0, room = m->r->width - depth_indent(m) - 3 * (m->columns - 1);

	for (size_t i = 0; i < m->cells; i++) {
		int w = columns_text(str_text(&m->cell[i]), m->cell[i].len), c = (int)i % m->columns;
		if (w > width[c])
			width[c] = w;
	}
	for (int c = 0; c < m->columns; c++)
		total += width[c];
	while (total > room) {
		int widest = 0;
		for (int c = 1; c < m->columns; c++)
			if (width[c] > width[widest])
				widest = c;
		if (width[widest] <= 3)
			break;
		width[widest]--;
		total--;
	}
}

static void end_table(reader *m)
{
	int width[TABLE_COLUMNS] = { 0 };

	if (m->columns > 0)
		table_widths(width, m);
	rich_indent(m->r, depth_indent(m), depth_indent(m));
	for (size_t i = 0; m->columns > 0 && i < m->cells; i++) {
		int c = (int)i % m->columns;
		bool head = i < (size_t)m->columns;
		if (c)
			rich_puts(m->r, ROLE_RULE, " │ ");
		put_padded(m->r, head ? ROLE_HEAD : ROLE_PLAIN, str_text(&m->cell[i]), width[c], m->align[c]);
		if (c + 1 < m->columns)
			continue;
		rich_end_verbatim(m->r);
		for (int k = 0; head && k < m->columns; k++) {
			for (int n = 0; n < width[k]; n++)
				rich_puts(m->r, ROLE_RULE, "─");
			rich_puts(m->r, ROLE_RULE, k + 1 < m->columns ? "─┼─" : "");
		}
		rich_end_verbatim(m->r);
	}
	for (size_t i = 0; i < m->cells; i++)
		str_free(&m->cell[i]);
	m->cells = 0;
}

/* ---- md4c's calls ---- */

static int enter_block(MD_BLOCKTYPE type, void *detail, void *ud)
{
	reader *m = ud;

	switch (type) {
	case MD_BLOCK_UL:
	case MD_BLOCK_OL:
		rich_end(m->r); /* an item's own text before the list inside it */
		blank_between(m);
		if (m->lists < DEPTH)
			m->list[m->lists] = (list_level){ .ordered = type == MD_BLOCK_OL,
				                          .next = type == MD_BLOCK_OL ? ((MD_BLOCK_OL_DETAIL *)detail)->start : 0 };
		m->lists++;
		break;
	case MD_BLOCK_LI:
		m->item_begins = true;
		begin_text(m);
		break;
	case MD_BLOCK_QUOTE:
		blank_between(m);
		m->quotes++;
		break;
	case MD_BLOCK_H:
		blank_between(m);
		m->heading = 1;
		begin_text(m);
		break;
	case MD_BLOCK_CODE:
		rich_end(m->r);
		blank_between(m);
		m->verbatim = true;
		rich_indent(m->r, depth_indent(m) + 2, depth_indent(m) + 2);
		break;
	case MD_BLOCK_P:
		if (!m->item_begins && !m->r->pieces) {
			blank_between(m);
			begin_text(m);
		}
		break;
	case MD_BLOCK_TABLE:
		blank_between(m);
		m->columns = (int)((MD_BLOCK_TABLE_DETAIL *)detail)->col_count;
		m->columns = m->columns < TABLE_COLUMNS ? m->columns : TABLE_COLUMNS;
		break;
	case MD_BLOCK_TH:
	case MD_BLOCK_TD:
		if (m->columns > 0)
			m->align[m->cells % (size_t)m->columns] = ((MD_BLOCK_TD_DETAIL *)detail)->align;
		add_cell(m);
		break;
	case MD_BLOCK_HR:
		blank_between(m);
		rich_indent(m->r, depth_indent(m), depth_indent(m));
		rich_puts(m->r, ROLE_RULE, "────────");
		rich_end(m->r);
		break;
	default:
		break;
	}
	return 0;
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *ud)
{
	reader *m = ud;

	(void)detail;
	switch (type) {
	case MD_BLOCK_UL:
	case MD_BLOCK_OL:
		m->lists--;
		break;
	case MD_BLOCK_LI:
		rich_end(m->r);
		m->item_begins = false;
		break;
	case MD_BLOCK_QUOTE:
		m->quotes--;
		break;
	case MD_BLOCK_H:
		rich_end(m->r);
		m->heading = 0;
		break;
	case MD_BLOCK_CODE:
		rich_end_verbatim(m->r);
		m->verbatim = false;
		break;
	case MD_BLOCK_P:
		rich_end(m->r);
		break;
	case MD_BLOCK_TH:
	case MD_BLOCK_TD:
		m->in_cell = false;
		break;
	case MD_BLOCK_TABLE:
		end_table(m);
		break;
	default:
		break;
	}
	return 0;
}

static int span(MD_SPANTYPE type, reader *m, int by)
{
	switch (type) {
	case MD_SPAN_STRONG: m->strong += by; break;
	case MD_SPAN_EM: m->emph += by; break;
	case MD_SPAN_CODE: m->code += by; break;
	case MD_SPAN_A: m->link += by; break;
	default: break;
	}
	return 0;
}

static int enter_span(MD_SPANTYPE type, void *detail, void *ud)
{
	(void)detail;
	return span(type, ud, 1);
}

static int leave_span(MD_SPANTYPE type, void *detail, void *ud)
{
	(void)detail;
	return span(type, ud, -1);
}

static int put_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE n, void *ud)
{
	reader *m = ud;

	if (type == MD_TEXT_BR)
		text = "\n", n = 1;
	else if (type == MD_TEXT_SOFTBR)
		text = " ", n = 1;
	else if (type == MD_TEXT_NULLCHAR)
		text = "\xef\xbf\xbd", n = 3;
	if (m->in_cell)
		str_put(&m->cell[m->cells - 1], text, n);
	else
		rich_put(m->r, role_now(m), text, n);
	m->item_begins = false;
	return 0;
}

void markdown_put(rich *r, const char *text, size_t n, int indent)
{
	static const MD_PARSER parser = {
		.flags = MD_FLAG_TABLES | MD_FLAG_NOHTML | MD_FLAG_STRIKETHROUGH | MD_FLAG_PERMISSIVEURLAUTOLINKS,
		.enter_block = enter_block, .leave_block = leave_block, .enter_span = enter_span, .leave_span = leave_span,
		.text = put_text,
	};
	reader m = { .r = r, .indent = indent };
	str clean = STR_INIT;

	/* md4c 0.4.8 reads beyond its input when that ends in bytes that are no UTF-8. */
	utf8_put_shown(&clean, text, n);
	rich_indent(r, indent, indent);
	if (clean.len > 1u << 24 || md_parse(str_text(&clean), (MD_SIZE)clean.len, &parser, &m)) {
		rich_put(r, ROLE_PLAIN, text, n);
		rich_end(r);
	}
	str_free(&clean);
	for (size_t i = 0; i < m.cells; i++)
		str_free(&m.cell[i]);
	free(m.cell);
	rich_end(r);
	rich_indent(r, 0, 0);
}

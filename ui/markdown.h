/* ui/markdown.h - Markdown as text with roles (md4c: CommonMark with tables). */

#ifndef UI_MARKDOWN_H
#define UI_MARKDOWN_H

#include "ui/rich.h"

/* Append a Markdown text, which may end in the middle of anything (it streams), at an
 * indent. Text that md4c cannot take is appended as it is. */
void markdown_put(rich *r, const char *text, size_t n, int indent);

#endif

#include "app/config.h"

#include <string.h>

bool config_next_binding(const config *c, size_t *at, str *name, str *keys)
{
	const char *p = str_text(&c->keys) + *at;
	size_t line = strcspn(p, "\n"), n = strcspn(p, " ");

	if (!*p)
		return false;
	str_clear(name);
	str_clear(keys);
	str_put(name, p, n < line ? n : line);
	if (n + 3 < line)
		str_put(keys, p + n + 3, line - n - 3); /* behind " = " */
	*at += line + (p[line] == '\n');
	return true;
}

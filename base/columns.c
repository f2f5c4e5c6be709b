#include "base/columns.h"

#include <utf8proc.h>

#include "base/utf8.h"

static int width(uint32_t cp)
{
	if (cp < 0x300)
		return cp ? 1 : 0;
	return utf8proc_charwidth((utf8proc_int32_t)cp);
}

size_t columns_cell(int *columns, const char *p, size_t n)
{
	uint32_t cp;
	size_t i = (size_t)utf8_decode(&cp, NULL, p, n);

	*columns = width(cp);
	while (i < n) {
		size_t len = (size_t)utf8_decode(&cp, NULL, p + i, n - i);
		if (cp == '\n' || width(cp) > 0)
			break;
		i += len;
	}
	return i;
}

int columns_text(const char *p, size_t n)
{
	int total = 0, one;

	for (size_t i = 0; i < n; total += one)
		i += columns_cell(&one, p + i, n - i);
	return total;
}

size_t columns_fit(const char *p, size_t n, int columns)
{
	size_t i = 0;

	while (i < n) {
		int one;
		size_t len = columns_cell(&one, p + i, n - i);
		if ((columns -= one) < 0)
			break;
		i += len;
	}
	return i;
}

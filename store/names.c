#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "store/db.h"

static bool is_letter(uint32_t cp)
{
	switch (utf8proc_category((utf8proc_int32_t)cp)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN: /* vowel signs and accents are part of their letter */
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ND:
		return true;
	default:
		return cp == '.' || cp == '_' || cp == '-';
	}
}

/* Append the next character of the name; everything that is no letter becomes one
 * dash, and none stands at the beginning. false: the name is as long as it may be. */
static bool put_letter(str *out, uint32_t cp, bool ok, size_t most)
{
	char utf8[4] = "-";
	int n = 1;

	if (ok && is_letter(cp) && cp != '-') {
		if (out->len == 0 && cp == '.')
			return true;
		n = utf8_encode(utf8, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
	} else if (out->len == 0 || out->data[out->len - 1] == '-') {
		return true;
	}
	if (out->len + (size_t)n > most)
		return false;
	str_put(out, utf8, (size_t)n);
	return !out->oom;
}

/* Composed, so that the name of a file from another system is what the keyboard types. */
static void compose(str *s)
{
	utf8proc_uint8_t *nfc = utf8proc_NFC((const utf8proc_uint8_t *)str_text(s));

	if (nfc) {
		str_clear(s);
		str_puts(s, (const char *)nfc);
	}
	free(nfc);
}

int name_clean(str *out, const char *text, size_t most, error *err)
{
	size_t n = strlen(text);

	str_clear(out);
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		bool ok;
		i += (size_t)utf8_decode(&cp, &ok, text + i, n - i);
		if (!put_letter(out, cp, ok, most))
			break;
	}
	while (out->len && out->data[out->len - 1] == '-')
		str_truncate(out, out->len - 1);
	if (!out->len)
		str_puts(out, "unnamed");
	else
		compose(out);
	return str_ok(out, err);
}

static int taken(store *s, const char *table, const char *name, int64_t except, error *err)
{
	str sql = STR_INIT;
	int64_t id;

	str_putf(&sql, "SELECT id FROM %s WHERE name = ? AND id <> ?", table);
	int status = str_ok(&sql, err);
	if (!status)
		status = db_int(&id, s, err, sql.data, "si", name, except);
	str_free(&sql);
	return status;
}

int name_unique(str *out, store *s, const char *table, const char *clean, int64_t except, error *err)
{
	int status;

	str_clear(out);
	str_puts(out, clean);
	for (int i = 2; (status = str_ok(out, err)) == 0; i++) {
		if ((status = taken(s, table, out->data, except, err)) <= 0)
			return status;
		str_clear(out);
		str_putf(out, "%s-%d", clean, i);
	}
	return status;
}

void name_like(str *out, const char *word)
{
	str_clear(out);
	for (; *word; word++) {
		if (*word == '%' || *word == '_' || *word == '\\')
			str_putc(out, '\\');
		str_putc(out, *word);
	}
	str_putc(out, '%');
}

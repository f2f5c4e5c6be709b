#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

void number_put_bytes(str *out, int64_t bytes)
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	int u = 0;

	while (v >= 1023.95 && u < 4) {
		v /= 1024;
		u++;
	}
	if (u == 0)
		str_putf(out, "%lld bytes", (long long)bytes);
	else
		str_putf(out, v < 100 ? "%.1f %s" : "%.0f %s", v, unit[u]);
}

void number_put_count(str *out, int64_t n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);
	int first = digits[0] == '-';

	for (int i = 0; i < len; i++) {
		if (i > first && (len - i) % 3 == 0)
			str_putc(out, ',');
		str_putc(out, digits[i]);
	}
}

void number_put_seconds(str *out, double s)
{
	if (!(s >= 0))
		s = 0;
	long long whole = s < 1e15 ? llround(s) : (long long)1e15;

	if (s < 9.95)
		str_putf(out, "%.1f s", s);
	else if (whole < 60)
		str_putf(out, "%lld s", whole);
	else if (whole < 3600)
		str_putf(out, "%lld min %lld s", whole / 60, whole % 60);
	else
		str_putf(out, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
}

void number_put_time(str *out, int64_t unix_s)
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	char text[40];

	if (!localtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm))
		snprintf(text, sizeof(text), "?");
	str_puts(out, text);
}

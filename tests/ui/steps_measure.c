/* Steps that take times and memory, and the storm. Figures of a build with sanitizers
 * are printed and not judged. */

#include "tests/ui/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#ifdef FOLIO_SANITIZED
static const bool judged = false;
#else
static const bool judged = true;
#endif

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* first MS TEXT: from the program's start to that text on the screen. */
static bool step_first(play *p, char *text)
{
	double most = strtod(text, &text), took;

	text += strspn(text, " ");
	if (!p->t || !play_until(p, text, true, 60))
		return play_fail(p, "'%s' did not come", text);
	took = 1000 * (clock_s() - p->started);
	printf("%s: '%s' after %.1f ms (bar %.0f)\n", p->file, text, took, most);
	return !judged || took <= most || play_fail(p, "it took %.1f ms", took);
}

/* latency MS N KEY...: the keys in turn, N in all, each one timed until the screen changed;
 * the 99th percentile counts. The program may draw by itself meanwhile (work that goes
 * on): what is drawn within a moment before the key is let pass. */
static bool step_latency(play *p, char *text)
{
	char *rest = text;
	double most = strtod(rest, &rest), took[4096];
	long n = strtol(rest, &rest, 10), names = 0;
	char *name[16];

	for (char *word = strtok(rest, " "); word && names < 16; word = strtok(NULL, " "))
		name[names++] = word;
	if (!p->t || !names || n < 1 || n > 4096)
		return play_fail(p, "'latency' wants milliseconds, a number and keys, and a program");
	for (long i = 0; i < n; i++) {
		str s = STR_INIT;
		if (!play_key(&s, name[i % names]))
			return play_fail(p, "no key is called '%s'", name[i % names]);
		terminal_pump(p->t, 5, false);
		double start = clock_s();
		size_t before = terminal_raw(p->t)->len;
		terminal_send(p->t, str_text(&s), s.len);
		while (terminal_raw(p->t)->len == before && clock_s() - start < 5)
			terminal_pump(p->t, 100, true);
		took[i] = 1000 * (clock_s() - start);
		str_free(&s);
	}
	qsort(took, (size_t)n, sizeof(*took), by_size);
	double p99 = took[(n * 99 + 99) / 100 - 1];
	printf("%s:%d: key to screen over %ld keys: median %.2f ms, 99th percentile %.2f ms, most %.2f ms (bar %.0f)\n", p->file, p->line, n,
	       took[n / 2], p99, took[n - 1], most);
	return !judged || p99 <= most || play_fail(p, "the 99th percentile is %.1f ms", p99);
}

/* until MS TEXT: from now on to that text. */
static bool step_until(play *p, char *text)
{
	double most = strtod(text, &text), start = clock_s();

	text += strspn(text, " ");
	if (!p->t || !play_until(p, text, true, 60))
		return play_fail(p, "'%s' did not come", text);
	printf("%s:%d: '%s' after %.1f ms (bar %.0f)\n", p->file, p->line, text, 1000 * (clock_s() - start), most);
	return !judged || 1000 * (clock_s() - start) <= most || play_fail(p, "it took longer than %.0f ms", most);
}

/* memory MB: what the program has resident, its own pages (no file's). */
static bool step_memory(play *p, char *text)
{
	char path[64], line[256];
	long kb = -1;

	if (!p->t)
		return play_fail(p, "nothing runs");
	snprintf(path, sizeof(path), "/proc/%d/status", (int)terminal_pid(p->t));
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	printf("%s:%d: %.1f MB resident (bar %s)\n", p->file, p->line, (double)kb / 1024, text);
	return kb > 0 && (!judged || kb <= atol(text) * 1024) ? true : play_fail(p, "that is too much");
}

/* The least that the terminal of the tests stands: libvterm 0.1.4 writes beside a row that
 * a wide character has no room in, even behind the cursor. */
enum { STORM_LEAST = 2 };

/* storm N SEED: random sizes, keys, clicks and pastes, as fast as they go in. Quitting,
 * editors and suspending are left out. */
static bool step_storm(play *p, char *text)
{
	static const char *const keys[] = {
		"1", "2", "3", "4", "5", "6", "?", "i", "j", "k", "g", "G", "Enter", "Esc", "Tab", "S-Tab", "PgUp", "PgDn", "Up", "Down",
		"Left", "Right", "Home", "End", "n", "N", "/", ":", "a", "e", "r", "c", "C", "s", "y", "x", "o", "w", "é", "日", "😀", "\xcc\x81",
		"BackSpace", "Del", "C-a", "C-e", "C-k", "C-u", "C-w", "C-y", "M-b", "M-f", "M-Enter", "C-l", "C-c", "]", "[", "Space", "+", "-",
	};
	unsigned seed = 1;
	long n = 0;

	if (!p->t || sscanf(text, "%ld %u", &n, &seed) < 1)
		return play_fail(p, "'storm' wants a number, and a program");
	srand(seed);
	for (long i = 0; i < n; i++) {
		str s = STR_INIT;
		int what = rand() % 10;
		if (what < 3) {
			terminal_resize(p->t, STORM_LEAST + rand() % 60, STORM_LEAST + rand() % 160);
		} else if (what == 3) {
			str_putf(&s, "\033[<%d;%d;%dM", (int[]){ 0, 64, 65 }[rand() % 3], 1 + rand() % 160, 1 + rand() % 60);
		} else if (what == 4) {
			str_putf(&s, "\033[200~pasted %d\n\033]0;x\a %c\033[201~", rand(), rand() % 256);
		} else if (!play_key(&s, keys[rand() % (int)(sizeof(keys) / sizeof(*keys))])) {
			return play_fail(p, "a key of the storm has no name");
		}
		/* A "q" in the library would end it; what is random must not. */
		terminal_send(p->t, str_text(&s), s.len);
		terminal_pump(p->t, rand() % 4 ? 0 : 30, false);
		str_free(&s);
		if (terminal_wait(p->t, 0) >= 0)
			return play_fail(p, "it ended at step %ld of the storm with %d:\n%s", i, terminal_wait(p->t, 0),
			                 str_text(terminal_raw(p->t)) + (terminal_raw(p->t)->len > 6000 ? terminal_raw(p->t)->len - 6000 : 0));
	}
	terminal_resize(p->t, p->rows, p->columns);
	play_settle(p);
	return true;
}

const step steps_measure[] = {
	{ "first", step_first }, { "latency", step_latency }, { "until", step_until }, { "memory", step_memory }, { "storm", step_storm }, { NULL, NULL },
};

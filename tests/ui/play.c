/* folio-play [--update] CASE - plays a case: keys into a program in a pseudo-terminal,
 * screens out of it, compared with golden ones. Exit 0: all as written, 77: skipped. */

#include "tests/ui/play.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool play_fail(play *p, const char *fmt, ...)
{
	str s = STR_INIT;
	va_list ap;

	fprintf(stderr, "%s:%d: ", p->file, p->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (p->t) {
		terminal_text(&s, p->t);
		fprintf(stderr, "---- the screen ----\n%s--------------------\n", str_text(&s));
	}
	str_free(&s);
	return false;
}

/* $NAME and ${NAME} from the environment; $$ is a dollar. */
static char *expand(const char *text)
{
	str s = STR_INIT;

	for (const char *p = text; *p;) {
		size_t n = *p == '$' ? strcspn(p, "}") : 0;
		char name[64];
		if (*p != '$' || (p[1] != '{' && p[1] != '$')) {
			str_putc(&s, *p++);
		} else if (p[1] == '$') {
			str_putc(&s, '$');
			p += 2;
		} else {
			snprintf(name, sizeof(name), "%.*s", n > 2 ? (int)n - 2 : 0, p + 2);
			str_puts(&s, getenv(name) ? getenv(name) : "");
			p += n + (p[n] == '}');
		}
	}
	return str_take(&s);
}

static const step *find(const char *name, size_t n)
{
	const step *const tables[] = { steps_basic, steps_measure };

	for (int i = 0; i < 2; i++)
		for (const step *s = tables[i]; s->name; s++)
			if (strlen(s->name) == n && !memcmp(s->name, name, n))
				return s;
	return NULL;
}

/* One line. 0: done, 1: failed, PLAY_SKIPPED. */
static int play_line(play *p, const char *line)
{
	size_t n = strcspn(line, " ");
	char *argument = expand(line + n + strspn(line + n, " "));
	const step *s = find(line, n);
	int status = 0;

	if (!strcmp(line, "") || *line == '#') {
		status = 0;
	} else if (n == 4 && !memcmp(line, "need", 4)) {
		if (!argument || !*argument || access(argument, R_OK)) {
			printf("skipped: %s is not here\n", argument && *argument ? argument : line + 5);
			status = PLAY_SKIPPED;
		}
	} else if (!s) {
		status = !play_fail(p, "there is no step '%.*s'", (int)n, line);
	} else {
		status = !s->run(p, argument ? argument : (char[]){ "" });
	}
	free(argument);
	return status;
}

static int play_file(play *p, FILE *f)
{
	char *line = NULL;
	size_t cap = 0;
	int status = 0;

	while (!status && getline(&line, &cap, f) >= 0) {
		p->line++;
		line[strcspn(line, "\n")] = '\0';
		status = play_line(p, line);
	}
	if (!status && p->t)
		status = !play_fail(p, "the case ends without 'exit': the program still runs");
	free(line);
	return status;
}

/* A home of its own, and nothing of the person's settings. */
static bool prepare(play *p)
{
	static const char *const unset[] = { "FOLIO_MODEL", "FOLIO_ADAPTER", "FOLIO_THREADS", "FOLIO_BUDGET", "FOLIO_THEME", "FOLIO_FOCUS",
		                             "NO_COLOR", "VISUAL", "EDITOR", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "LC_ALL", "TMUX" };
	char path[128];

	snprintf(p->folder, sizeof(p->folder), "/tmp/folio-ui-XXXXXX");
	if (!mkdtemp(p->folder))
		return false;
	for (size_t i = 0; i < sizeof(unset) / sizeof(*unset); i++)
		unsetenv(unset[i]);
	setenv("T", p->folder, 1);
	setenv("HOME", p->folder, 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TZ", "UTC", 1);
	snprintf(path, sizeof(path), "%s/home", p->folder);
	setenv("FOLIO_HOME", path, 1);
	snprintf(path, sizeof(path), "%s/config.ini", p->folder);
	setenv("FOLIO_CONFIG", path, 1);
	setenv("DATA", getenv("FOLIO_TEST_DATA") ? getenv("FOLIO_TEST_DATA") : FOLIO_SOURCE_DIR "/../shared/data", 1);
	setenv("MODEL", getenv("FOLIO_TEST_MODEL") ? getenv("FOLIO_TEST_MODEL") : "", 1);
	setenv("SOURCE", FOLIO_SOURCE_DIR, 1);
	setenv("BIN", p->programs, 1);
	return true;
}

static void clean(play *p)
{
	str s = STR_INIT;

	terminal_end(p->t);
	for (int i = 0; i < p->masks; i++)
		free(p->mask[i]);
	free(p->term);
	str_putf(&s, "rm -rf '%s'", p->folder);
	if (!getenv("FOLIO_UI_KEEP") && system(str_text(&s)))
		fprintf(stderr, "%s stays\n", p->folder);
	str_free(&s);
}

int main(int argc, char **argv)
{
	bool update = argc > 1 && !strcmp(argv[1], "--update");
	play p = { .rows = 24, .columns = 80, .update = update, .programs = FOLIO_PROGRAMS, .screens = FOLIO_SOURCE_DIR "/tests/ui/screens" };

	if (argc != 2 + update) {
		fputs("usage: folio-play [--update] CASE\n", stderr);
		return 2;
	}
	p.file = argv[1 + update];
	FILE *f = fopen(p.file, "r");
	if (!f || !prepare(&p)) {
		perror(p.file);
		return 2;
	}
	p.term = strdup("xterm-256color");
	int status = play_file(&p, f);
	fclose(f);
	clean(&p);
	return status;
}

/* folio-scripted - the interface over a worker that plays a script (scripted_worker.c):
 * the same rows, answers and times in every run. */

#include <signal.h>
#include <stdio.h>

#include "app/tui.h"

static cancel stop;

static void on_signal(int number)
{
	(void)number;
	cancel_raise(&stop);
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	error err;

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if (tui_run(argc > 1 ? argv[1] : NULL, &stop, &err) == 0)
		return 0;
	fprintf(stderr, "folio: %s\n", err.msg);
	return 1;
}

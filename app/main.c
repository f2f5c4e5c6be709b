#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app/cli.h"

static cancel stop;

/* The first time the work ends in good order, the second time at once: everything on
 * disk is written so that this harms nothing. */
static void on_signal(int number)
{
	(void)number;
	if (cancel_raised(&stop))
		_exit(EXIT_STOPPED);
	cancel_raise(&stop);
}

int main(int argc, char **argv)
{
	/* No SA_RESTART: a prompt that waits for input must notice. */
	struct sigaction sa = { .sa_handler = on_signal };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	return cli_main(argc, argv, &stop);
}

#include "app/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "app/bench.h"

static int parse_what(unsigned *out, const char *word, error *err)
{
	static const struct {
		const char *name;
		bench_what what;
	} all[] = { { "prefill", BENCH_PREFILL }, { "decode", BENCH_DECODE }, { "reopen", BENCH_REOPEN },
	        { "cluster", BENCH_CLUSTER }, { "question", BENCH_QUESTION } };

	*out = BENCH_ALL;
	for (size_t i = 0; word && i < sizeof(all) / sizeof(*all); i++)
		if (strcmp(word, all[i].name) == 0) {
			*out = all[i].what;
			return 0;
		}
	return word ? error_set(err, ERR_ARG, "'%s' cannot be measured: say prefill, cluster, question, decode or reopen, or nothing for all", word) : 0;
}

/* A count given as an option, else standard. */
static int parse_count(int *out, const cli *c, cli_option_id id, int standard, int least, int most, error *err)
{
	char *end;

	*out = standard;
	if (!cli_has(c, id))
		return 0;
	long v = strtol(c->value[id], &end, 10);
	if (!*c->value[id] || *end || v < least || v > most)
		return error_set(err, ERR_ARG, "--%s cannot be '%s': give a whole number from %d to %d", cli_options[id].name,
		                 c->value[id], least, most);
	*out = (int)v;
	return 0;
}

int cmd_bench(cli *c, error *err)
{
	bench_options o = { .json = cli_has(c, OPT_JSON), .p = c->p };
	int status;

	if ((status = parse_what(&o.what, c->arg[0], err)) ||
	    (status = parse_count(&o.depth, c, OPT_DEPTH, 0, 128, 1 << 24, err)) ||
	    (status = parse_count(&o.tokens, c, OPT_TOKENS, 64, 1, 1 << 16, err)) ||
	    (status = parse_count(&o.runs, c, OPT_RUNS, 3, 1, 1000, err)) || (status = cli_open(c, err)) ||
	    (status = folio_engine(c->f, err)))
		return status;
	status = bench_run(c->f, &o, err);
	progress_show_end(&c->bar);
	return status;
}

#include "app/cmd.h"

static void print_names(const cli_command *k)
{
	for (const cli_command *each = cli_commands; !k && each->name; each++)
		puts(each->name);
	for (int i = 0; k && i < OPT_END; i++)
		if (k->options >> i & 1)
			printf("--%s\n", cli_options[i].name);
}

int cmd_help(cli *c, error *err)
{
	str name = STR_INIT;

	for (int i = 0; i < c->args; i++)
		str_putf(&name, "%s%s", i ? " " : "", c->arg[i]);
	const cli_command *k = c->args ? cli_find(str_text(&name)) : NULL;
	int status = str_ok(&name, err);
	if (!status && c->args && !k)
		status = error_set(err, ERR_ARG, "there is no command '%s': `folio help` lists them", name.data);
	if (!status && cli_has(c, OPT_NAMES))
		print_names(k);
	else if (!status)
		cli_help(stdout, k);
	str_free(&name);
	return status;
}

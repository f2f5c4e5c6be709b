#include "app/cmd.h"

int cmd_help(cli *c, error *err)
{
	str name = STR_INIT;

	for (int i = 0; i < c->args; i++)
		str_putf(&name, "%s%s", i ? " " : "", c->arg[i]);
	const cli_command *k = c->args ? cli_find(str_text(&name)) : NULL;
	int status = str_ok(&name, err);
	if (!status && c->args && !k)
		status = error_set(err, ERR_ARG, "there is no command '%s': `folio help` lists them", name.data);
	if (!status)
		cli_help(stdout, k);
	str_free(&name);
	return status;
}

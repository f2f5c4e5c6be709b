#include "app/cmd.h"

#include <string.h>

#include "app/show.h"
#include "base/path.h"

/* The settings without the library: they must be shown and mended when nothing else
 * works. */
static int load(config *cfg, cli *c, error *err)
{
	int status = config_load(cfg, err);

	if (!status && cfg->notes.len && !cli_has(c, OPT_QUIET))
		show_text(stderr, cfg->notes.data, cfg->notes.len);
	return status;
}

static json_t *settings_json(const config *cfg)
{
	json_t *o = json_object();
	str value = STR_INIT;

	for (int i = 0; config_key(i); i++) {
		str_clear(&value);
		if (config_value(&value, cfg, config_key(i), NULL) == 0)
			json_object_set_new(o, config_key(i), cmd_text(str_text(&value)));
	}
	str_free(&value);
	return o;
}

int cmd_config(cli *c, error *err)
{
	config cfg;
	str text = STR_INIT;
	int status;

	if (cli_has(c, OPT_NAMES)) {
		for (int i = 0; config_key(i); i++)
			puts(config_key(i));
		return 0;
	}
	if ((status = load(&cfg, c, err)))
		return status;
	if (cli_has(c, OPT_JSON))
		status = cmd_json(settings_json(&cfg), err);
	else if (!(status = config_print(&text, &cfg, NULL, err)))
		show_text(stdout, text.data, text.len);
	str_free(&text);
	config_free(&cfg);
	return status;
}

int cmd_config_get(cli *c, error *err)
{
	config cfg;
	str value = STR_INIT;
	int status = load(&cfg, c, err);

	if (status)
		return status;
	if (!(status = config_value(&value, &cfg, c->arg[0], err))) {
		if (cli_has(c, OPT_JSON))
			status = cmd_json(json_pack("{s:o}", c->arg[0], cmd_text(str_text(&value))), err);
		else
			show_line(stdout, "%s", str_text(&value));
	}
	str_free(&value);
	config_free(&cfg);
	return status;
}

int cmd_config_set(cli *c, error *err)
{
	str path = STR_INIT;
	int status = config_save(c->arg[0], c->arg[1], err);

	if (!status && !(status = path_config_file(&path, err))) {
		if (cli_has(c, OPT_JSON))
			status = cmd_json(json_pack("{s:o, s:o, s:o}", "key", cmd_text(c->arg[0]), "value", cmd_text(c->arg[1]),
			                            "file", cmd_text(path.data)), err);
		else
			cmd_say(c, "%s = %s, in %s", c->arg[0], c->arg[1], path.data);
	}
	str_free(&path);
	return status;
}

int cmd_config_path(cli *c, error *err)
{
	str path = STR_INIT;
	int status = path_config_file(&path, err);

	if (!status) {
		if (cli_has(c, OPT_JSON))
			status = cmd_json(json_pack("{s:o, s:b}", "path", cmd_text(path.data), "there", path_exists(path.data)), err);
		else
			show_line(stdout, "%s%s", path.data, path_exists(path.data) ? "" : "  (not there yet)");
	}
	str_free(&path);
	return status;
}

#include "app/cmd.h"

#include <string.h>

#include "ui/action.h"

/* "library: a, models: a" for an action that several places have; "everywhere" is the
 * generic map. */
static void put_places(str *out, const keymap *k, action a)
{
	for (int i = 0; keymap_name(i); i++) {
		str keys = STR_INIT;
		keymap_put_keys(&keys, k, keymap_name(i), a);
		if (keys.len)
			str_putf(out, "%s%s: %s", out->len ? "; " : "", i ? keymap_name(i) : "everywhere", str_text(&keys));
		str_free(&keys);
	}
}

static int keys_json(const keymap *k, error *err)
{
	json_t *list = json_array();

	for (int a = 1; a < ACTION_END; a++) {
		json_t *places = json_object();
		for (int i = 0; keymap_name(i); i++) {
			str keys = STR_INIT;
			keymap_put_keys(&keys, k, keymap_name(i), (action)a);
			if (keys.len)
				json_object_set_new(places, keymap_name(i), json_string(str_text(&keys)));
			str_free(&keys);
		}
		json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:o}", "action", action_name((action)a), "argument",
		                                      action_argument((action)a), "help", action_help((action)a), "keys", places));
	}
	return cmd_json(json_pack("{s:o}", "actions", list), err);
}

/* The person's own bindings, as the interface takes them. */
static int bind_own(keymap *k, error *err)
{
	str name = STR_INIT, keys = STR_INIT;
	config c;
	size_t at = 0;
	int status = config_load(&c, err);

	if (status)
		return status;
	while (!status && config_next_binding(&c, &at, &name, &keys))
		status = keymap_bind(k, str_text(&name), str_text(&keys), err);
	str_free(&name);
	str_free(&keys);
	config_free(&c);
	return status;
}

static void print_keys(const keymap *k)
{
	for (int a = 1; a < ACTION_END; a++) {
		str s = STR_INIT;
		put_places(&s, k, (action)a);
		printf("%-18s %s\n", action_name((action)a), action_help((action)a));
		if (s.len)
			printf("%-18s   %s\n", "", str_text(&s));
		str_free(&s);
	}
}

int cmd_keys(cli *c, error *err)
{
	keymap k;
	int status = keymap_open(&k, err);

	if (!status)
		status = bind_own(&k, err);
	if (!status && cli_has(c, OPT_JSON))
		status = keys_json(&k, err);
	else if (!status)
		print_keys(&k);
	keymap_free(&k);
	return status;
}

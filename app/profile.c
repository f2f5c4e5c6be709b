#include "app/profile.h"

#include "app/assets.h"

/* A new reference to what stands under key; o is given up. */
static json_t *take(json_t *o, const json_t *owner, const char *key)
{
	json_t *value = json_incref(json_object_get(owner, key));

	json_decref(o);
	return value;
}

json_t *profile_own(const char *own_json, const char *key)
{
	json_t *own = own_json && *own_json ? json_loads(own_json, 0, NULL) : NULL;

	return take(own, own, key);
}

json_t *profile_shipped(const char *fingerprint, const char *key)
{
	const asset *a = asset_find("profiles.json");
	json_t *all = a ? json_loadb(a->bytes, a->len, 0, NULL) : NULL;

	return take(all, json_object_get(all, fingerprint), key);
}

#include "app/assets.h"

#include <string.h>

const asset *asset_find(const char *name)
{
	for (const asset *a = assets; a->name; a++)
		if (strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

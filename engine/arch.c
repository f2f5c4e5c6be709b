#include "engine/arch.h"

#include <stddef.h>
#include <string.h>

static const arch table[] = {
	{ "llama", false, false, ROPE_NEIGHBOUR },
	{ "mistral", false, false, ROPE_NEIGHBOUR },
	{ "qwen2", true, false, ROPE_HALF },
	{ "qwen3", false, true, ROPE_HALF },
};

const arch *arch_find(const char *name, int len)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if ((int)strlen(table[i].name) == len && memcmp(table[i].name, name, (size_t)len) == 0)
			return &table[i];
	return NULL;
}

const char *arch_names(void)
{
	return "llama, mistral, qwen2, qwen3";
}

/* engine/arch.h - the architectures folio runs, as facts. The forward pass is one;
 * what differs is in these rows. */

#ifndef ENGINE_ARCH_H
#define ENGINE_ARCH_H

#include <stdbool.h>

#include "kernels/rope.h"

typedef struct {
	const char *name;       /* general.architecture in a GGUF, model_type in a config.json */
	bool qkv_bias, qk_norm;
	rope_pairs gguf_pairs;  /* converters reorder llama's q and k rows, not Qwen's; Hugging Face folders are ROPE_HALF always */
} arch;

/* NULL if folio cannot run it. */
const arch *arch_find(const char *name, int len);

/* "llama, mistral, ..." for messages. */
const char *arch_names(void);

#endif

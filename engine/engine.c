#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/context.h"
#include "kernels/cpu.h"

static int fingerprint(engine *e, error *err)
{
	const model_params *p = &e->model->p;
	int32_t shape[] = { CONTEXT_FORMAT, CONTEXT_SINKS, CONTEXT_WINDOW, p->layers, p->kv_heads, p->head_dim,
	                    p->rot, (int32_t)p->pairs };
	hasher *h = hasher_new();

	if (!h)
		return error_nomem(err, "the model's fingerprint");
	hasher_part(h, e->model->fingerprint, HASH_TEXT);
	hasher_part(h, tokenizer_fingerprint(e->tok), HASH_TEXT);
	hasher_part(h, chat_fingerprint(e->chat), HASH_TEXT);
	hasher_part(h, shape, sizeof(shape));
	hasher_part(h, p->rope_freq, (size_t)p->rot / 2 * sizeof(float));
	hasher_part(h, "kv f16", 6);
	if (e->adapter)
		hasher_part(h, e->adapter->fingerprint, HASH_TEXT);
	hasher_end(h, e->fingerprint);
	return 0;
}

int engine_open(engine **out, const char *path, const engine_options *o, error *err)
{
	engine *e = mem_zeroed(1, sizeof(*e));
	int status;

	*out = NULL;
	if (!e)
		return error_nomem(err, "the engine");
	if ((status = model_open(&e->model, path, o->fingerprint_hint, err)))
		goto fail;
	if ((status = tokenizer_open(&e->tok, &e->model->vocab, err)))
		goto fail;
	if (tokenizer_size(e->tok) > e->model->p.vocab) {
		status = error_set(err, ERR_FORMAT, "%s: the vocabulary has %d tokens but the weights know only %d: "
		                   "the file is damaged or was put together wrongly", path,
		                   tokenizer_size(e->tok), e->model->p.vocab);
		goto fail;
	}
	e->family = chat_recognise(e->model->chat_template);
	if ((status = chat_open(&e->chat, e->family, o->prompts, o->prompts_len, err)))
		goto fail;
	if ((status = pool_open(&e->pool, o->threads, err)))
		goto fail;
	if ((status = fingerprint(e, err)))
		goto fail;
	*out = e;
	return 0;
fail:
	engine_close(e);
	return status;
}

int engine_adapt(engine *e, const char *name, const void *bytes, size_t n, error *err)
{
	int status;

	if (e->adapter)
		return error_set(err, ERR_ARG, "%s: the model has an adapter already", name);
	if ((status = adapter_open(&e->adapter, name, bytes, n, e->model, err)))
		return status;
	return fingerprint(e, err);
}

void engine_close(engine *e)
{
	if (!e)
		return;
	pool_close(e->pool);
	chat_close(e->chat);
	tokenizer_close(e->tok);
	adapter_close(e->adapter);
	model_close(e->model);
	free(e);
}

const char *engine_isa_name(void)
{
	return cpu_isa_name(cpu_isa_used());
}

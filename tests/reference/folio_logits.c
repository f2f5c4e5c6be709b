/* folio-logits MODEL IDS_FILE OUT.f32 [--isa NAME] [--threads N] [--block N] [--kv f32]
 *              [--adapter FILE]
 *
 * Writes the logits [n, vocab] of a sequence of token ids (white-space separated in
 * IDS_FILE) as raw f32, for comparison with an independent implementation. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/assets.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/session.h"
#include "kernels/cpu.h"

static int read_ids(int **out, int *n, const char *path, error *err)
{
	str text = STR_INIT;
	int status = file_read(&text, path, 0, err);
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	for (char *p = text.data, *end; p && !status; p = end) {
		long id = strtol(p, &end, 10);
		if (end == p)
			break;
		if (!MEM_GROW(*out, cap, (size_t)*n + 1))
			status = error_nomem(err, "the ids");
		else
			(*out)[(*n)++] = (int)id;
	}
	str_free(&text);
	return status;
}

static int run(const char *model_path, const char *ids_path, const char *out_path, const engine_options *o, const char *lora, int block, bool f32, error *err)
{
	engine *e = NULL;
	session *s = NULL;
	int *id = NULL, n = 0, status;
	float *logits = NULL;
	FILE *f = NULL;

	if ((status = read_ids(&id, &n, ids_path, err)) || (status = engine_open(&e, model_path, o, err)) ||
	    (lora && (status = engine_adapt(e, lora, NULL, 0, err))) ||
	    (status = session_open(&s, e, NULL, n, err)) || (f32 && (status = session_use_f32(s, err))))
		goto out;
	logits = mem_array((size_t)n * (size_t)e->model->p.vocab, sizeof(*logits));
	if (!logits) {
		status = error_nomem(err, "the logits");
		goto out;
	}
	for (int at = 0; at < n && !status; at += block) {
		int m = n - at < block ? n - at : block;
		status = session_eval(s, id + at, m, NULL, logits + (size_t)at * (size_t)e->model->p.vocab, NULL, err);
	}
	size_t want = (size_t)n * (size_t)e->model->p.vocab;
	if (!status && (!(f = fopen(out_path, "wb")) || fwrite(logits, sizeof(*logits), want, f) != want))
		status = error_errno(err, ERR_IO, "%s: cannot be written", out_path);
out:
	if (f && fclose(f) && !status)
		status = error_errno(err, ERR_IO, "%s: cannot be written", out_path);
	free(logits);
	free(id);
	session_close(s);
	engine_close(e);
	return status;
}

int main(int argc, char **argv)
{
	const asset *words = asset_find("prompts.ini");
	engine_options o = { .prompts = words ? words->bytes : "", .prompts_len = words ? words->len : 0 };
	int block = 512;
	const char *lora = NULL;
	bool f32 = false;
	error err;

	if (argc < 4) {
		fprintf(stderr, "usage: folio-logits MODEL IDS_FILE OUT.f32 [--isa NAME] [--threads N] [--block N] [--kv f32] [--adapter FILE]\n");
		return 2;
	}
	for (int i = 4; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--isa") == 0)
			setenv("FOLIO_ISA", argv[i + 1], 1);
		else if (strcmp(argv[i], "--threads") == 0)
			o.threads = atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--kv") == 0)
			f32 = strcmp(argv[i + 1], "f32") == 0;
		else if (strcmp(argv[i], "--adapter") == 0)
			lora = argv[i + 1];
		else if (strcmp(argv[i], "--block") == 0)
			block = atoi(argv[i + 1]) > 0 ? atoi(argv[i + 1]) : 512;
	}
	if (run(argv[1], argv[2], argv[3], &o, lora, block, f32, &err)) {
		fprintf(stderr, "folio-logits: %s\n", err.msg);
		return 1;
	}
	return 0;
}

/* A GGUF file of any bytes: it opens as a model or ends in an error's sentence, and
 * every byte that an open model promises is there to read. */

#include <sys/mman.h>
#include <unistd.h>

#include "engine/model.h"
#include "engine/tokenizer.h"
#include "tests/engine/tiny_model.h"
#include "tests/fuzz/fuzz.h"

static uint64_t read_matrix(const weights *w)
{
	return w->data ? hash_64(w->data, (size_t)dtype_row_bytes(w->type, w->in) * (size_t)w->out) : 0;
}

static uint64_t read_all(const model *m)
{
	uint64_t sum = read_matrix(&m->embedding) ^ read_matrix(&m->output);

	for (int l = 0; m->layer && l < m->p.layers; l++)
		sum ^= read_matrix(&m->layer[l].q) ^ read_matrix(&m->layer[l].k) ^ read_matrix(&m->layer[l].down);
	for (int i = 0; i < m->vocab.n; i++)
		sum ^= hash_64(m->vocab.text[i].text, m->vocab.text[i].len);
	for (int i = 0; i < m->vocab.n_merges; i++)
		sum ^= hash_64(m->vocab.merge[i].text, m->vocab.merge[i].len);
	return sum ^ strlen(m->chat_template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char path[64];
	int fd = memfd_create("gguf", 0);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int i = 0; i < 2; i++) {
		error err = { 0 };
		model *m;
		int status = i ? model_open_vocabulary(&m, path, &err) : model_open(&m, path, NULL, &err);
		CHECK(status ? !m && err.code == status && err.msg[0] : m != NULL);
		if (status)
			continue;
		volatile uint64_t sum = read_all(m);
		(void)sum;
		tokenizer *t;
		status = tokenizer_open(&t, &m->vocab, &err);
		CHECK(status ? !t && err.msg[0] : t != NULL);
		tokenizer_close(t);
		model_close(m);
	}
	close(fd);
	return 0;
}

static __attribute__((unused)) bool fuzz_seed(str *out, int i)
{
	static const char *const arch[] = { "llama", "qwen2", "qwen3" };

	if (i == 3)
		return false;
	tiny_gguf(out, arch[i], NULL);
	return !out->oom;
}

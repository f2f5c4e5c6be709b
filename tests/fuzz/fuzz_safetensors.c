/* A safetensors file of any bytes: a sentence, or tensors that lie inside it. */

#include "engine/safetensors.h"
#include "tests/engine/tiny_model.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* exactly as long, so that a sanitizer sees the end */
	safetensors st = { 0 };
	error err = { 0 };

	if (!copy)
		abort();
	memcpy(copy, data, n);
	int status = safetensors_parse(&st, copy, n, "fuzzed", &err);
	CHECK(status == 0 || (err.code == status && strstr(err.msg, "fuzzed")));
	for (size_t i = 0; i < st.tensors; i++) {
		CHECK(st.tensor[i].data >= copy && st.tensor[i].data + st.tensor[i].bytes <= copy + n);
		CHECK(safetensors_find(&st, st.tensor[i].name) == &st.tensor[i]);
	}
	safetensors_close(&st);
	free(copy);
	return 0;
}

static __attribute__((unused)) bool fuzz_seed(str *out, int i)
{
	if (i)
		return false;
	tiny_safetensors(out);
	return !out->oom;
}

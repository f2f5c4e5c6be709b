#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/pretoken.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { MOST_RULES = 4 };

/* White space as Unicode's White_Space has it; PCRE2's own \s differs at the edges. */
#define SP "\\p{Z}\\t-\\r\\x{85}"
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SP "\\p{L}\\p{N}]+|[" SP "]+(?![^" SP "])|[" SP "]+"
#define MODERN(digits) \
	"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits \
	"| ?[^" SP "\\p{L}\\p{N}]+[\\r\\n]*|[" SP "]*[\\r\\n]+|[" SP "]+(?![^" SP "])|[" SP "]+"

static const struct {
	const char *name;
	int whole_words;
	const char *rule[MOST_RULES];
} families[] = {
	{ "gpt2", 0, { GPT2 } },
	{ "gpt-2", 0, { GPT2 } },
	{ "smollm", 0, { "\\p{N}", GPT2 } },
	{ "llama-bpe", 1, { MODERN("\\p{N}{1,3}") } },
	{ "llama3", 1, { MODERN("\\p{N}{1,3}") } },
	{ "llama-v3", 1, { MODERN("\\p{N}{1,3}") } },
	{ "qwen2", 0, { MODERN("\\p{N}") } },
	{ "deepseek-r1-qwen", 0, { MODERN("\\p{N}") } },
};

struct pretoken {
	int whole_words;
	int rules;
	pcre2_code *rule[MOST_RULES];
};

static int compile(pretoken *p, const char *pattern, error *err)
{
	int number;
	size_t at;
	pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &number, &at, NULL);

	if (!c)
		return error_set(err, ERR_UNSUPPORTED, "the word rules cannot be compiled by this PCRE2 (error %d at %zu)", number, at);
	pcre2_jit_compile(c, PCRE2_JIT_COMPLETE); /* without a JIT it is only slower */
	p->rule[p->rules++] = c;
	return 0;
}

int pretoken_open(pretoken **out, const char *name, error *err)
{
	pretoken *p = mem_zeroed(1, sizeof(*p));
	int status = 0;

	*out = NULL;
	if (!p)
		return error_nomem(err, "the tokenizer");
	for (size_t f = 0; f < sizeof(families) / sizeof(*families); f++) {
		if (strcmp(families[f].name, name))
			continue;
		p->whole_words = families[f].whole_words;
		for (int i = 0; i < MOST_RULES && families[f].rule[i] && !status; i++)
			status = compile(p, families[f].rule[i], err);
		if (!status) {
			*out = p;
			return 0;
		}
		break;
	}
	pretoken_close(p);
	return status ? status : error_set(err, ERR_UNSUPPORTED, "the pre-tokeniser '%.40s' is not supported; folio knows gpt2, smollm, "
	                                   "llama-bpe, qwen2 and deepseek-r1-qwen", name);
}

void pretoken_close(pretoken *p)
{
	if (!p)
		return;
	for (int i = 0; i < p->rules; i++)
		pcre2_code_free(p->rule[i]);
	free(p);
}

int pretoken_whole_words(const pretoken *p)
{
	return p->whole_words;
}

typedef struct {
	const pretoken *p;
	const char *text;
	pcre2_match_data *match[MOST_RULES];
	pcre2_match_context *limits;
	pretoken_fn word;
	void *ud;
} splitter;

/* Rule and the ones after it on [from, to). Each rule sees only its part: what lies
 * beyond is another word's and must not steer a look-ahead. */
static int split(splitter *s, int rule, size_t from, size_t to, error *err)
{
	if (from == to)
		return 0;
	if (rule == s->p->rules)
		return s->word(s->ud, from, to, err);

	size_t *span = pcre2_get_ovector_pointer(s->match[rule]);
	int status = 0;
	for (size_t at = from; at < to && !status;) {
		int n = pcre2_match(s->p->rule[rule], (PCRE2_SPTR)s->text + from, to - from, at - from, PCRE2_NO_UTF_CHECK,
		                    s->match[rule], s->limits);
		if (n == PCRE2_ERROR_NOMATCH)
			return split(s, rule + 1, at, to, err);
		if (n < 0)
			return error_set(err, ERR_FORMAT, "the text cannot be cut into words (PCRE2 error %d)", n);
		size_t a = from + span[0], b = from + span[1];
		if (!(status = split(s, rule + 1, at, a, err)))
			status = split(s, rule + 1, a, b, err);
		at = b;
	}
	return status;
}

int pretoken_split(const pretoken *p, const char *text, size_t n, pretoken_fn word, void *ud, error *err)
{
	splitter s = { .p = p, .text = text, .word = word, .ud = ud, .limits = pcre2_match_context_create(NULL) };
	int status = s.limits ? 0 : error_nomem(err, "the tokenizer");

	for (int i = 0; i < p->rules && !status; i++)
		if (!(s.match[i] = pcre2_match_data_create(1, NULL)))
			status = error_nomem(err, "the tokenizer");
	if (!status) {
		pcre2_set_match_limit(s.limits, UINT32_MAX);
		status = split(&s, 0, 0, n, err);
	}
	for (int i = 0; i < p->rules; i++)
		pcre2_match_data_free(s.match[i]);
	pcre2_match_context_free(s.limits);
	return status;
}

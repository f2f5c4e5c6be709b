/* folio-eval FILE.jsonl... - how well a model answers from squeezed contexts.
 *
 * Each line of a file is a document: {"title", "text", "questions": [{"q",
 * "answers": [...], "answer_byte"}]}. The document is read as folio reads it, its
 * context squeezed in memory; every question is asked at every budget: the gold
 * answer is scored token by token against budget 1.0, and an answer is generated. */

#include "tests/eval/eval.h"

#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/focus.h"
#include "app/probe.h"
#include "app/read.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/eval/score.h"

/* ---- one document ---- */

static int open_document(document **out, const json_t *d, error *err)
{
	const char *text = json_string_value(json_object_get(d, "text"));
	char path[] = "/tmp/folio-eval-XXXXXX.txt";
	int fd = mkstemps(path, 4);
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return error_set(err, ERR_FORMAT, "a document without a text");
	if (fd < 0 || write(fd, text, n) != (ssize_t)n) {
		if (fd >= 0)
			close(fd);
		return error_errno(err, ERR_IO, "%s: cannot be written", path);
	}
	close(fd);
	int status = document_load(out, path, json_string_value(json_object_get(d, "title")), NULL, err);
	unlink(path);
	return status;
}

static void article_close(article *a)
{
	context_free(a->ctx);
	session_close(a->plain);
	tokens_free(&a->tok);
	document_free(a->doc);
}

static int article_open(article *a, error *err)
{
	int room = a->e->model->p.context, status;

	if ((status = session_open(&a->plain, a->e, NULL, room, err)) ||
	    (status = session_eval(a->plain, a->tok.id, (int)a->tok.len, NULL, NULL, NULL, err)))
		return status;
	return probe_squeeze(&a->ctx, a->plain, a->e, a->doc->text, 0, a->doc->len, 1, NULL, err);
}

/* ---- one question ---- */

static void log_softmax(float *x, int n)
{
	float most = -INFINITY;
	double sum = 0;

	for (int i = 0; i < n; i++)
		most = fmaxf(most, x[i]);
	for (int i = 0; i < n; i++)
		sum += exp((double)x[i] - most);
	float l = most + (float)log(sum);
	for (int i = 0; i < n; i++)
		x[i] -= l;
}

/* Log-probabilities [n, vocab] that precede each of the gold tokens, one step at a
 * time as an answer is written, and the stats of what was read. */
static int score_gold(float *lp, session *s, const engine *e, const tokens *prompt, const int *gold, int n, error *err)
{
	size_t vocab = (size_t)e->model->p.vocab;
	int status = session_eval(s, prompt->id, (int)prompt->len, lp, NULL, NULL, err);

	for (int i = 0; i + 1 < n && !status; i++)
		status = session_eval(s, &gold[i], 1, lp + (size_t)(i + 1) * vocab, NULL, NULL, err);
	for (int i = 0; i < n && !status; i++)
		log_softmax(lp + (size_t)i * vocab, (int)vocab);
	return status;
}

static double kl(const float *p, const float *q, int n)
{
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += exp(p[i]) * ((double)p[i] - q[i]);
	return sum;
}

static int argmax(const float *x, int n)
{
	int at = 0;

	for (int i = 1; i < n; i++)
		at = x[i] > x[at] ? i : at;
	return at;
}

static void put_answer(FILE *to, double budget, const json_t *q, const generated *g)
{
	const json_t *gold = json_object_get(q, "answers");
	json_t *line = json_pack("{s:f, s:O, s:o, s:f, s:f, s:f, s:f, s:b}", "budget", budget, "q", json_object_get(q, "q"), "said",
	                         json_stringn_nocheck(str_text(&g->text), g->text.len), "refusal", g->refusal, "logprob", g->logprob, "f1",
	                         score_f1(str_text(&g->text), gold), "em", (double)score_exact(str_text(&g->text), gold),
	                         "answerable", json_array_size(gold) > 0);
	json_dumpf(line, to, JSON_COMPACT);
	fputc('\n', to);
	fflush(to);
	json_decref(line);
}

static int generate_and_score(row *r, session *s, const article *a, const tokens *prompt, const json_t *q, error *err)
{
	const json_t *byte = json_object_get(q, "answer_byte");
	generate_options go = { a->f->cfg.style, MOST_ANSWER, a->f->cfg.sampler, a->o->refuse_at };
	ranked_passage *p = NULL;
	generated g = { 0 };
	int n = 0, status = session_watch(s, a->head, a->heads, false, err);

	session_rewind(s, 0);
	if (!status)
		status = a->focus ? eval_focused(&g, &p, &n, s, a, prompt, json_string_value(json_object_get(q, "q")), err)
		                  : generate(&g, s, a->e, prompt, &go, NULL, NULL, NULL, err);
	if (status) {
		free(p);
		generated_free(&g);
		return status;
	}
	bool refused = strncmp(str_text(&g.text), REFUSAL, strlen(REFUSAL) - 1) == 0;
	if (a->o->answers)
		put_answer(a->o->answers, r->budget, q, &g);
	if (json_array_size(json_object_get(q, "answers")) == 0) {
		r->unanswerable++;
		r->unanswerable_refused += refused;
		free(p);
		generated_free(&g);
		return 0;
	}
	r->refused += refused;
	double f1 = score_f1(str_text(&g.text), json_object_get(q, "answers"));
	r->em += score_exact(str_text(&g.text), json_object_get(q, "answers"));
	r->f1 += f1;
	r->f1_squares += f1 * f1;
	if (a->o->ranks && a->focus)
		fprintf(a->o->ranks, "\"byte\": %lld, \"f1\": %.3f}\n", byte ? (long long)json_integer_value(byte) : -1, f1);
	generated_free(&g);
	if (byte && json_integer_value(byte) >= 0) {
		size_t at = (size_t)json_integer_value(byte);
		int rank = a->focus ? eval_place_of(p, n, at) : eval_gold_rank(a, session_watched(s), at, err);
		r->sourced++;
		r->top1 += rank == 1;
		r->top3 += rank >= 1 && rank <= 3;
	}
	free(p);
	return 0;
}

static int ask_at_budget(row *r, const article *a, const tokens *prompt, const json_t *q, const int *gold, int n,
                         float *lp, const float *exact, error *err)
{
	size_t vocab = (size_t)a->e->model->p.vocab;
	session *s = NULL;
	int status;

	if ((status = session_open(&s, a->e, a->ctx, a->e->model->p.context - a->ctx->tokens, err)) ||
	    (status = session_set_budget(s, r->budget, a->o->calib, err)) ||
	    (!a->focus && a->leads && !a->o->unled && (status = focus_lead(s, a->doc, 0, a->doc->len, a->tok.at, a->head, a->heads, prompt, NULL, err))) ||
	    (status = score_gold(lp, s, a->e, prompt, gold, n, err)))
		goto out;
	double nll = 0;
	if (json_array_size(json_object_get(q, "answers")) == 0)
		goto generate;
	r->read += session_get_stats(s).budget_read;
	r->n++;
	for (int i = 0; i < n; i++) {
		const float *p = lp + (size_t)i * vocab;
		nll -= p[gold[i]];
		r->tokens++;
		if (exact) {
			const float *x = exact + (size_t)i * vocab;
			r->kl += kl(x, p, (int)vocab);
			r->agree += argmax(x, (int)vocab) == argmax(p, (int)vocab);
		}
	}
	r->nll += nll / n;
generate:
	if (!a->o->quick && r >= a->o->row && r < a->o->row + MOST_BUDGETS) /* not for the reference */
		status = generate_and_score(r, s, a, prompt, q, err);
out:
	session_close(s);
	return status;
}

/* The same gold answer on the plain dense session: budget 1.0 must equal it. */
static int compare_dense(row *r, const article *a, const tokens *prompt, const int *gold, int n, float *lp,
                         const float *exact, error *err)
{
	size_t vocab = (size_t)a->e->model->p.vocab;
	int status;

	session_rewind(a->plain, (int)a->tok.len);
	status = score_gold(lp, a->plain, a->e, prompt, gold, n, err);
	for (int i = 0; i < n && !status; i++)
		r->dense_kl += kl(lp + (size_t)i * vocab, exact + (size_t)i * vocab, (int)vocab);
	return status;
}

static int gold_tokens(int *gold, int *n, const article *a, const json_t *q, error *err)
{
	const char *text = json_string_value(json_array_get(json_object_get(q, "answers"), 0));
	text_piece piece = { text ? text : "", text ? strlen(text) : 0, false };
	tokens t = TOKENS_INIT;
	int status = tokenizer_encode(&t, a->e->tok, &piece, 1, false, err);

	*n = 0;
	for (size_t i = 0; i < t.len && *n < MOST_ANSWER - 1; i++)
		gold[(*n)++] = t.id[i];
	if (tokenizer_eos(a->e->tok) >= 0)
		gold[(*n)++] = tokenizer_eos(a->e->tok);
	tokens_free(&t);
	return status;
}

static int ask(options *o, article *a, const json_t *q, error *err)
{
	size_t vocab = (size_t)a->e->model->p.vocab;
	tokens prompt = TOKENS_INIT;
	int gold[MOST_ANSWER], n, status;
	float *exact = mem_array(MOST_ANSWER * vocab, sizeof(float)), *lp = mem_array(MOST_ANSWER * vocab, sizeof(float));
	row reference = { .budget = 1.0 };

	if (!exact || !lp) {
		status = error_nomem(err, "the logits");
		goto out;
	}
	if ((status = generate_prompt(&prompt, a->e, json_string_value(json_object_get(q, "q")), a->f->cfg.style, true, err)) ||
	    (status = gold_tokens(gold, &n, a, q, err)))
		goto out;
	bool first_is_exact = o->row[0].budget == 1.0;
	status = ask_at_budget(first_is_exact ? &o->row[0] : &reference, a, &prompt, q, gold, n, exact, NULL, err);
	if (!status && first_is_exact)
		o->row[0].agree += n;
	if (!status && o->dense)
		status = compare_dense(&o->row[0], a, &prompt, gold, n, lp, exact, err);
	for (int b = first_is_exact; b < o->budgets && !status; b++)
		status = ask_at_budget(&o->row[b], a, &prompt, q, gold, n, lp, exact, err);
out:
	tokens_free(&prompt);
	free(exact);
	free(lp);
	return status;
}

/* ---- all of them ---- */

static bool eligible(const json_t *q, bool impossible)
{
	return impossible || json_array_size(json_object_get(q, "answers")) > 0;
}

/* Question i of n out of all those that have an answer (or all), spread over the document. */
static const json_t *pick(const json_t *questions, int i, int n, bool impossible)
{
	int have = 0, want = -1;

	for (size_t k = 0; k < json_array_size(questions); k++)
		have += eligible(json_array_get(questions, k), impossible);
	if (i >= have)
		return NULL;
	want = have <= n ? i : (int)((2 * (int64_t)i + 1) * have / (2 * n));
	for (size_t k = 0; k < json_array_size(questions); k++)
		if (eligible(json_array_get(questions, k), impossible) && want-- == 0)
			return json_array_get(questions, k);
	return NULL;
}

/* One line of a file. *took: it was long and short enough. */
static int run_line(bool *took, options *o, folio *f, head_scores *hs, const char *line, error *err)
{
	json_t *d = json_loads(line, 0, NULL);
	article a = { .f = f, .e = f->eng, .o = o };
	int status;

	*took = false;
	if (!d)
		return error_set(err, ERR_FORMAT, "a line is not JSON");
	if ((status = open_document(&a.doc, d, err)) ||
	    (status = read_encode(&a.tok, a.e, a.doc->title, a.doc->text, 0, a.doc->len, err)))
		goto out;
	if ((int)a.tok.len < o->min_tokens || (int)a.tok.len > o->max_tokens || json_array_size(json_object_get(d, "questions")) == 0)
		goto out;
	if ((status = sources_heads(&a.head, &a.heads, &a.leads, a.e, f->model.profile_json, err)))
		goto out;
	a.focus = focus_passages(&f->cfg, a.e, f->model.profile_json);
	double start = clock_s();
	if ((status = article_open(&a, err)))
		goto out;
	fprintf(stderr, "%s: %zu tokens read in %.1f s\n", a.doc->title, a.tok.len, clock_s() - start);
	*took = true;
	for (int i = 0; i < o->questions && !status; i++) {
		const json_t *q = pick(json_object_get(d, "questions"), i, o->questions, o->impossible);
		if (q)
			status = hs ? eval_find_heads(hs, &a, q, err) : ask(o, &a, q, err);
	}
out:
	free(a.head);
	article_close(&a);
	json_decref(d);
	return status;
}

static int run_files(options *o, folio *f, head_scores *hs, char **path, int files, error *err)
{
	FILE **in = mem_zeroed((size_t)files, sizeof(*in));
	char *line = NULL;
	size_t cap = 0;
	int status = in ? 0 : error_nomem(err, "the files"), docs = 0, open = 0;

	for (int i = 0; i < files && !status; i++, open++)
		if (!(in[i] = fopen(path[i], "r")))
			status = error_errno(err, ERR_IO, "%s: cannot be opened", path[i]);
	/* A document of each file in turn, so that a few of many files are a fair mix. */
	for (int left = files, i = 0; left > 0 && docs < o->docs && !status; i = (i + 1) % files) {
		bool took = false;
		while (in[i] && !took && !status) {
			if (getline(&line, &cap, in[i]) < 0) {
				fclose(in[i]);
				in[i] = NULL;
				left--;
			} else
				status = run_line(&took, o, f, hs, line, err);
		}
		docs += took;
	}
	for (int i = 0; i < open; i++)
		if (in[i])
			fclose(in[i]);
	free(in);
	free(line);
	if (!status && !docs)
		status = error_set(err, ERR_NOTFOUND, "no document has between %d and %d tokens and a question", o->min_tokens, o->max_tokens);
	return status;
}

static void print_row(const options *o, const row *r)
{
	double n = r->n, t = r->tokens, spread = n > 1 ? 1.96 * sqrt(fmax(0, r->f1_squares / n - r->f1 * r->f1 / n / n) / (n - 1)) : 0;
	const char *form = o->json ? "{\"budget\": %.4f, \"budget_read\": %.4f, \"n\": %d, \"em\": %.4f, \"f1\": %.4f, \"f1_95\": %.4f, "
	                             "\"nll\": %.4f, \"kl\": %.5f, \"agree\": %.4f, \"source_top1\": %.4f, \"source_top3\": %.4f, "
	                             "\"calibration\": \"%s\", \"dense_kl\": %.6f, \"refused\": %d, \"unanswerable\": %d, \"unanswerable_refused\": %d}\n"
	                           : "budget %.4f read %.4f n %d em %.3f f1 %.3f +- %.3f nll %.3f kl %.4f agree %.3f top1 %.2f top3 %.2f %s dense_kl %.6f refused %d, of %d unanswerable %d\n";

	printf(form, r->budget, r->read / n, r->n, r->em / n, r->f1 / n, spread, r->nll / n, r->kl / t, r->agree / t,
	       r->sourced ? r->top1 / r->sourced : 0, r->sourced ? r->top3 / r->sourced : 0,
	       o->calib == CALIBRATION_ERROR ? "error" : "threshold", r->dense_kl / t, r->refused,
	       r->unanswerable, r->unanswerable_refused);
}

static int parse_budgets(options *o, const char *text)
{
	o->budgets = 0;
	for (char *end; *text && o->budgets < MOST_BUDGETS; text = *end == ',' ? end + 1 : end) {
		double b = strtod(text, &end);
		if (*end == '/')
			b /= strtod(end + 1, &end);
		if (end == text || !(b > 0 && b <= 1))
			return -1;
		o->row[o->budgets++] = (row){ .budget = b };
	}
	return o->budgets ? 0 : -1;
}

static int usage(void)
{
	fprintf(stderr, "usage: folio-eval FILE.jsonl... [--model M] [--budgets 1,0.325,0.125,0.0625] [--docs N] [--questions N]\n"
	                "  [--min-tokens A] [--max-tokens B] [--calibration error|threshold] [--style phrase|sentence|free]\n"
	                "  [--threads N] [--json] [--dense: compare budget 1.0 with plain dense attention]\n"
	                "  [--quick: no generated answers] [--find-heads N: print the heads that point at answers]\n"
	                "  [--adapter FILE|none] [--focus auto|off|N] [--ranks FILE: a JSON line for each question, how passages ranked]\n"
	                "  [--impossible: ask questions without an answer too, and count refusals] [--words-only: focus by words alone]\n"
	                "  [--unled: with focus off and a budget below 1 the retrieval heads do not lead the others]\n"
	                "  [--refuse-at P: the refusal's probability from which on it is given; above 1: never]\n"
	                "  [--answers FILE: a JSON line for each answer, with the refusal's probability]\n");
	return 2;
}

static int open_output(FILE **out, const char *path, error *err)
{
	*out = fopen(path, "w");
	return *out ? 0 : error_errno(err, ERR_IO, "%s: cannot be written", path);
}

static int parse(options *o, folio *f, int argc, char **argv, error *err)
{
	static const struct option names[] = {
		{ "model", 1, 0, 'm' }, { "budgets", 1, 0, 'b' }, { "docs", 1, 0, 'd' }, { "questions", 1, 0, 'q' },
		{ "min-tokens", 1, 0, 'a' }, { "max-tokens", 1, 0, 'z' }, { "calibration", 1, 0, 'c' }, { "style", 1, 0, 's' },
		{ "threads", 1, 0, 't' }, { "json", 0, 0, 'j' }, { "dense", 0, 0, 'e' }, { "quick", 0, 0, 'k' }, { "unled", 0, 0, 'u' },
		{ "find-heads", 1, 0, 'h' }, { "adapter", 1, 0, 'A' }, { "focus", 1, 0, 'f' }, { "ranks", 1, 0, 'r' },
		{ "refuse-at", 1, 0, 'R' }, { "answers", 1, 0, 'o' }, { "impossible", 0, 0, 'i' }, { "words-only", 0, 0, 'w' }, { 0 },
	};
	int status = 0;

	for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1 && !status;)
		switch (c) {
		case 'm': status = config_set(&f->cfg, "model", optarg, err); break;
		case 't': status = config_set(&f->cfg, "threads", optarg, err); break;
		case 'i': o->impossible = true; break;
		case 'w': o->words_only = true; break;
		case 'A': status = config_set(&f->cfg, "adapter", optarg, err); break;
		case 'f': status = config_set(&f->cfg, "focus", optarg, err); break;
		case 'R': o->refuse_at = strtod(optarg, NULL); break;
		case 'o': status = open_output(&o->answers, optarg, err); break;
		case 'r': status = open_output(&o->ranks, optarg, err); break;
		case 's': status = config_set(&f->cfg, "style", optarg, err); break;
		case 'b': status = parse_budgets(o, optarg) ? error_set(err, ERR_ARG, "'%s' is no list of budgets", optarg) : 0; break;
		case 'd': o->docs = atoi(optarg); break;
		case 'q': o->questions = atoi(optarg); break;
		case 'a': o->min_tokens = atoi(optarg); break;
		case 'z': o->max_tokens = atoi(optarg); break;
		case 'c': o->calib = strcmp(optarg, "threshold") ? CALIBRATION_ERROR : CALIBRATION_THRESHOLD; break;
		case 'j': o->json = true; break;
		case 'e': o->dense = true; break;
		case 'k': o->quick = true; break;
		case 'u': o->unled = true; break;
		case 'h': o->find_heads = atoi(optarg); break;
		default: status = error_set(err, ERR_ARG, "see the usage above"); usage();
		}
	return status;
}

int main(int argc, char **argv)
{
	options o = { .docs = 8, .questions = 5, .min_tokens = 0, .max_tokens = 1 << 30 };
	head_scores hs = { 0 };
	folio *f = NULL;
	error err;
	int status;

	parse_budgets(&o, "1,0.325,0.125,0.0625");
	if (argc < 2)
		return usage();
	if ((status = folio_open(&f, &err)) || (status = parse(&o, f, argc, argv, &err)) || (status = folio_engine(f, &err)))
		goto out;
	if (o.max_tokens > f->eng->model->p.context - read_reserve(f->eng->model->p.context))
		o.max_tokens = f->eng->model->p.context - read_reserve(f->eng->model->p.context);
	if (o.find_heads) {
		size_t all = (size_t)(f->eng->model->p.layers * f->eng->model->p.heads);
		hs.reciprocal = mem_zeroed(all, sizeof(double));
		hs.top1 = mem_zeroed(all, sizeof(double));
		if (!hs.reciprocal || !hs.top1)
			status = error_nomem(&err, "the heads");
	}
	if (!status)
		status = run_files(&o, f, o.find_heads ? &hs : NULL, argv + optind, argc - optind, &err);
	if (!status && o.find_heads)
		eval_print_heads(&hs, f->eng, o.find_heads);
	for (int b = 0; b < o.budgets && !status && !o.find_heads; b++)
		print_row(&o, &o.row[b]);
out:
	if (status)
		fprintf(stderr, "folio-eval: %s\n", err.msg);
	if (o.answers)
		fclose(o.answers);
	if (o.ranks)
		fclose(o.ranks);
	free(hs.reciprocal);
	free(hs.top1);
	folio_close(f);
	return status ? 1 : 0;
}

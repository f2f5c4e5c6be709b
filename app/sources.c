#include "app/sources.h"

#include <stdlib.h>
#include <string.h>

#include "app/profile.h"
#include "app/read.h"
#include "base/mem.h"

/* list: [[layer, head], ...], given up. Returns how many of them the model has. */
static int take_heads(head_ref **heads, int *n, json_t *list, const engine *e)
{
	size_t count = json_array_size(list);

	*n = 0;
	*heads = count ? mem_array(count, sizeof(**heads)) : NULL;
	for (size_t i = 0; *heads && i < count; i++) {
		const json_t *pair = json_array_get(list, i);
		json_int_t layer = json_integer_value(json_array_get(pair, 0)), head = json_integer_value(json_array_get(pair, 1));
		if (layer >= 0 && layer < e->model->p.layers && head >= 0 && head < e->model->p.heads)
			(*heads)[(*n)++] = (head_ref){ (int)layer, (int)head };
	}
	if (!*n) {
		free(*heads);
		*heads = NULL;
	}
	json_decref(list);
	return *n;
}

int sources_heads(head_ref **heads, int *n, bool *measured, const engine *e, const char *profile_json, error *err)
{
	const model_params *p = &e->model->p;

	*measured = true;
	if (take_heads(heads, n, profile_own(profile_json, "retrieval_heads"), e) ||
	    take_heads(heads, n, profile_shipped(e->model->fingerprint, "retrieval_heads"), e))
		return 0;

	*measured = false;
	int lo = p->layers / 2, hi = (p->layers * 5 + 5) / 6;
	*heads = mem_array((size_t)(hi - lo) * (size_t)p->heads, sizeof(**heads));
	if (!*heads)
		return error_nomem(err, "the sources");
	for (int l = lo; l < hi; l++)
		for (int h = 0; h < p->heads; h++)
			(*heads)[(*n)++] = (head_ref){ l, h };
	return 0;
}

int sources_by_mass(const void *a, const void *b)
{
	const ranked_passage *x = a, *y = b;

	if (x->mass != y->mass)
		return x->mass < y->mass ? 1 : -1;
	return x->at.from < y->at.from ? -1 : 1;
}

int sources_rank(ranked_passage **out, int *n, const document *d, size_t from, size_t to, int section,
                 const float *mass, const uint32_t *place, int count, error *err)
{
	document_passage *at;
	double total = 0;
	int status = document_passages(&at, n, d, from, to, err);

	*out = NULL;
	if (status)
		return status;
	ranked_passage *r = mem_array((size_t)*n, sizeof(*r));
	if (!r) {
		free(at);
		return error_nomem(err, "the sources");
	}
	for (int i = 0; i < *n; i++)
		r[i] = (ranked_passage){ at[i], 0, section };
	free(at);

	/* Tokens and passages both ascend: one walk. */
	int k = 0;
	for (int i = 0; i < count; i++) {
		if (place[i] == READ_NOT_TEXT)
			continue;
		total += mass[i];
		while (k < *n && r[k].at.to <= place[i])
			k++;
		if (k < *n && r[k].at.from <= place[i])
			r[k].mass += mass[i];
	}
	for (int i = 0; i < *n && total > 0; i++)
		r[i].mass /= total;
	qsort(r, (size_t)*n, sizeof(*r), sources_by_mass);
	*out = r;
	return 0;
}

int sources_put(answer *a, const document *d, const ranked_passage *r, int n, error *err)
{
	source *src = realloc(a->src, (size_t)(a->sources + n + 1) * sizeof(*src));

	if (!src)
		return error_nomem(err, "the sources");
	a->src = src;
	for (int i = 0; i < n; i++) {
		document_place place;
		size_t len = r[i].at.to - r[i].at.from;
		document_locate(&place, d, r[i].at.from, r[i].at.to);
		source *s = &src[a->sources];
		*s = (source){ strdup(place.file->path), place.page, place.line_from, place.line_to,
		               strndup(d->text + r[i].at.from, len), r[i].mass, r[i].section, r[i].at.from, r[i].at.to };
		a->sources++;
		if (!s->path || !s->text)
			return error_nomem(err, "the sources");
	}
	return 0;
}

int answer_sources_json(str *out, const answer *a, error *err)
{
	json_t *list = json_array();
	int status = 0;

	for (int i = 0; i < a->sources; i++) {
		const source *s = &a->src[i];
		json_t *o = json_pack("{s:s, s:o, s:i, s:i, s:s, s:f, s:i, s:I, s:I}", "path", s->path, "page",
		                      s->page ? json_integer(s->page) : json_null(), "line_from", s->line_from, "line_to",
		                      s->line_to, "text", s->text, "score", s->score, "section", s->section + 1, "from", (json_int_t)s->from, "to",
		                      (json_int_t)s->to);
		if (!o || json_array_append_new(list, o))
			status = error_nomem(err, "the sources");
	}
	char *text = status ? NULL : json_dumps(list, JSON_COMPACT);
	if (!status && !text)
		status = error_nomem(err, "the sources");
	if (text)
		str_puts(out, text);
	free(text);
	json_decref(list);
	return status ? status : str_ok(out, err);
}

void answer_free(answer *a)
{
	for (int i = 0; i < a->sources; i++) {
		free(a->src[i].path);
		free(a->src[i].text);
	}
	free(a->src);
	free(a->text);
	*a = (answer){ 0 };
}

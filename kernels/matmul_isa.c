#include "kernels/dots.h"

/* Weights are unpacked in runs of this many: 8 KiB, which stay in the first cache. */
enum { RUN = 2048 };

static inline float dot(const float *restrict a, const float *restrict b, int n)
{
	vf s0 = vf_set(0), s1 = s0, s2 = s0, s3 = s0;
	int i = 0;

	for (; i + 4 * VLEN <= n; i += 4 * VLEN) {
		s0 += vf_load(a + i) * vf_load(b + i);
		s1 += vf_load(a + i + VLEN) * vf_load(b + i + VLEN);
		s2 += vf_load(a + i + 2 * VLEN) * vf_load(b + i + 2 * VLEN);
		s3 += vf_load(a + i + 3 * VLEN) * vf_load(b + i + 3 * VLEN);
	}
	for (; i + VLEN <= n; i += VLEN)
		s0 += vf_load(a + i) * vf_load(b + i);
	float sum = vf_sum((s0 + s1) + (s2 + s3));
	for (; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* f16 needs no buffer between. */
static inline float dot_f16(const float *restrict a, const f16 *restrict b, int n)
{
	vf s0 = vf_set(0), s1 = s0;
	float rest = 0;
	int i = 0;

	for (; i + 2 * VLEN <= n; i += 2 * VLEN) {
		s0 += vf_load(a + i) * vf_load_f16(b + i);
		s1 += vf_load(a + i + VLEN) * vf_load_f16(b + i + VLEN);
	}
	for (; i + VLEN <= n; i += VLEN)
		s0 += vf_load(a + i) * vf_load_f16(b + i);
	for (; i < n; i++)
		rest += a[i] * f16_to_f32(b[i]);
	return vf_sum(s0 + s1) + rest;
}

/* sum[r] += row j of w times row r of x */
static inline void dots(float *sum, const weights *w, int j, const float *x, size_t x_stride, int rows)
{
	const uint8_t *row = (const uint8_t *)w->data + (size_t)j * dtype_row_bytes(w->type, w->in);
	float run[RUN] __attribute__((aligned(64)));

	for (int r = 0; r < rows && w->type == DT_F16; r++)
		sum[r] += dot_f16(x + (size_t)r * x_stride, (const f16 *)row, w->in);
	for (int k = 0; k < w->in && w->type != DT_F16; k += RUN) {
		int n = w->in - k < RUN ? w->in - k : RUN;
		const float *v = run;
		if (w->type == DT_F32 && ((uintptr_t)row & 3) == 0)
			v = (const float *)row + k;
		else
			dq_row(run, row, w->type, k, n);
		for (int r = 0; r < rows; r++)
			sum[r] += dot(v, x + (size_t)r * x_stride + k, n);
	}
}

void ISA_NAME(matmul_dots)(const matmul_args *a, const matmul_ahead *ahead, int from, int to)
{
	const weights *w = a->w;
	const low_rank *low = a->low;
	float xs[MATMUL_FEW * DOTS_BLOCKS];
	size_t bytes = dtype_row_bytes(w->type, w->in), x_stride = (size_t)a->x_stride;
	int blocks = w->in / 32;
	bool fused = dots_fused(w->type) && blocks <= DOTS_BLOCKS, along = fused && dots_takes(low);
	dots_args args = { .w = { a->x, xs, x_stride, bytes, blocks }, .ahead = *ahead };

	if (along)
		args.low = (dots_pair){ low->t, NULL, (size_t)low->t_stride, dtype_row_bytes(DT_Q8_0, low->b->in), low->b->in / 32 };
	if (fused)
		dots_sums(xs, a->x, x_stride, blocks, a->rows);
	for (int j = from, cols; j < to; j += cols) {
		float sum[MATMUL_FEW] = { 0 };
		cols = fused && a->rows == 1 && to - j >= DOTS_COLS ? DOTS_COLS : 1;
		if (fused)
			dots_quantised(sum, (const uint8_t *)w->data + (size_t)j * bytes,
			               along ? (const uint8_t *)low->b->data + (size_t)j * args.low.bytes : NULL, &args, cols, a->rows, w->type);
		else
			dots(sum, w, j, a->x, x_stride, a->rows);
		for (int c = 0; low && !along && c < cols; c++)
			dots(sum + c, low->b, j + c, low->t, (size_t)low->t_stride, a->rows);
		for (int c = 0; c < cols; c++)
			for (int r = 0; r < a->rows; r++)
				a->y[(size_t)r * (size_t)a->y_stride + (size_t)(j + c)] = sum[c + r] + (a->bias ? a->bias[j + c] : 0.0f);
	}
}

/* ---- panels ---- */

/* A step of DEPTH inputs of a panel is DEPTH x 32 floats: 64 KiB, half of a typical
 * second cache, and read once for every ROWS rows of x. */
enum { DEPTH = 512, LOW = 64, NV = MATMUL_PANEL / VLEN };

#if VLEN == 16
enum { ROWS = 12, COLS = 2 }; /* registers: ROWS x COLS sums, COLS weights, 1 input */
#elif VLEN == 8
enum { ROWS = 6, COLS = 2 };
#else
enum { ROWS = 4, COLS = 2 };
#endif

/* panel[i][c] = weight (from + c, k + i), zero beyond the last row. */
static void pack(float *panel, const weights *w, int from, int to, int k, int n)
{
	size_t bytes = dtype_row_bytes(w->type, w->in);
	float part[256] __attribute__((aligned(64)));

	for (int c = 0; c < MATMUL_PANEL; c++) {
		if (from + c >= to) {
			for (int i = 0; i < n; i++)
				panel[i * MATMUL_PANEL + c] = 0.0f;
			continue;
		}
		const uint8_t *row = (const uint8_t *)w->data + (size_t)(from + c) * bytes;
		for (int i = 0; i < n; i += 256) {
			int m = n - i < 256 ? n - i : 256;
			dq_row(part, row, w->type, k + i, m);
			for (int q = 0; q < m; q++)
				panel[(i + q) * MATMUL_PANEL + c] = part[q];
		}
	}
}

/* sums[rows][COLS vectors] += x[rows][n] * panel columns */
static inline __attribute__((always_inline)) void tile(float *out, const float *x, int x_stride, const float *panel,
                                                       int n, const int rows, bool add)
{
	vf s[ROWS][COLS];

	for (int r = 0; r < rows; r++)
		for (int c = 0; c < COLS; c++)
			s[r][c] = add ? vf_load(out + r * MATMUL_PANEL + c * VLEN) : vf_set(0);
	for (int i = 0; i < n; i++) {
		vf w[COLS];
		for (int c = 0; c < COLS; c++)
			w[c] = vf_load(panel + i * MATMUL_PANEL + c * VLEN);
		for (int r = 0; r < rows; r++) {
			vf b = vf_set(x[(size_t)r * (size_t)x_stride + (size_t)i]);
			for (int c = 0; c < COLS; c++)
				s[r][c] += b * w[c];
		}
	}
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < COLS; c++)
			vf_store(out + r * MATMUL_PANEL + c * VLEN, s[r][c]);
}

/* The same for a number of rows that is not a compile-time constant. */
static void tile_some(float *out, const float *x, int x_stride, const float *panel, int n, int rows, bool add)
{
	int r = 0;

	for (; r + ROWS <= rows; r += ROWS)
		for (int c = 0; c < NV; c += COLS)
			tile(out + r * MATMUL_PANEL + c * VLEN, x + (size_t)r * (size_t)x_stride, x_stride, panel + c * VLEN, n, ROWS, add);
	for (; r + 2 <= rows; r += 2)
		for (int c = 0; c < NV; c += COLS)
			tile(out + r * MATMUL_PANEL + c * VLEN, x + (size_t)r * (size_t)x_stride, x_stride, panel + c * VLEN, n, 2, add);
	for (; r < rows; r++)
		for (int c = 0; c < NV; c += COLS)
			tile(out + r * MATMUL_PANEL + c * VLEN, x + (size_t)r * (size_t)x_stride, x_stride, panel + c * VLEN, n, 1, add);
}

/* out[rows] (+)= x[rows] times rows [from, to) of w, whose packed panel is at hand
 * if packed, a run of DEPTH inputs at a time. */
static void pass(float *out, const float *x, int x_stride, int rows, const weights *w, float *panel, bool packed,
                 int from, int to, bool add)
{
	for (int k = 0; k < w->in; k += DEPTH) {
		int n = w->in - k < DEPTH ? w->in - k : DEPTH;
		if (!packed)
			pack(panel, w, from, to, k, n);
		tile_some(out, x + k, x_stride, panel, n, rows, add || k > 0);
	}
}

void ISA_NAME(matmul_panel)(const matmul_args *a, int from, int to)
{
	enum { CHUNK = 20 * ROWS }; /* rows of x whose sums are kept while a panel passes */
	float panel[DEPTH * MATMUL_PANEL] __attribute__((aligned(64)));
	float low_panel[LOW * MATMUL_PANEL] __attribute__((aligned(64)));
	float out[CHUNK * MATMUL_PANEL] __attribute__((aligned(64)));
	const low_rank *low = a->low;
	int cols = to - from;
	/* Such panels need not be packed again for every chunk. */
	bool one = a->w->in <= DEPTH, one_low = low && low->b->in <= LOW;

	if (one)
		pack(panel, a->w, from, to, 0, a->w->in);
	if (one_low)
		pack(low_panel, low->b, from, to, 0, low->b->in);
	for (int r = 0; r < a->rows; r += CHUNK) {
		int rows = a->rows - r < CHUNK ? a->rows - r : CHUNK;
		pass(out, a->x + (size_t)r * (size_t)a->x_stride, a->x_stride, rows, a->w, panel, one, from, to, false);
		if (one_low)
			pass(out, low->t + (size_t)r * (size_t)low->t_stride, low->t_stride, rows, low->b, low_panel, true, from, to, true);
		else if (low) {
			pass(out, low->t + (size_t)r * (size_t)low->t_stride, low->t_stride, rows, low->b, panel, false, from, to, true);
			one = false; /* the panel is another one now */
		}
		for (int i = 0; i < rows; i++) {
			float *y = a->y + (size_t)(r + i) * (size_t)a->y_stride + (size_t)from;
			for (int c = 0; c < cols; c++)
				y[c] = out[i * MATMUL_PANEL + c] + (a->bias ? a->bias[from + c] : 0.0f);
		}
	}
}

/* ---- dtype.h ---- */

void ISA_NAME(dequantize)(float *out, const void *row, dtype t, int64_t n);
void ISA_NAME(dequantize)(float *out, const void *row, dtype t, int64_t n)
{
	dq_row(out, row, t, 0, n);
}

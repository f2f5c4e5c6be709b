#include "tests/kernels/kernel_test.h"

#include "kernels/buckets.h"
#include "kernels/elementwise.h"
#include "kernels/elementwise_impl.h"
#include "kernels/kmeans.h"
#include "kernels/rmsnorm.h"
#include "kernels/rope.h"
#include "kernels/shares.h"

static void halves_round_trip(void **unused)
{
	(void)unused;
	for (uint32_t u = 0; u < 65536; u++) {
		f16 h = { (uint16_t)u };
		float f = f16_to_f32(h);
		_Float16 native;
		memcpy(&native, &h, 2);
		if (isnan(f)) {
			assert_true(isnan((float)native));
			assert_true(isnan(f16_to_f32(f16_from_f32(f))));
			continue;
		}
		assert_true(f == (float)native);
		assert_int_equal(f16_from_f32(f).bits, u);
	}
	rng r = { 1 };
	for (int i = 0; i < 2000000; i++) {
		float f = f32_from_bits((uint32_t)rng_next(&r));
		if (isnan(f))
			continue;
		_Float16 native = (_Float16)f;
		uint16_t bits;
		memcpy(&bits, &native, 2);
		assert_int_equal(f16_from_f32(f).bits, bits);
	}
}

static void exponential(void **unused)
{
	(void)unused;
	enum { N = 200001 };
	float *x = mem_aligned(N, sizeof(float)), *y = mem_aligned(N, sizeof(float));

	EACH_ISA(i) {
		for (int j = 0; j < N; j++)
			x[j] = y[j] = -100.0f + 190.0f * (float)j / N;
		ISA_PICK(exp_run)(y, N);
		for (int j = 0; j < N; j++) {
			double want = exp(x[j]);
			if (x[j] < -87)
				assert_true(y[j] >= 0 && y[j] <= 2e-38);
			else if (x[j] < 88 && !(fabs(y[j] - want) <= 4e-7 * want))
				fail_msg("isa %d exp(%g) = %g, not %g", i, x[j], y[j], want);
		}
		float odd[16] = { NAN, INFINITY, -INFINITY, 0, -0.0f, 89, -200 };
		ISA_PICK(exp_run)(odd, 16);
		assert_true(isnan(odd[0]) && isinf(odd[1]) && odd[2] == 0 && odd[3] == 1 && odd[4] == 1 && isinf(odd[5]) && odd[6] == 0);
	}
	free(x);
	free(y);
}

static void norm_and_maps(void **unused)
{
	(void)unused;
	rng r = { 2 };
	static const int dims[] = { 1, 7, 64, 576, 577 };

	EACH_ISA(i)
		for (size_t d = 0; d < 5; d++) {
			int dim = dims[d], rows = 5;
			size_t n = (size_t)(rows * dim);
			float *x = any_floats(&r, n), *w = any_floats(&r, (size_t)dim), *a = any_floats(&r, n), *b = any_floats(&r, n);
			ref_rmsnorm(a, x, w, rows, dim, 1e-5f);
			cpu_rmsnorm(b, x, w, rows, dim, 1e-5f, NULL);
			assert_int_equal(compare_f32(b, a, n, 1e-6, 1e-5).bad, 0);
			memcpy(a, x, n * sizeof(float));
			memcpy(b, x, n * sizeof(float));
			float *up = any_floats(&r, n);
			ref_swiglu(a, up, n);
			cpu_swiglu(b, up, n, NULL);
			assert_int_equal(compare_f32(b, a, n, 1e-6, 1e-5).bad, 0);
			ref_add(a, up, n);
			cpu_add(b, up, n, NULL);
			assert_int_equal(compare_f32(b, a, n, 1e-6, 1e-5).bad, 0);
			f16 *h = mem_aligned(n, sizeof(f16)), *g = mem_aligned(n, sizeof(f16));
			ref_to_f16(h, x, n);
			cpu_to_f16(g, x, n);
			assert_memory_equal(h, g, n * sizeof(f16));
			cpu_from_f16(b, g, n);
			ref_from_f16(a, h, n);
			assert_memory_equal(a, b, n * sizeof(float));
			free(x), free(w), free(a), free(b), free(up), free(h), free(g);
		}
}

static void rotation(void **unused)
{
	(void)unused;
	rng r = { 3 };
	enum { ROWS = 9, HEADS = 3 };
	int position[ROWS] = { 0, 1, 5, 77, 1000, 4096, 8191, 131071, 2 };
	static const int dims[][2] = { { 64, 64 }, { 96, 48 }, { 128, 128 }, { 8, 4 } };

	for (int d = 0; d < 4; d++)
		for (int pairs = 0; pairs < 2; pairs++) {
			int hd = dims[d][0], rot = dims[d][1];
			float freq[64];
			for (int j = 0; j < rot / 2; j++)
				freq[j] = powf(100000.0f, -2.0f * (float)j / (float)rot);
			float *a = any_floats(&r, (size_t)(ROWS * HEADS * hd)), *b = mem_aligned((size_t)(ROWS * HEADS * hd), sizeof(float));
			memcpy(b, a, (size_t)(ROWS * HEADS * hd) * sizeof(float));
			ref_rope(a, position, freq, ROWS, HEADS, hd, rot, (rope_pairs)pairs, 1.1f);
			cpu_rope(b, position, freq, ROWS, HEADS, hd, rot, (rope_pairs)pairs, 1.1f, NULL);
			assert_int_equal(compare_f32(b, a, (size_t)(ROWS * HEADS * hd), 1e-5, 1e-5).bad, 0);
			free(a), free(b);
		}
}

/* Unit rows around k directions. */
static float *blobs(rng *r, int n, int dim, int k)
{
	float *x = any_floats(r, (size_t)(n * dim)), *c = any_floats(r, (size_t)(k * dim));

	for (int i = 0; i < n; i++) {
		double squares = 0;
		for (int d = 0; d < dim; d++) {
			x[i * dim + d] = 0.3f * x[i * dim + d] + c[i % k * dim + d];
			squares += (double)x[i * dim + d] * x[i * dim + d];
		}
		for (int d = 0; d < dim; d++)
			x[i * dim + d] /= (float)sqrt(squares);
	}
	free(c);
	return x;
}

static void clusters_keep_their_promises(void **unused)
{
	(void)unused;
	rng r = { 4 };
	enum { N = 700, DIM = 24 };
	float *x = blobs(&r, N, DIM, 20);
	error err;

	EACH_ISA(i)
		for (int k = 1; k <= N; k = k * 3 + 1) {
			kmeans_options o = { k, 10, 8 * ((N + k - 1) / k), 7, k % 2 * 4 };
			int a[N], b[N], size[N] = { 0 };
			OK(cpu_kmeans(a, x, NULL, N, DIM, &o, NULL, &err));
			OK(cpu_kmeans(b, x, NULL, N, DIM, &o, NULL, &err));
			assert_memory_equal(a, b, sizeof(a));
			for (int j = 0; j < N; j++) {
				assert_in_range(a[j], 0, k - 1);
				size[a[j]]++;
			}
			for (int j = 0; j < k; j++)
				assert_in_range(size[j], 1, o.most_rows);
		}
	/* Twenty blobs, twenty clusters: better than a blind split into equal runs. */
	kmeans_options o = { 20, 20, 0, 3, 0 };
	int a[N], blind[N];
	OK(cpu_kmeans(a, x, NULL, N, DIM, &o, NULL, &err));
	for (int j = 0; j < N; j++)
		blind[j] = j / 35;
	double whole = ref_kmeans_fit(a, x, NULL, N, DIM, 20);
	assert_true(whole > 1.5 * ref_kmeans_fit(blind, x, NULL, N, DIM, 20));
	/* A quarter of the rows finds the places nearly as well. */
	o = (kmeans_options){ 20, 3, 0, 3, 6 };
	OK(cpu_kmeans(a, x, NULL, N, DIM, &o, NULL, &err));
	assert_true(ref_kmeans_fit(a, x, NULL, N, DIM, 20) > 0.97 * whole);
	free(x);
}

static void equal_rows_and_bad_input(void **unused)
{
	(void)unused;
	float x[40 * 4];
	int a[40], size[10] = { 0 };
	kmeans_options o = { 10, 5, 4, 1, 0 };
	error err;

	for (int i = 0; i < 160; i++)
		x[i] = 0.5f;
	OK(cpu_kmeans(a, x, NULL, 40, 4, &o, NULL, &err));
	for (int i = 0; i < 40; i++)
		size[a[i]]++;
	for (int c = 0; c < 10; c++)
		assert_int_equal(size[c], 4);
	x[7] = NAN;
	assert_int_equal(cpu_kmeans(a, x, NULL, 40, 4, &o, NULL, &err), ERR_NUMERIC);
	o.k = 41;
	assert_int_equal(cpu_kmeans(a, x, NULL, 40, 4, &o, NULL, &err), ERR_ARG);
}

static void cluster_shares(void **unused)
{
	(void)unused;
	static const int sizes[] = { 1, 3, 16, 31, 700 }, rows[] = { 1, 3, 7 };
	EACH_ISA(i)
		for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++)
			for (size_t m = 0; m < sizeof(rows) / sizeof(*rows); m++) {
				rng r = { k * 10 + m };
				int n = sizes[k];
				float *a = any_floats(&r, (size_t)(n * rows[m])), *b = any_floats(&r, (size_t)(n * rows[m]));
				float *size = any_floats(&r, (size_t)n), *want = any_floats(&r, (size_t)n), *got = any_floats(&r, (size_t)n);
				double sum = 0;
				for (int j = 0; j < n * rows[m]; j++)
					a[j] = b[j] = a[j] * 300;
				for (int j = 0; j < n; j++)
					size[j] = (float)(1 + j % 9);
				assert_true(ref_shares(want, a, size, n, rows[m], 0.125f));
				assert_true(cpu_shares(got, b, size, n, rows[m], 0.125f));
				for (int j = 0; j < n; j++) {
					assert_true(fabs((double)got[j] - want[j]) <= 1e-5 * want[j] + 1e-30);
					sum += (double)got[j] * size[j];
				}
				assert_true(fabs(sum - 1) < 1e-4);
				for (int j = 0; j < n * rows[m]; j++)
					b[j] = 1;
				b[n * rows[m] - 1] = n % 2 ? NAN : -INFINITY;
				assert_false(cpu_shares(got, b, size, n, rows[m], 0.125f));
				b[n * rows[m] - 1] = 1;
				b[0] = INFINITY;
				assert_false(cpu_shares(got, b, size, n, rows[m], 0.125f));
				free(a);
				free(b);
				free(size);
				free(want);
				free(got);
			}
}

static void sums_by_bucket(void **unused)
{
	(void)unused;
	static const uint32_t range[] = { 0, 1, 18, 18, 51, 117 };
	static const int dims[] = { 64, 18, 80, 5 };
	enum { N = 117, BUCKETS = 5, STRIDE = N + 3 };

	EACH_ISA(i)
		for (int d = 0; d < 4; d++)
			for (int group = 1; group <= 9; group += 2) {
				rng r = { (uint64_t)(d * 10 + group) };
				int dim = dims[d];
				size_t rows = (size_t)(BUCKETS * group), n = (size_t)(group * STRIDE);
				float *score = any_floats(&r, n), *other = mem_aligned(n, sizeof(float)), *most = any_floats(&r, (size_t)group);
				float *sum[2] = { any_floats(&r, rows), any_floats(&r, rows) };
				float *acc[2] = { any_floats(&r, rows * (size_t)dim), any_floats(&r, rows * (size_t)dim) };
				f16 *v = any_halves(&r, (size_t)(N * dim));
				for (int g = 0; g < group; g++)
					most[g] = cpu_largest(score + g * STRIDE, N);
				memcpy(other, score, n * sizeof(float));
				bucket_args a = { sum[0], acc[0], score, STRIDE, most, v, range, BUCKETS, group, dim, 0.7f };
				ref_buckets(&a);
				a.sum = sum[1], a.acc = acc[1], a.score = other;
				cpu_buckets(&a);
				assert_int_equal(compare_f32(sum[1], sum[0], rows, 1e-5, 1e-5).bad, 0);
				assert_int_equal(compare_f32(acc[1], acc[0], rows * (size_t)dim, 1e-4, 1e-5).bad, 0);
				assert_memory_equal(other + N, score + N, 3 * sizeof(float)); /* not its own */
				v[60 * dim + dim - 1] = (f16){ 0x7e00 };
				cpu_buckets(&a);
				assert_true(isnan(acc[1][rows * (size_t)dim - 1]));
				assert_false(isnan(acc[1][dim - 1]));
				for (int k = 0; k < 2; k++)
					free(sum[k]), free(acc[k]);
				free(score), free(other), free(most), free(v);
			}
	float odd[40] = { 0 };
	EACH_ISA(i) {
		assert_true(cpu_largest(odd, 0) == -INFINITY);
		odd[39] = 3;
		assert_true(cpu_largest(odd, 40) == 3);
		odd[7] = NAN;
		assert_true(isnan(cpu_largest(odd, 40)));
		odd[7] = INFINITY;
		assert_true(isnan(cpu_largest(odd, 40)));
		odd[7] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cluster_shares), cmocka_unit_test(sums_by_bucket),
		cmocka_unit_test(halves_round_trip), cmocka_unit_test(exponential), cmocka_unit_test(norm_and_maps),
		cmocka_unit_test(rotation), cmocka_unit_test(clusters_keep_their_promises),
		cmocka_unit_test(equal_rows_and_bad_input),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* kernels/simd.h - one vector type over the instruction sets, for *_isa.c files
 * only. CMake compiles these once for each set with FOLIO_ISA_SUFFIX defined.
 *
 * vf holds VLEN floats and takes the C operators; a * b + c becomes a fused
 * multiply-add where the set has one. Loads and stores need no alignment. */

#ifndef KERNELS_SIMD_H
#define KERNELS_SIMD_H

#include <stdint.h>
#include <string.h>

#include "kernels/half.h"

#ifdef FOLIO_X86
#include <immintrin.h>
#endif

#define SIMD_PASTE2(a, b) a##_##b
#define SIMD_PASTE(a, b) SIMD_PASTE2(a, b)
#define ISA_NAME(name) SIMD_PASTE(name, FOLIO_ISA_SUFFIX)

#if defined(__AVX512F__)
#define VLEN 16
#elif defined(__AVX2__)
#define VLEN 8
#else
#define VLEN 4
#endif

typedef float vf __attribute__((vector_size(VLEN * 4)));
typedef int32_t vi __attribute__((vector_size(VLEN * 4)));

static inline vf vf_load(const float *p)
{
	vf v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void vf_store(float *p, vf v)
{
	memcpy(p, &v, sizeof(v));
}

static inline vf vf_set(float f)
{
	return f - (vf){ 0 }; /* the compiler's broadcast */
}

static inline vf vf_select(vi mask, vf yes, vf no) /* mask lanes are 0 or -1 */
{
	return (vf)((mask & (vi)yes) | (~mask & (vi)no));
}

static inline vf vf_max(vf a, vf b)
{
#if defined(__AVX512F__)
	return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
	return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
	return vf_select(a > b, a, b);
#endif
}

static inline float vf_sum(vf v)
{
#if defined(__AVX512F__)
	return _mm512_reduce_add_ps((__m512)v);
#else
	float s[VLEN], t = 0;
	memcpy(s, &v, sizeof(s));
	for (int w = VLEN / 2; w; w /= 2)
		for (int i = 0; i < w; i++)
			s[i] += s[i + w];
	t = s[0];
	return t;
#endif
}

static inline float vf_most(vf v)
{
	float s[VLEN], t;
	memcpy(s, &v, sizeof(s));
	t = s[0];
	for (int i = 1; i < VLEN; i++)
		t = s[i] > t ? s[i] : t;
	return t;
}

static inline vf vf_load_f16(const f16 *p)
{
#if defined(__AVX512F__)
	return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(__AVX2__)
	return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
#else
	vf v;
	for (int i = 0; i < VLEN; i++)
		v[i] = f16_to_f32(p[i]);
	return v;
#endif
}

static inline void vf_store_f16(f16 *p, vf v)
{
#if defined(__AVX512F__)
	_mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT));
#elif defined(__AVX2__)
	_mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
#else
	for (int i = 0; i < VLEN; i++)
		p[i] = f16_from_f32(v[i]);
#endif
}

/* e^x to 2 ulp for x in [-87, 88]; below, 0; NaN stays NaN. Cody-Waite reduction
 * and a degree-6 Taylor-like polynomial on [-ln2/2, ln2/2]. */
static inline vf vf_exp(vf x)
{
	const vf magic = vf_set(0x1.8p23f);
	vf n = x * vf_set(1.44269504f) + magic;
	vi e = (vi)n - (vi)magic;
	vf k = n - magic;
	vf r = x - k * vf_set(0.693359375f) + k * vf_set(2.12194440e-4f);
	vf p = vf_set(1.9875691500e-4f);

	p = p * r + vf_set(1.3981999507e-3f);
	p = p * r + vf_set(8.3334519073e-3f);
	p = p * r + vf_set(4.1665795894e-2f);
	p = p * r + vf_set(1.6666665459e-1f);
	p = p * r + vf_set(5.0000001201e-1f);
	p = p * r * r + r + vf_set(1.0f);
	vf y = p * (vf)((e + 127) << 23);
	y = vf_select(x < vf_set(-87.0f), vf_set(0.0f), y);
	y = vf_select(x > vf_set(88.0f), vf_set(__builtin_inff()), y);
	return vf_select(x != x, x, y);
}

#endif

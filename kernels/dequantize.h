/* kernels/dequantize.h - cpu_dequantize for one instruction set, inlined into the
 * *_isa.c files that need it (see dtype.h for the contract). */

#ifndef KERNELS_DEQUANTIZE_H
#define KERNELS_DEQUANTIZE_H

#include "kernels/dtype.h"
#include "kernels/simd.h"

static inline float dq_half(const uint8_t *p)
{
	f16 h;
	memcpy(&h, p, sizeof(h));
#ifdef __F16C__
	return _cvtsh_ss(h.bits);
#else
	return f16_to_f32(h);
#endif
}

/* Loops of a constant length over bytes: the compiler turns them into vectors. */
static inline void dq_nibbles(float *restrict out, const uint8_t *restrict q, float d, float m)
{
	for (int i = 0; i < 16; i++)
		out[i] = d * (float)(q[i] & 15) + m;
	for (int i = 0; i < 16; i++)
		out[16 + i] = d * (float)(q[i] >> 4) + m;
}

static inline void dq_fifths(float *restrict out, const uint8_t *restrict q, const uint8_t *high, float d, float m)
{
	uint32_t h;
	memcpy(&h, high, sizeof(h));
	for (int i = 0; i < 16; i++)
		out[i] = d * (float)((q[i] & 15) | (h >> i & 1) << 4) + m;
	for (int i = 0; i < 16; i++)
		out[16 + i] = d * (float)(q[i] >> 4 | (h >> (i + 16) & 1) << 4) + m;
}

static inline void dq_scale_min(float *scale, float *min, const uint8_t *s, int j)
{
	int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
	int mn = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;

	*scale = (float)sc;
	*min = (float)mn;
}

static inline void dq_k45(float *restrict out, const uint8_t *b, bool five)
{
	float d = dq_half(b), dmin = dq_half(b + 2);
	const uint8_t *high = b + 16, *q = five ? b + 48 : b + 16;

	for (int j = 0; j < 8; j++, out += 32) {
		float s, m;
		dq_scale_min(&s, &m, b + 4, j);
		s *= d;
		m *= -dmin;
		const uint8_t *low = q + j / 2 * 32;
		int shift = j % 2 * 4;
		if (five)
			for (int i = 0; i < 32; i++)
				out[i] = s * (float)((low[i] >> shift & 15) | (high[i] >> j & 1) << 4) + m;
		else
			for (int i = 0; i < 32; i++)
				out[i] = s * (float)(low[i] >> shift & 15) + m;
	}
}

static inline void dq_k6(float *restrict out, const uint8_t *b)
{
	float d = dq_half(b + 208);

	for (int half = 0; half < 2; half++)
		for (int quarter = 0; quarter < 4; quarter++) {
			const uint8_t *low = b + half * 64 + quarter % 2 * 32, *high = b + 128 + half * 32;
			const int8_t *scale = (const int8_t *)b + 192 + half * 8 + quarter * 2;
			int shift = quarter < 2 ? 0 : 4;
			float s0 = d * (float)scale[0], s1 = d * (float)scale[1];
			for (int i = 0; i < 32; i++) {
				int q = (low[i] >> shift & 15) | (high[i] >> 2 * quarter & 3) << 4;
				out[i] = (i < 16 ? s0 : s1) * (float)(q - 32);
			}
			out += 32;
		}
}

/* A block of a format whose blocks hold 32 or 256 weights. */
static inline void dq_block(float *restrict out, const uint8_t *b, dtype t)
{
	float d = dq_half(b);

	switch (t) {
	case DT_Q4_0: dq_nibbles(out, b + 2, d, -8 * d); break;
	case DT_Q4_1: dq_nibbles(out, b + 4, d, dq_half(b + 2)); break;
	case DT_Q5_0: dq_fifths(out, b + 6, b + 2, d, -16 * d); break;
	case DT_Q5_1: dq_fifths(out, b + 8, b + 4, d, dq_half(b + 2)); break;
	case DT_Q8_0:
		for (int i = 0; i < 32; i++)
			out[i] = d * (float)(int8_t)b[2 + i];
		break;
	case DT_Q4_K: dq_k45(out, b, false); break;
	case DT_Q5_K: dq_k45(out, b, true); break;
	default: dq_k6(out, b); break;
	}
}

/* Weights [from, from + n) of a row; both multiples of the block. */
static inline void dq_row(float *restrict out, const uint8_t *row, dtype t, int64_t from, int64_t n)
{
	if (t == DT_F32) {
		memcpy(out, row + from * 4, (size_t)n * 4);
	} else if (t == DT_F16) {
		const f16 *h = (const f16 *)row + from;
		int64_t i = 0;
		for (; i + VLEN <= n; i += VLEN)
			vf_store(out + i, vf_load_f16(h + i));
		for (; i < n; i++)
			out[i] = f16_to_f32(h[i]);
	} else if (t == DT_BF16) {
		for (int64_t i = 0; i < n; i++) {
			bf16 h;
			memcpy(&h, row + 2 * (from + i), 2);
			out[i] = bf16_to_f32(h);
		}
	} else {
		int block = t >= DT_Q4_K ? 256 : 32, bytes = (int)dtype_row_bytes(t, block);
		for (int64_t i = 0; i < n; i += block)
			dq_block(out + i, row + (from + i) / block * bytes, t);
	}
}

#endif

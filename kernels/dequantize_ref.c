/* One weight at a time, straight from the block formats, to be read. */

#include "kernels/dtype.h"

#include <math.h>
#include <string.h>

static float half_at(const uint8_t *p)
{
	f16 h;
	memcpy(&h, p, sizeof(h));
	return f16_to_f32(h);
}

/* Q4_0: d, 16 bytes of nibbles: weight i and i + 16 share byte i. w = d (q - 8). */
static float q4_0(const uint8_t *b, int i)
{
	int q = i < 16 ? b[2 + i] & 15 : b[2 + i - 16] >> 4;
	return half_at(b) * (float)(q - 8);
}

/* Q4_1: d, m, nibbles. w = d q + m. */
static float q4_1(const uint8_t *b, int i)
{
	int q = i < 16 ? b[4 + i] & 15 : b[4 + i - 16] >> 4;
	return half_at(b) * (float)q + half_at(b + 2);
}

static int fifth_bit(const uint8_t *p, int i)
{
	return (p[i / 8] >> (i % 8) & 1) << 4;
}

/* Q5_0: d, 32 high bits, nibbles. w = d (q - 16). */
static float q5_0(const uint8_t *b, int i)
{
	int q = (i < 16 ? b[6 + i] & 15 : b[6 + i - 16] >> 4) | fifth_bit(b + 2, i);
	return half_at(b) * (float)(q - 16);
}

/* Q5_1: d, m, 32 high bits, nibbles. w = d q + m. */
static float q5_1(const uint8_t *b, int i)
{
	int q = (i < 16 ? b[8 + i] & 15 : b[8 + i - 16] >> 4) | fifth_bit(b + 4, i);
	return half_at(b) * (float)q + half_at(b + 2);
}

static float q8_0(const uint8_t *b, int i)
{
	return half_at(b) * (float)(int8_t)b[2 + i];
}

/* The 6-bit scale and minimum of sub-block j (of 8) of a Q4_K or Q5_K block: the
 * low six bits of bytes 0-7 for the first four, pieced together for the others. */
static void scale_min(int *scale, int *min, const uint8_t *s, int j)
{
	if (j < 4) {
		*scale = s[j] & 63;
		*min = s[j + 4] & 63;
	} else {
		*scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
		*min = s[j + 4] >> 4 | (s[j] >> 6) << 4;
	}
}

/* Q4_K: d, dmin, 12 bytes of scales, 128 of nibbles: sub-blocks 2k and 2k + 1 of 32
 * weights are the low and high nibbles of bytes 32k .. 32k + 31. */
static float q4_k(const uint8_t *b, int i)
{
	int scale, min, j = i / 32;
	scale_min(&scale, &min, b + 4, j);
	uint8_t byte = b[16 + j / 2 * 32 + i % 32];
	int q = j % 2 ? byte >> 4 : byte & 15;
	return half_at(b) * (float)scale * (float)q - half_at(b + 2) * (float)min;
}

/* Q5_K: the same with a fifth bit: bit j of byte i % 32 of the 32 after the scales. */
static float q5_k(const uint8_t *b, int i)
{
	int scale, min, j = i / 32;
	scale_min(&scale, &min, b + 4, j);
	uint8_t byte = b[48 + j / 2 * 32 + i % 32];
	int q = (j % 2 ? byte >> 4 : byte & 15) | (b[16 + i % 32] >> j & 1) << 4;
	return half_at(b) * (float)scale * (float)q - half_at(b + 2) * (float)min;
}

/* Q6_K: 128 bytes of low nibbles, 64 of high pairs, 16 int8 scales, d. Each half of
 * 128 weights has four quarters of 32 that share bytes. w = d scale (q - 32). */
static float q6_k(const uint8_t *b, int i)
{
	int half = i / 128, quarter = i % 128 / 32, l = i % 32;
	uint8_t low = b[half * 64 + quarter % 2 * 32 + l], high = b[128 + half * 32 + l];
	int q = (quarter < 2 ? low & 15 : low >> 4) | (high >> 2 * quarter & 3) << 4;
	int scale = (int8_t)b[192 + half * 8 + quarter * 2 + l / 16];
	return half_at(b + 208) * (float)scale * (float)(q - 32);
}

static float weight_at(const uint8_t *b, dtype t, int i)
{
	float f;
	bf16 h;

	switch (t) {
	case DT_F32: memcpy(&f, b, 4); return f;
	case DT_F16: return half_at(b);
	case DT_BF16: memcpy(&h, b, 2); return bf16_to_f32(h);
	case DT_Q4_0: return q4_0(b, i);
	case DT_Q4_1: return q4_1(b, i);
	case DT_Q5_0: return q5_0(b, i);
	case DT_Q5_1: return q5_1(b, i);
	case DT_Q8_0: return q8_0(b, i);
	case DT_Q4_K: return q4_k(b, i);
	case DT_Q5_K: return q5_k(b, i);
	case DT_Q6_K: return q6_k(b, i);
	case DT_COUNT: break;
	}
	return NAN;
}

void ref_dequantize(float *out, const void *row, dtype t, int64_t n)
{
	const dtype_info *f = dtype_get(t);
	const uint8_t *p = row;

	for (int64_t i = 0; i < n; i++)
		out[i] = weight_at(p + i / f->block * f->bytes, t, (int)(i % f->block));
}

/* ---- the other way ---- */

static void put_half(uint8_t *p, float f)
{
	f16 h = f16_from_f32(f);
	memcpy(p, &h, sizeof(h));
}

static int clamp(int v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* 32 weights as q = round((w - low) / d) in nibbles. */
static void put_nibbles(uint8_t *q, const float *in, float low, float d)
{
	for (int i = 0; i < 16; i++) {
		int a = d ? clamp((int)lrintf((in[i] - low) / d), 0, 15) : 0;
		int b = d ? clamp((int)lrintf((in[i + 16] - low) / d), 0, 15) : 0;
		q[i] = (uint8_t)(a | b << 4);
	}
}

static void put_block(uint8_t *b, const float *in, dtype t)
{
	float lo = in[0], hi = in[0], most = 0;

	for (int i = 0; i < 32; i++) {
		lo = fminf(lo, in[i]);
		hi = fmaxf(hi, in[i]);
		most = fabsf(in[i]) > fabsf(most) ? in[i] : most;
	}
	if (t == DT_Q8_0) {
		float d = fabsf(most) / 127;
		put_half(b, d);
		for (int i = 0; i < 32; i++)
			b[2 + i] = (uint8_t)(d ? clamp((int)lrintf(in[i] / d), -127, 127) : 0);
	} else if (t == DT_Q4_0) {
		float d = most / -8; /* the weight of largest size becomes q = 0, which has no mirror */
		put_half(b, d);
		put_nibbles(b + 2, in, -8 * d, d);
	} else {
		float d = (hi - lo) / 15;
		put_half(b, d);
		put_half(b + 2, lo);
		put_nibbles(b + 4, in, lo, d);
	}
}

bool ref_quantize(void *row, const float *in, dtype t, int64_t n)
{
	const dtype_info *f = dtype_get(t);
	uint8_t *p = row;

	for (int64_t i = 0; i < n; i += f->block, p += f->bytes) {
		if (t == DT_F32)
			memcpy(p, &in[i], 4);
		else if (t == DT_F16)
			put_half(p, in[i]);
		else if (t == DT_BF16)
			memcpy(p, &(bf16){ bf16_from_f32(in[i]).bits }, 2);
		else if (t == DT_Q8_0 || t == DT_Q4_0 || t == DT_Q4_1)
			put_block(p, in + i, t);
		else
			return false;
	}
	return true;
}

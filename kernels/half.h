/* kernels/half.h - 16-bit floats as plain bits, convertible on any machine. */

#ifndef KERNELS_HALF_H
#define KERNELS_HALF_H

#include <stdint.h>
#include <string.h>

typedef struct { uint16_t bits; } f16;  /* IEEE 754 binary16 */
typedef struct { uint16_t bits; } bf16; /* upper half of a binary32 */

static inline float f32_from_bits(uint32_t u)
{
	float f;
	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline uint32_t f32_bits(float f)
{
	uint32_t u;
	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float f16_to_f32(f16 v)
{
	uint32_t sign = (uint32_t)(v.bits & 0x8000) << 16, rest = v.bits & 0x7fff;

	if (rest >= 0x7c00) /* infinity, NaN */
		return f32_from_bits(sign | 0x7f800000u | (rest & 0x3ff) << 13);
	if (rest >= 0x0400)
		return f32_from_bits(sign | ((rest << 13) + 0x38000000u));
	return f32_from_bits(sign | f32_bits((float)rest * 0x1p-24f));
}

/* Round to nearest even; overflow gives infinity; NaN stays NaN. */
static inline f16 f16_from_f32(float f)
{
	uint32_t u = f32_bits(f), sign = u >> 16 & 0x8000, mag = u & 0x7fffffffu;

	if (mag > 0x7f800000u)
		return (f16){ (uint16_t)(sign | 0x7e00) };
	if (mag >= 0x477ff000u)
		return (f16){ (uint16_t)(sign | 0x7c00) };
	if (mag < 0x38800000u) { /* subnormal: let the FPU round at 2^-24 */
		float r = f32_from_bits(mag) + 0.5f;
		return (f16){ (uint16_t)(sign | (f32_bits(r) - 0x3f000000u)) };
	}
	mag += 0xfffu + (mag >> 13 & 1) - 0x38000000u;
	return (f16){ (uint16_t)(sign | mag >> 13) };
}

static inline float bf16_to_f32(bf16 v)
{
	return f32_from_bits((uint32_t)v.bits << 16);
}

/* Round to nearest even; NaN stays NaN. */
static inline bf16 bf16_from_f32(float f)
{
	uint32_t u = f32_bits(f);

	if ((u & 0x7fffffffu) > 0x7f800000u)
		return (bf16){ (uint16_t)(u >> 16 | 0x40) };
	u += 0x7fffu + (u >> 16 & 1);
	return (bf16){ (uint16_t)(u >> 16) };
}

#endif

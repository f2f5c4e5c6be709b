#include "kernels/shares.h"

#include "kernels/cpu.h"

ISA_DECLARE(bool, shares_rows, float *s, float *score, const float *size, int n, int rows, float scale);
ISA_DECLARE(float, largest, const float *x, int n);

bool cpu_shares(float *s, float *score, const float *size, int n, int rows, float scale)
{
	return ISA_PICK(shares_rows)(s, score, size, n, rows, scale);
}

float cpu_largest(const float *x, int n)
{
	return ISA_PICK(largest)(x, n);
}

#include "kernels/shares.h"

#include "kernels/cpu.h"

ISA_DECLARE(bool, shares_rows, float *s, float *score, const float *size, int n, int rows, float scale);

bool cpu_shares(float *s, float *score, const float *size, int n, int rows, float scale)
{
	return ISA_PICK(shares_rows)(s, score, size, n, rows, scale);
}

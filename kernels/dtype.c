#include "kernels/dtype.h"

static const dtype_info info[DT_COUNT] = {
	[DT_F32] = { "F32", 1, 4 },
	[DT_F16] = { "F16", 1, 2 },
	[DT_BF16] = { "BF16", 1, 2 },
	[DT_Q4_0] = { "Q4_0", 32, 18 },
	[DT_Q4_1] = { "Q4_1", 32, 20 },
	[DT_Q5_0] = { "Q5_0", 32, 22 },
	[DT_Q5_1] = { "Q5_1", 32, 24 },
	[DT_Q8_0] = { "Q8_0", 32, 34 },
	[DT_Q4_K] = { "Q4_K", 256, 144 },
	[DT_Q5_K] = { "Q5_K", 256, 176 },
	[DT_Q6_K] = { "Q6_K", 256, 210 },
};

const dtype_info *dtype_get(dtype t)
{
	return &info[t];
}

size_t dtype_row_bytes(dtype t, int64_t n)
{
	if (n < 0 || n % info[t].block)
		return 0;
	return (size_t)(n / info[t].block) * (size_t)info[t].bytes;
}

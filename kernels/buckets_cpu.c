#include "kernels/buckets_impl.h"

void cpu_buckets(const bucket_args *a)
{
	ISA_PICK(buckets)(a);
}

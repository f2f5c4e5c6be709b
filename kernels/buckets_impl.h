/* kernels/buckets_impl.h - cpu_buckets, once an instruction set. */

#ifndef KERNELS_BUCKETS_IMPL_H
#define KERNELS_BUCKETS_IMPL_H

#include "kernels/buckets.h"
#include "kernels/cpu.h"

ISA_DECLARE(void, buckets, const bucket_args *a);

#endif

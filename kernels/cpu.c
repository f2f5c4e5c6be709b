#include "kernels/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[CPU_ISA_COUNT] = { "portable", "avx2", "avx512" };
static atomic_int used = -1;

const char *cpu_isa_name(cpu_isa i)
{
	return names[i];
}

cpu_isa cpu_isa_best(void)
{
#ifdef FOLIO_X86
	__builtin_cpu_init();
	bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	            __builtin_cpu_supports("f16c");
	if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		return CPU_AVX512;
	if (avx2)
		return CPU_AVX2;
#endif
	return CPU_PORTABLE;
}

cpu_isa cpu_isa_used(void)
{
	int u = atomic_load_explicit(&used, memory_order_relaxed);

	if (u >= 0)
		return (cpu_isa)u;
	u = cpu_isa_best();
	const char *want = getenv("FOLIO_ISA");
	for (int i = 0; want && i <= (int)cpu_isa_best(); i++)
		if (strcmp(want, names[i]) == 0)
			u = i;
	atomic_store_explicit(&used, u, memory_order_relaxed);
	return (cpu_isa)u;
}

int cpu_isa_force(cpu_isa i, error *err)
{
	if (i < 0 || i > cpu_isa_best())
		return error_set(err, ERR_UNSUPPORTED, "this machine has no %s instructions",
		                 i >= 0 && i < CPU_ISA_COUNT ? names[i] : "such");
	atomic_store_explicit(&used, (int)i, memory_order_relaxed);
	return 0;
}

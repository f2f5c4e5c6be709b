#include "kernels/cpu.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef FOLIO_AMX
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

static const char *const names[CPU_ISA_COUNT] = { "portable", "avx2", "avx512", "amx" };
static atomic_int used = -1;

const char *cpu_isa_name(cpu_isa i)
{
	return names[i];
}

#ifdef FOLIO_AMX
/* The tiles are 8 KiB more of a thread's state, which Linux grants a process that asks. */
static bool amx_granted(void)
{
	enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18, TILE = 1 << 24, TILE_BF16 = 1 << 22, AVX512_BF16 = 1 << 5 };
	unsigned a, b, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & TILE) || !(d & TILE_BF16))
		return false;
	if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & AVX512_BF16))
		return false;
	return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#endif

static cpu_isa find_best(void)
{
#ifdef FOLIO_X86
	__builtin_cpu_init();
	bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	            __builtin_cpu_supports("f16c");
	if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
#ifdef FOLIO_AMX
		if (amx_granted())
			return CPU_AMX;
#endif
		return CPU_AVX512;
	}
	if (avx2)
		return CPU_AVX2;
#endif
	return CPU_PORTABLE;
}

cpu_isa cpu_isa_best(void)
{
	static atomic_int best = -1;

	if (atomic_load_explicit(&best, memory_order_relaxed) < 0)
		atomic_store_explicit(&best, (int)find_best(), memory_order_relaxed);
	return (cpu_isa)atomic_load_explicit(&best, memory_order_relaxed);
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

// SPDX-License-Identifier: MIT
// Compiled, disassembled and compared by check_instructions: what follows //= is what the function must contain.
#include <pagewright/cpu/x86.hpp>

using namespace pagewright;
using namespace pagewright::cpu::x86;

extern "C" {
void t_invlpg(u64 at) { invlpg({at}); }                                  //= invlpg (%rdi)
void t_invpcid(u64 pcid, u64 at) { invpcid(invpcid_type::everything, {pcid, at}); }  //= mov $0x2,%eax; invpcid *,%rax
void t_invlpgb(u64 rax, u32 edx, u64, u32 ecx) { invlpgb({rax, ecx, edx}); }         //= invlpgb
void t_tlbsync() { tlbsync(); }                                          //= tlbsync
auto t_read_cr0() -> u64 { return read_cr0(); }                          //= mov %cr0,%rax
auto t_read_cr2() -> u64 { return read_cr2(); }                          //= mov %cr2,%rax
auto t_read_cr3() -> u64 { return read_cr3(); }                          //= mov %cr3,%rax
auto t_read_cr4() -> u64 { return read_cr4(); }                          //= mov %cr4,%rax
void t_write_cr0(u64 v) { write_cr0(v); }                                //= mov %rdi,%cr0
void t_write_cr3(u64 v) { write_cr3(v); }                                //= mov %rdi,%cr3
void t_write_cr4(u64 v) { write_cr4(v); }                                //= mov %rdi,%cr4
void t_flush_current() { flush_current(); }                              //= mov %cr3,%rax; mov %rax,%cr3
auto t_read_efer() -> u64 { return read_efer(); }                        //= mov $0xc0000080,%ecx; rdmsr
void t_write_msr(u32 n, u64 v) { write_msr(n, v); }                      //= wrmsr
auto t_cpuid() -> u32 { return cpuid(7).edx; }                           //= cpuid
}

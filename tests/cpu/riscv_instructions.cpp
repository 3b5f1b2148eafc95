// SPDX-License-Identifier: MIT
// Compiled, disassembled and compared by check_instructions: what follows //= is what the function must contain.
#include <pagewright/cpu/riscv.hpp>

using namespace pagewright;
using namespace pagewright::cpu::riscv;

extern "C" {
void t_sfence_vma() { sfence_vma(); }                                        //= sfence.vma
void t_sfence_vma_address(u64 at) { sfence_vma(virtual_address{at}); }       //= sfence.vma a0
void t_sfence_vma_asid(u16 asid) { sfence_vma(asid); }                       //= sfence.vma zero,a0
void t_sfence_vma_both(u64 at, u16 asid) { sfence_vma(virtual_address{at}, asid); }  //= sfence.vma a0,a1
void t_hfence_vvma() { hfence_vvma(); }                                      //= hfence.vvma
void t_hfence_vvma_address(u64 at) { hfence_vvma(virtual_address{at}); }     //= hfence.vvma a0
void t_hfence_vvma_asid(u16 asid) { hfence_vvma(asid); }                     //= hfence.vvma zero,a0
void t_hfence_vvma_both(u64 at, u16 asid) { hfence_vvma(virtual_address{at}, asid); }  //= hfence.vvma a0,a1
void t_hfence_gvma() { hfence_gvma(); }                                      //= hfence.gvma
void t_hfence_gvma_address(u64 at) { hfence_gvma(input_address{at}); }       //= srl a0,a0,0x2; hfence.gvma a0
void t_hfence_gvma_vmid(u16 vmid) { hfence_gvma(vmid); }                     //= hfence.gvma zero,a0
void t_hfence_gvma_both(u64 at, u16 vmid) { hfence_gvma(input_address{at}, vmid); }  //= srl a0,a0,0x2; hfence.gvma a0,a1
void t_sinval_vma(u64 at, u16 asid) { issue_both<fence::sinval_vma>(at, asid); }     //= sinval.vma a0,a1
void t_hinval_vvma(u64 at, u16 asid) { issue_both<fence::hinval_vvma>(at, asid); }   //= hinval.vvma a0,a1
void t_hinval_gvma(u64 at, u16 vmid) { issue_both<fence::hinval_gvma>(at, vmid); }   //= hinval.gvma a0,a1
void t_sfence_w_inval() { issue<fence::sfence_w_inval>(); }                  //= sfence.w.inval
auto t_read_satp() -> u64 { return read_satp(); }                            //= csrr a0,satp
void t_write_satp(u64 v) { write_satp(v); }                                  //= csrw satp,a0
auto t_activate() -> u64 { return activate(0); }  //= csrr a0,satp; sfence.vma; csrw satp,*; sfence.vma
}

// The disassembler names only the instructions of the extensions that the object says it uses.
asm(".attribute arch, \"rv64gch_svinval\"");

// SPDX-License-Identifier: MIT
// Compiled, disassembled and compared by check_instructions: what follows //= is what the function must contain.
#include <pagewright/cpu/arm64.hpp>

using namespace pagewright;
using namespace pagewright::cpu::arm64;

constexpr auto el1 = regime::el1_0, el2 = regime::el2, el2_0 = regime::el2_0, el3 = regime::el3, s2 = regime::stage2;

extern "C" {
void t_vae1is(u64 x) { tlbi<vae1is>(x); }                             //= tlbi vae1is, x0
void t_vale1is(u64 x) { tlbi<vale1is>(x); }                           //= tlbi vale1is, x0
void t_rvae1is(u64 x) { tlbi<rvae1is>(x); }                           //= tlbi rvae1is, x0
void t_rvale1is(u64 x) { tlbi<rvale1is>(x); }                         //= tlbi rvale1is, x0
void t_vmalle1is() { tlbi_all<vmalle1is>(); }                         //= tlbi vmalle1is
void t_alle1is() { tlbi_all<alle1is>(); }                             //= tlbi alle1is

void t_el1_address(u64 x) { tlbi<ops_of(el1).address>(x); }           //= tlbi vaae1is, x0
void t_el1_address_last(u64 x) { tlbi<ops_of(el1).address_last>(x); } //= tlbi vaale1is, x0
void t_el1_range(u64 x) { tlbi<ops_of(el1).range>(x); }               //= tlbi rvaae1is, x0
void t_el1_range_last(u64 x) { tlbi<ops_of(el1).range_last>(x); }     //= tlbi rvaale1is, x0
void t_el1_id(u64 x) { tlbi<ops_of(el1).id>(x); }                     //= tlbi aside1is, x0
void t_el1_all() { tlbi_all<ops_of(el1).all>(); }                     //= tlbi vmalle1is

void t_el2_address(u64 x) { tlbi<ops_of(el2).address>(x); }           //= tlbi vae2is, x0
void t_el2_address_last(u64 x) { tlbi<ops_of(el2).address_last>(x); } //= tlbi vale2is, x0
void t_el2_range(u64 x) { tlbi<ops_of(el2).range>(x); }               //= tlbi rvae2is, x0
void t_el2_range_last(u64 x) { tlbi<ops_of(el2).range_last>(x); }     //= tlbi rvale2is, x0
void t_el2_all() { tlbi_all<ops_of(el2).all>(); }                     //= tlbi alle2is
void t_el2_0_address(u64 x) { tlbi<ops_of(el2_0).address>(x); }       //= tlbi vae2is, x0
void t_el2_0_id(u64 x) { tlbi<ops_of(el2_0).id>(x); }                 //= tlbi aside1is, x0
void t_el2_0_all() { tlbi_all<ops_of(el2_0).all>(); }                 //= tlbi alle2is

void t_el3_address(u64 x) { tlbi<ops_of(el3).address>(x); }           //= tlbi vae3is, x0
void t_el3_address_last(u64 x) { tlbi<ops_of(el3).address_last>(x); } //= tlbi vale3is, x0
void t_el3_range(u64 x) { tlbi<ops_of(el3).range>(x); }               //= tlbi rvae3is, x0
void t_el3_range_last(u64 x) { tlbi<ops_of(el3).range_last>(x); }     //= tlbi rvale3is, x0
void t_el3_all() { tlbi_all<ops_of(el3).all>(); }                     //= tlbi alle3is

void t_s2_address(u64 x) { tlbi<ops_of(s2).address>(x); }             //= tlbi ipas2e1is, x0
void t_s2_address_last(u64 x) { tlbi<ops_of(s2).address_last>(x); }   //= tlbi ipas2le1is, x0
void t_s2_range(u64 x) { tlbi<ops_of(s2).range>(x); }                 //= tlbi ripas2e1is, x0
void t_s2_range_last(u64 x) { tlbi<ops_of(s2).range_last>(x); }       //= tlbi ripas2le1is, x0
void t_s2_all() { tlbi_all<ops_of(s2).all>(); }                       //= tlbi vmalls12e1is

auto t_read_ttbr0_el1() -> u64 { return read_register<ttbr0_of<el1>>(); }    //= mrs x0, ttbr0_el1
auto t_read_ttbr1_el1() -> u64 { return read_register<ttbr1_of<el1>>(); }    //= mrs x0, ttbr1_el1
auto t_read_tcr_el1() -> u64 { return read_register<tcr_of<el1>>(); }        //= mrs x0, tcr_el1
auto t_read_mair_el1() -> u64 { return read_register<mair_of<el1>>(); }      //= mrs x0, mair_el1
auto t_read_sctlr_el1() -> u64 { return read_register<control_of<el1>>(); }  //= mrs x0, sctlr_el1
void t_write_ttbr0_el2(u64 v) { write_register<ttbr0_of<el2>>(v); }          //= msr ttbr0_el2, x0
void t_write_ttbr1_el2(u64 v) { write_register<ttbr1_of<el2_0>>(v); }        //= msr ttbr1_el2, x0
void t_write_tcr_el2(u64 v) { write_register<tcr_of<el2>>(v); }              //= msr tcr_el2, x0
void t_write_mair_el2(u64 v) { write_register<mair_of<el2>>(v); }            //= msr mair_el2, x0
void t_write_sctlr_el2(u64 v) { write_register<control_of<el2>>(v); }        //= msr sctlr_el2, x0
void t_write_ttbr0_el3(u64 v) { write_register<ttbr0_of<el3>>(v); }          //= msr ttbr0_el3, x0
void t_write_tcr_el3(u64 v) { write_register<tcr_of<el3>>(v); }              //= msr tcr_el3, x0
void t_write_mair_el3(u64 v) { write_register<mair_of<el3>>(v); }            //= msr mair_el3, x0
void t_write_sctlr_el3(u64 v) { write_register<control_of<el3>>(v); }        //= msr sctlr_el3, x0
void t_write_vttbr_el2(u64 v) { write_register<ttbr0_of<s2>>(v); }           //= msr vttbr_el2, x0
void t_write_vtcr_el2(u64 v) { write_register<tcr_of<s2>>(v); }              //= msr vtcr_el2, x0
void t_write_hcr_el2(u64 v) { write_register<control_of<s2>>(v); }           //= msr hcr_el2, x0

// Order: the stores before the TLBI, the TLBI before what relies on it; the new root before the old one is forgotten.
void t_publish() { shared_tlb<>{}.publish({}, 8); }                   //= dsb ishst; isb
void t_sync() { shared_tlb<>{}.sync(); }                              //= dsb ish; isb
void t_sync_stage2() { shared_tlb<s2>{}.sync(); }                     //= dsb ish; tlbi vmalle1is; dsb ish; isb
void t_flush() { flush<el1>(); }                                      //= dsb ishst; tlbi vmalle1is; dsb ish; isb
auto t_activate(u64 v) -> u64 { return activate<el1>(v); }            //= mrs *, ttbr0_el1; dsb ish; msr ttbr0_el1, *; isb
void t_deactivate(u64 v) { deactivate<el3>(v); }  //= mrs *, ttbr0_el3; dsb ish; msr ttbr0_el3, *; isb; dsb ishst; tlbi alle3is; dsb ish; isb
}

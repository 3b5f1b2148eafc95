// SPDX-License-Identifier: MIT
// Encoding and decoding one entry, on every format (P13, P14), and the duty of a change.
#include <random>

#include "../model/formats_list.hpp"
#include "../space/fixture.hpp"

namespace trial {
namespace {

struct named {
  char const   *name;
  format const *f;
};
auto operator<<(std::ostream &out, named const &n) -> std::ostream & { return out << n.name; }


std::vector<named> const all_formats{
    {"x86::x86_32", &x86::x86_32}, {"x86::pae", &x86::pae}, {"x86::x86_64_4level", &x86::x86_64_4level}, {"x86::x86_64_5level", &x86::x86_64_5level},
    {"variants::x86_32_without_pse", &variants::x86_32_without_pse}, {"variants::pae_36_without_nx", &variants::pae_36_without_nx}, {"variants::x86_64_2m_only", &variants::x86_64_2m_only},
    {"variants::x86_64_keys", &variants::x86_64_keys}, {"variants::big_endian_gapped", &variants::big_endian_gapped},
    {"arm64::stage1_4k_39_lower", &arm64::stage1_4k_39_lower}, {"arm64::stage1_4k_48_upper", &arm64::stage1_4k_48_upper}, {"arm64::stage1_4k_52_lpa2_lower", &arm64::stage1_4k_52_lpa2_lower},
    {"arm64::stage1_16k_47_lower", &arm64::stage1_16k_47_lower}, {"arm64::stage1_16k_48_upper", &arm64::stage1_16k_48_upper}, {"arm64::stage1_16k_52_lpa2_lower", &arm64::stage1_16k_52_lpa2_lower},
    {"arm64::stage1_64k_48_lower", &arm64::stage1_64k_48_lower}, {"arm64::stage1_64k_52_lpa_upper", &arm64::stage1_64k_52_lpa_upper}, {"variants::arm64_hardware_dirty", &variants::arm64_hardware_dirty},
    {"variants::arm64_bbm2", &variants::arm64_bbm2}, {"variants::arm64_no_contiguous", &variants::arm64_no_contiguous},
    {"riscv::sv32", &riscv::sv32}, {"riscv::sv39", &riscv::sv39}, {"riscv::sv48", &riscv::sv48}, {"riscv::sv57", &riscv::sv57}, {"variants::sv48_plain", &variants::sv48_plain},
    {"variants::sv39_svade", &variants::sv39_svade}, {"variants::all_64_bits", &variants::all_64_bits}};

class codec : public testing::TestWithParam<named> {
 protected:
  dynamic h{GetParam().f};

  /// Calls `body(level, form)` for every shape of leaf at every level.
  template <class Body>
  void each_leaf(Body &&body) {
    for (unsigned level = 0; level < h->depth; ++level)
      h.any_form(level, [&](dynamic_form f) {
        if (f->size_code == 0) body(level, f);
        return false;
      });
  }
  template <class Body>
  void each_wish(dynamic_form f, Body &&body) {
    for (unsigned r = 0; r < 64; ++r)
      for (auto const type : h->types)
        for (unsigned flags = 0; flags < 8; ++flags) {
          attributes const want{.allow = rights(r), .type = type, .global = (flags & 1) != 0, .accessed = (flags & 2) != 0,
                                .dirty = (flags & 4) != 0, .software = flags == 0 ? h->software : 0};
          if (type == memory_type::reserved) continue;
          body(want, encode_attributes(h, f, want));
        }
  }
};

}  // namespace

TEST_P(codec, reads_back_whatever_it_can_say) {
  u64 said = 0;
  each_leaf([&](unsigned level, dynamic_form f) {
    unsigned const lg2 = slot_lg2(h, level) + f->run_lg2;
    u64 const sayable  = reachable(f->address) & ~below(lg2);
    each_wish(f, [&](attributes const &want, leaf_bits const &bits) {
      if (bits.flaw != inexpressible::no) return;
      for (u64 const out : {u64{0}, sayable, sayable & 0x5555'5555'5555'5555, sayable & (~sayable + 1)}) {
        u64 const  entry = bits.entry | encode_address(h, level, f, {out});
        auto const got   = attributes_of(h, f, entry);
        ASSERT_EQ(kind_of(h, level, entry), entry_kind::leaf) << f->name << " 0x" << std::hex << entry;
        ASSERT_TRUE(with_form(h, level, entry, [&](dynamic_form g) { ASSERT_EQ(g.index, f.index); }));
        ASSERT_EQ(leaf_base(h, level, f, entry), output_address{out}) << f->name << " 0x" << std::hex << entry;
        ASSERT_EQ(leaf_lg2(h, level, f, entry), lg2);
        ASSERT_EQ(got.allow, want.allow);
        ASSERT_EQ(got.type, want.type);
        ASSERT_EQ(got.software, want.software);
        ASSERT_EQ(got.global, want.global && f->global != never);
        ASSERT_EQ(got.accessed, want.accessed && f->accessed != never);
        ASSERT_EQ(got.dirty, want.dirty && f->dirty != never && (want.allow & rights::writers) != rights::none);
        ++said;
      }
    });
  });
  EXPECT_GT(said, 0u);
}

TEST_P(codec, sets_no_bit_that_hardware_rejects) {
  each_leaf([&](unsigned level, dynamic_form f) {
    each_wish(f, [&](attributes const &, leaf_bits const &bits) {
      if (bits.flaw != inexpressible::no) return;
      ASSERT_FALSE(leaf_is_reserved(h, level, f, bits.entry)) << f->name << " 0x" << std::hex << bits.entry;
    });
    // And those bits make it reserved, one at a time, unless they make another thing of it.
    if (auto const may = least_rights(h, rights::kernel_read)) {
      auto const bits = encode_attributes(h, f, {.allow = *may});
      ASSERT_EQ(bits.flaw, inexpressible::no) << f->name;
      for (unsigned n = 0; n < 8u * h->entry_bytes; ++n)
        if ((f->zero >> n & 1) != 0) {
          ASSERT_EQ(kind_of(h, level, bits.entry | bit(n)), entry_kind::reserved) << f->name << " bit " << n;
        }
    }
  });
}

TEST_P(codec, says_again_what_it_read) {
  // Any legal leaf: its rights, type, flags and software bits, said again, give the same translation.
  std::mt19937_64 random{7};
  each_leaf([&](unsigned level, dynamic_form f) {
    for (unsigned i = 0; i < 2000; ++i) {
      u64 entry = random() & below(8u * h->entry_bytes);
      entry = (entry & ~f->is.mask & ~f->zero & ~absent_of(h, level).mask) | f->is.value | f->base;
      if (kind_of(h, level, entry) != entry_kind::leaf) continue;
      bool same = false;
      with_form(h, level, entry, [&](dynamic_form g) { same = g.index == f.index; });
      if (!same) continue;
      auto const was  = attributes_of(h, f, entry);
      auto const bits = encode_attributes(h, f, was);
      if (was.type == memory_type::reserved || bits.flaw == inexpressible::rights) continue;  // hardware's own choice, not sayable
      ASSERT_EQ(bits.flaw, inexpressible::no) << f->name << " 0x" << std::hex << entry;
      auto const base = leaf_base(h, level, f, entry);
      u64 const again = bits.entry | encode_address(h, level, f, base);
      ASSERT_EQ(leaf_base(h, level, f, again), base);
      auto now = attributes_of(h, f, again);
      if ((was.allow & rights::writers) == rights::none) now.dirty = was.dirty;  // said only of what can be written
      ASSERT_EQ(now, was) << f->name << " 0x" << std::hex << entry << ", again 0x" << again;
    }
  });
}

TEST_P(codec, makes_table_entries_that_lead_on_and_withhold_nothing) {
  for (unsigned level = 1; level < h->depth; ++level) {
    u64 const sayable = reachable(table_address_of(h, level)) & ~below(table_lg2(h, level - 1)) & below(h->output_bits);
    for (u64 const next : {u64{0}, sayable, sayable & 0x5555'5555'5555'5555}) {
      u64 const entry = encode_table(h, level, {next});
      ASSERT_EQ(kind_of(h, level, entry), entry_kind::table) << "level " << level << " 0x" << std::hex << entry;
      ASSERT_EQ(table_of(h, level, entry), output_address{next});
      ASSERT_EQ(table_rights(h, level, entry), rights::all);
    }
    for (unsigned n = 0; n < 64; ++n)
      if ((h->levels[level].table_zero >> n & 1) != 0) {
        ASSERT_EQ(kind_of(h, level, encode_table(h, level, {0}) | bit(n)), entry_kind::reserved) << "level " << level << " bit " << n;
      }
  }
}

TEST_P(codec, says_zero_is_absent_and_costs_nothing_to_forget) {
  for (unsigned level = 0; level < h->depth; ++level) {
    EXPECT_EQ(kind_of(h, level, 0), entry_kind::absent);
    EXPECT_EQ(duty_of(h, level, 0, 0), duty::none);
  }
}

TEST_P(codec, owes_for_every_change_what_its_architecture_asks) {
  auto const may = least_rights(h, rights::kernel_rw), less = least_rights(h, rights::kernel_read);
  ASSERT_TRUE(may && less);
  each_leaf([&](unsigned level, dynamic_form f) {
    auto const make = [&](attributes const &a, u64 out) {
      return encode_attributes(h, f, a).entry | encode_address(h, level, f, {out});
    };
    u64 const block = u64{1} << (slot_lg2(h, level) + f->run_lg2);
    u64 const leaf  = make({.allow = *may}, 0);
    EXPECT_EQ(duty_of(h, level, 0, leaf), h->caches_absent ? duty::invalidate : duty::publish);
    EXPECT_EQ(duty_of(h, level, leaf, 0), duty::invalidate);
    EXPECT_EQ(duty_of(h, level, leaf, leaf), duty::none);
    EXPECT_EQ(duty_of(h, level, leaf, make({.allow = *less}, 0)), duty::invalidate) << "rights never break";
    if ((reachable(f->address) & block) != 0) {
      EXPECT_EQ(duty_of(h, level, leaf, make({.allow = *may}, block)), h->break_before_make ? duty::break_before_make : duty::invalidate);
    }
    if (h->software != 0) {
      EXPECT_EQ(duty_of(h, level, leaf, leaf ^ (h->software & (~h->software + 1))), duty::none) << "hardware does not look at it";
    }
    if (f->accessed != never) {
      EXPECT_EQ(duty_of(h, level, make({.allow = *may, .accessed = false}, 0), leaf), duty::publish);
    }
    if (level > 0) {
      EXPECT_EQ(duty_of(h, level, leaf, encode_table(h, level, {0})),
                h->break_before_make && !h->resizes_live ? duty::break_before_make : duty::invalidate);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(formats, codec, testing::ValuesIn(all_formats), [](auto const &one) {
  std::string name = one.param.name;
  for (char &c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
});

TEST(codec, refuses_software_bits_the_format_does_not_have) {
  fixed<x86::x86_64_4level> const h{};
  fixed_form<x86::x86_64_4level, 0> const f{};
  EXPECT_EQ(encode_attributes(h, f, {.allow = rights::kernel_rwx, .software = bit(12)}).flaw, inexpressible::software);
  EXPECT_EQ(encode_attributes(h, f, {.allow = rights::kernel_rwx, .type = memory_type::device_gre}).flaw, inexpressible::memory_type);
  EXPECT_EQ(encode_attributes(h, f, {.allow = rights::user_write}).flaw, inexpressible::rights);
}

}  // namespace trial

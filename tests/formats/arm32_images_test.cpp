// SPDX-License-Identifier: MIT
// Every answer of the AArch32 fixtures, short and long descriptors. Run time: a second.
#include <pagewright/formats/arm32.hpp>

#include "images_agree.hpp"

namespace {

using namespace pagewright;

/// What TTBCR and the rest select: a description and a root for each half that is used, and DACR.
struct processor {
  struct side {
    format         description;
    output_address table;
  };
  u32                            ttbcr, dacr;
  std::map<arm32::half, side>    sides;

  explicit processor(std::map<std::string, u64> const &r) : ttbcr{u32(r.at("ttbcr"))}, dacr{u32(r.at("dacr"))} {
    u32 const sctlr = u32(r.at("sctlr"));
    for (auto const space : {arm32::half::lower, arm32::half::upper}) {
      u64 const ttbr = r.at(space == arm32::half::lower ? "ttbr0" : "ttbr1");
      if ((ttbcr >> 31) == 0) {
        if (auto const o = arm32::short_regime_of(ttbcr, space, sctlr, u32(r.at("prrr")), u32(r.at("nmrr"))))
          sides[space] = {arm32::short_descriptors(*o), arm32::root_table(*o, u32(ttbr))};
      } else if (auto const o = arm32::lpae_regime_of(ttbcr, space, sctlr, u32(r.at("mair0")), u32(r.at("mair1")))) {
        auto const f = arm32::lpae_stage1(*o);
        sides[space] = {f, arm32::root_table(f, ttbr).value()};
      }
    }
  }

  template <class Memory>
  auto load(u64 va, Memory const &memory) const -> golden::load_outcome {
    auto const space = arm32::half_of(ttbcr, u32(va));
    if (!space || !sides.contains(*space)) return {};
    auto const &[f, table] = sides.at(*space);
    auto access = arm32::domain_access::client;
    auto const t = walk(dynamic{&f}, root{table}, {va}, memory, [&](step const &s) {
      if (f.entry_bytes == 4 && s.level == 1) access = arm32::access_to(arm32::domain_of(s.entry), dacr);
    });
    if (!t || access == arm32::domain_access::none || access == arm32::domain_access::reserved) return {};
    bool const manager = access == arm32::domain_access::manager;
    return {manager || includes(t->effective, rights::kernel_read) ? std::optional{t->address.value} : std::nullopt,
            manager || (t->effective & rights::user) != rights::none};
  }
};

TEST(arm32_images, agree_with_the_emulator_and_the_guest_kernel_in_every_answer) {
  golden::agrees_in_every_answer<processor>("arm");
}

}  // namespace

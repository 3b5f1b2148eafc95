// SPDX-License-Identifier: MIT
// Every answer of the x86 fixtures as an access. The monitor translates without regard to rights, as a read by the kernel
// with EFLAGS.AC set does; the guest's kernel says what a process may read.
#include <pagewright/mmu/x86.hpp>

#include "../formats/images_agree.hpp"

namespace {

using namespace pagewright;

struct processor {
  x86::mode      mode;
  format         description;
  output_address table;
  x86::mmu       mmu;

  explicit processor(std::map<std::string, u64> const &r)
      : mode{x86::mode_of(r.at("cr0"), r.at("cr4"), r.at("efer")).value()},
        description{x86::format_of(mode, x86::options_of(r.at("cr4"), r.at("efer")))}, table{x86::root_table(mode, r.at("cr3"))},
        mmu{x86::mmu_of({.cr0 = r.at("cr0"), .cr3 = r.at("cr3"), .cr4 = r.at("cr4"), .efer = r.at("efer"), .eflags = bit(18)})} {}

  template <class Memory>
  auto load(u64 va, Memory const &memory) const -> golden::load_outcome {
    dynamic const h{&description};
    auto const kernel = access(h, root{table}, {va}, {}, mmu, memory), user = access(h, root{table}, {va}, {.user = true}, mmu, memory);
    EXPECT_TRUE(kernel || kernel.error().code == 0 || kernel.error().vector != x86::exception_vector::page_fault)
        << std::hex << va << ": " << x86::text(kernel.error().why);
    return {kernel ? std::optional{kernel->address.value} : std::nullopt, user.has_value()};
  }
};

TEST(x86_images, agree_as_accesses_with_the_emulator_and_the_guest_kernel_in_64_bit_modes) {
  golden::agrees_in_every_answer<processor>("x86_64");
}
TEST(x86_images, agree_as_accesses_with_the_emulator_and_the_guest_kernel_in_32_bit_modes) {
  golden::agrees_in_every_answer<processor>("i386");
}

}  // namespace

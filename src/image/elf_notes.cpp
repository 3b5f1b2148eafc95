// SPDX-License-Identifier: MIT
// The notes of an ELF core: registers of each vCPU, and the kernel's own description of itself.
// Notes of one kind come in vCPU order, whatever order the kinds come in: QEMU writes all NT_PRSTATUS and then all its
// own notes for x86, but everything of one vCPU before the next for s390x.

#include <algorithm>
#include <array>
#include <string_view>

#include "containers.hpp"

namespace pagewright::image {
namespace {

constexpr std::uint32_t nt_prstatus    = 1;
constexpr std::uint32_t nt_s390_ctrs   = 0x304;
constexpr std::uint32_t nt_s390_prefix = 0x305;

/// Where NT_PRSTATUS keeps what is wanted: the kernel's struct elf_prstatus with its pt_regs, one row per ABI.
struct prstatus_row {
  std::uint16_t machine;
  std::uint16_t size;
  std::uint8_t  width;
  std::uint16_t pc, sp, status;                               // status 0: none kept
};

constexpr std::array prstatus_rows{
  //           machine                size  width   pc   sp  status
  prstatus_row{elf_machine::x86_64,    336,   8,   240, 264, 256},
  prstatus_row{elf_machine::i386,      144,   4,   120, 132, 128},
  prstatus_row{elf_machine::aarch64,   392,   8,   368, 360, 376},
  prstatus_row{elf_machine::arm,       148,   4,   132, 124, 136},
  prstatus_row{elf_machine::riscv,     376,   8,   112, 128,   0},
  prstatus_row{elf_machine::riscv,     204,   4,    72,  80,   0},
  prstatus_row{elf_machine::s390,      336,   8,   120, 248, 112},
  prstatus_row{elf_machine::loongarch, 480,   8,   376, 136,   0},
};

struct note {
  std::uint32_t    type;
  std::string_view name;                                      // without its terminator
  byte_view        desc;
  std::uint64_t    offset;                                    // of the description, in the file
};

/// No machine has more vCPUs. A file of empty notes must not become a state for each.
constexpr std::size_t cpu_limit = 65536;

[[nodiscard]] auto field(byte_view desc, std::uint64_t offset, unsigned width) noexcept
    -> std::optional<std::uint64_t> {
  if (width == 8) return desc.get<std::uint64_t>(offset);
  auto const value = desc.get<std::uint32_t>(offset);
  return value ? std::optional<std::uint64_t>{*value} : std::nullopt;
}

/// A note of a kind that was seen `count` times before belongs to the vCPU of that number.
[[nodiscard]] auto cpu_of(contents &into, std::size_t &count) -> cpu_state & {
  if (count == into.cpus.size() && count < cpu_limit) into.cpus.emplace_back().index = static_cast<unsigned>(count);
  auto const index = count < cpu_limit ? count++ : cpu_limit - 1;
  return into.cpus[index];
}

void add_prstatus(note const &n, std::uint16_t machine, cpu_state &cpu) {
  auto const row = std::ranges::find_if(prstatus_rows, [&](prstatus_row const &r) {
    return r.machine == machine && r.size == n.desc.size();
  });
  if (row == prstatus_rows.end()) return;
  cpu.pc = field(n.desc, row->pc, row->width);
  cpu.sp = field(n.desc, row->sp, row->width);
  if (row->status != 0) cpu.status = field(n.desc, row->status, row->width);
}

/// QEMU's CPU state, versions 1 and 2: it has grown at its end (432, 440, 448 bytes), never changed before.
/// u32 version, u32 size, 16 registers, rip@136, rflags@144, ten segments of 24 bytes from 152 on, cr0@392 .. cr4@424.
void add_qemu(note const &n, std::string const &file, cpu_state &cpu, warning_list &notes) {
  constexpr std::uint64_t needed = 432;
  auto const desc    = n.desc;
  auto const version = desc.get<std::uint32_t>(0).value_or(0);
  auto const claimed = desc.get<std::uint32_t>(4).value_or(0);
  if (version < 1 || version > 2 || claimed < needed || desc.size() < needed) {
    notes.add("{}: offset {:#x}: QEMU's CPU note has version {} and {} bytes (it says {}); versions 1 and 2 of at "
              "least {} bytes are understood, so CR3 must be given by hand",
              file, n.offset, version, desc.size(), claimed, needed);
    return;
  }
  auto const u64 = [&](std::uint64_t at) { return desc.get<std::uint64_t>(at).value_or(0); };
  auto const u32 = [&](std::uint64_t at) { return desc.get<std::uint32_t>(at).value_or(0); };
  cpu.x86 = x86_state{.cr0 = u64(392), .cr2 = u64(408), .cr3 = u64(416), .cr4 = u64(424),
                      .rip = u64(136), .rflags = u64(144), .cs_selector = u32(152), .cs_flags = u32(160),
                      .long_mode = std::nullopt, .long_mode_evidence = {}};
  if (!cpu.pc)     cpu.pc     = cpu.x86->rip;
  if (!cpu.sp)     cpu.sp     = u64(56);
  if (!cpu.status) cpu.status = cpu.x86->rflags;
}

void add_control(note const &n, cpu_state &cpu) {
  if (!n.desc.has(0, 128)) return;
  std::array<std::uint64_t, 16> control{};
  for (std::size_t i = 0; i < control.size(); ++i) control[i] = n.desc.get<std::uint64_t>(8 * i).value_or(0);
  if (!cpu.s390x) cpu.s390x.emplace();
  cpu.s390x->control = control;
}

void add_prefix(note const &n, cpu_state &cpu) {
  if (!cpu.s390x) cpu.s390x.emplace();
  cpu.s390x->prefix = n.desc.get<std::uint32_t>(0);
}

void add(note const &n, std::string const &file, contents &into, note_counts &seen, warning_list &notes) {
  auto const machine = into.elf->machine;
  auto const is_x86  = machine == elf_machine::x86_64 || machine == elf_machine::i386;
  if (n.type == nt_prstatus && n.name == "CORE")         add_prstatus(n, machine, cpu_of(into, seen.prstatus));
  else if (n.type == 0 && n.name == "QEMU" && is_x86)    add_qemu(n, file, cpu_of(into, seen.qemu), notes);
  else if (n.type == 0 && n.name == "VMCOREINFO") {
    auto const text = n.desc.clip(0, n.desc.size());
    into.vmcoreinfo.assign(reinterpret_cast<char const *>(text.data()), text.size());
    if (auto const end = into.vmcoreinfo.find('\0'); end != std::string::npos) into.vmcoreinfo.resize(end);
  } else if (machine == elf_machine::s390) {
    if (n.type == nt_s390_ctrs)        add_control(n, cpu_of(into, seen.control));
    else if (n.type == nt_s390_prefix) add_prefix(n, cpu_of(into, seen.prefix));
  }
}

}  // namespace

void parse_notes(std::span<std::byte const> bytes, std::uint64_t offset, std::string const &file, contents &into,
                 note_counts &seen, warning_list &notes) {
  // The header is three 32-bit words in ELF64 too, and cores pad to 4 whatever p_align says.
  constexpr auto header = std::uint64_t{12};
  constexpr auto padded = [](std::uint32_t size) { return (std::uint64_t{size} + 3) & ~std::uint64_t{3}; };

  auto const view = byte_view{bytes, into.elf->order};
  for (std::uint64_t at = 0; view.has(at, header);) {
    auto const name_size = view.get<std::uint32_t>(at).value_or(0);
    auto const desc_size = view.get<std::uint32_t>(at + 4).value_or(0);
    auto const type      = view.get<std::uint32_t>(at + 8).value_or(0);
    auto const name_at   = at + header;
    auto const desc_at   = name_at + padded(name_size);      // 2^32 twice over fits in 64 bits
    if (!view.has(name_at, name_size) || !view.has(desc_at, desc_size)) {
      notes.add("{}: offset {:#x}: a note (name of {} bytes, description of {}) goes beyond its segment; it and "
                "what follows were left out, so registers may be missing", file, offset + at, name_size, desc_size);
      return;
    }
    auto const raw  = view.clip(name_at, name_size);
    auto       name = std::string_view{reinterpret_cast<char const *>(raw.data()), raw.size()};
    name = name.substr(0, name.find('\0'));
    auto const desc = byte_view{view.clip(desc_at, desc_size), view.order()};
    add({type, name, desc, offset + desc_at}, file, into, seen, notes);
    at = desc_at + padded(desc_size);
  }
}

/// Intel SDM vol. 3A 4.1.1: paging in long mode needs CR0.PG and CR4.PAE and IA32_EFER.LME; the note has no EFER.
/// CS.L can be set only in long mode (3.4.5), but is clear in its compatibility mode.
void judge_long_mode(contents &into) {
  constexpr std::uint64_t pg = std::uint64_t{1} << 31, pae = 1u << 5;
  constexpr std::uint32_t cs_l = 1u << 21;
  for (auto &cpu : into.cpus) {
    if (!cpu.x86) continue;
    auto      &s   = *cpu.x86;
    auto const say = [&](bool mode, std::string_view why) { s.long_mode = mode; s.long_mode_evidence = why; };
    if ((s.cr0 & pg) == 0)             say(false, "CR0.PG is clear");
    else if ((s.cr4 & pae) == 0)       say(false, "CR4.PAE is clear");
    else if ((s.cs_flags & cs_l) != 0) say(true,  "CS.L is set");
    else if (cpu.index != 0)           continue;
    else if (into.elf->machine == elf_machine::x86_64)
      say(true,  "e_machine is x86-64, which QEMU writes when vCPU 0 is in long mode");
    else
      say(false, "e_machine is i386, which QEMU writes when vCPU 0 is not in long mode");
  }
}

}  // namespace pagewright::image

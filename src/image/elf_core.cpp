// SPDX-License-Identifier: MIT
// ELF cores that hold physical memory: QEMU's dump-guest-memory, /proc/vmcore, what was copied out of /proc/kcore.
//
// Parsed by hand, because the files are exactly those for which libelf 0.188 gives wrong answers without an error: of
// a header table that the end of the file cuts off it reports the smaller count as if that were all, and of
// e_phnum = PN_XNUM with e_shnum = 0 it takes 65535, cut to the file's size, as the count. A dump with silent holes is
// the one thing this reader must never produce. The e_ehsize = 8 that QEMU 7.2 writes is ignored, as in libelf.

#include <limits>

#include "containers.hpp"

namespace pagewright::image {
namespace {

constexpr auto top = std::numeric_limits<std::uint64_t>::max();

constexpr std::uint16_t et_core  = 4;
constexpr std::uint16_t pn_xnum  = 0xFFFF;
constexpr std::uint32_t pt_load  = 1;
constexpr std::uint32_t pt_note  = 4;

/// Where the fields lie (System V gABI, "ELF header", "Program header", "Section header").
struct layout {
  std::uint8_t word;                                          // bytes of an address or offset
  std::uint8_t header, e_phoff, e_shoff, e_phentsize, e_phnum;
  std::uint8_t phdr, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz;
  std::uint8_t sh_info;
};

constexpr layout elf32{4, 52, 28, 32, 42, 44,   32, 4,  8, 12, 16, 20,   28};
constexpr layout elf64{8, 64, 32, 40, 54, 56,   56, 8, 16, 24, 32, 40,   44};

struct program_header {
  std::uint32_t type;
  std::uint64_t offset, vaddr, paddr, filesz, memsz;
};

struct core {
  byte_view          view;
  layout const      &at;
  std::string const &file;

  /// An address-sized field, which the caller knows to be inside the file.
  [[nodiscard]] auto word(std::uint64_t offset) const noexcept -> std::uint64_t {
    return at.word == 4 ? view.get<std::uint32_t>(offset).value_or(0) : view.get<std::uint64_t>(offset).value_or(0);
  }

  /// The value that stands for "none" in an address-sized field.
  [[nodiscard]] auto none() const noexcept -> std::uint64_t { return at.word == 4 ? 0xFFFFFFFF : top; }

  [[nodiscard]] auto header(std::uint64_t offset) const noexcept -> program_header {
    return {view.get<std::uint32_t>(offset).value_or(0), word(offset + at.p_offset), word(offset + at.p_vaddr),
            word(offset + at.p_paddr), word(offset + at.p_filesz), word(offset + at.p_memsz)};
  }
};

struct header_table {
  std::uint64_t offset, count, stride;
};

[[nodiscard]] auto locate_headers(core const &c) -> std::expected<header_table, error> {
  auto const offset = c.word(c.at.e_phoff);                   // not the header's size: QEMU 7.2 puts sections first
  auto const stride = std::uint64_t{c.view.get<std::uint16_t>(c.at.e_phentsize).value_or(0)};
  auto       count  = std::uint64_t{c.view.get<std::uint16_t>(c.at.e_phnum).value_or(0)};
  if (count == pn_xnum) {                                     // gABI: the count did not fit in 16 bits
    auto const section = c.word(c.at.e_shoff);
    auto const info    = section != 0 && c.view.has(section, c.at.sh_info + 4u)
                       ? c.view.get<std::uint32_t>(section + c.at.sh_info) : std::nullopt;
    if (!info)
      return fail("{}: e_phnum is PN_XNUM, but section header 0, which holds the count, is not in the file "
                  "(e_shoff = {:#x}, file size {:#x}); the file is damaged, dump the machine again",
                  c.file, section, c.view.size());
    count = *info;
  }
  if (count == 0)
    return fail("{}: the ELF header names no program headers (e_phnum = 0); there is no memory in it", c.file);
  if (stride < c.at.phdr)
    return fail("{}: e_phentsize is {}, less than the {} bytes of a program header; the file is damaged",
                c.file, stride, c.at.phdr);
  if (offset > c.view.size() || count > (c.view.size() - offset) / stride)
    return fail("{}: {} program headers of {} bytes at offset {:#x} go beyond the end of the file at {:#x}; "
                "the file is truncated, copy it again", c.file, count, stride, offset, c.view.size());
  return header_table{offset, count, stride};
}

struct tally {
  std::uint64_t filtered = 0, filtered_bytes = 0, unplaced = 0, with_bytes = 0, at_zero = 0;
};

[[nodiscard]] auto add_load(core const &c, std::uint64_t index, program_header const &h, contents &into,
                            tally &seen, warning_list &notes) -> std::expected<void, error> {
  // QEMU's dump filter (`begin`, `length`) leaves blocks in the table that have no bytes: unknown, not zero.
  if (h.filesz == 0 && h.offset == c.none()) {
    ++seen.filtered;
    seen.filtered_bytes = h.memsz > top - seen.filtered_bytes ? top : seen.filtered_bytes + h.memsz;
    return {};
  }
  // /proc/kcore marks what is not directly mapped memory so.
  if (h.paddr == c.none()) {
    ++seen.unplaced;
    return {};
  }
  auto const size = h.filesz > h.memsz ? h.filesz : h.memsz;  // some writers leave p_memsz 0
  if (size == 0) return {};
  if (size - 1 > top - h.paddr)
    return fail("{}: program header {}: physical address {:#x} and size {:#x} go beyond 2^64; the file is damaged, "
                "dump the machine again", c.file, index, h.paddr, size);
  if (h.filesz > top - h.offset)
    return fail("{}: program header {}: file offset {:#x} and size {:#x} go beyond 2^64; the file is damaged, "
                "dump the machine again", c.file, index, h.offset, h.filesz);

  auto const bytes = c.view.clip(h.offset, h.filesz);
  if (bytes.size() < h.filesz)
    notes.add("{}: program header {}: {:#x} of {:#x} bytes at physical address {:#x} lie beyond the end of the file "
              "(offset {:#x}, file size {:#x}); they are missing from the image",
              c.file, index, h.filesz - bytes.size(), h.filesz, h.paddr, h.offset, c.view.size());
  if (!bytes.empty()) into.segments.push_back({h.paddr, h.paddr + (bytes.size() - 1), bytes.data()});
  if (h.filesz < h.memsz) into.segments.push_back({h.paddr + h.filesz, h.paddr + (h.memsz - 1), nullptr});

  if (h.filesz != 0) {
    ++seen.with_bytes;
    seen.at_zero += h.paddr == 0 && h.vaddr != 0;
  }
  return {};
}

}  // namespace

auto is_elf(std::span<std::byte const> bytes) noexcept -> bool {
  return byte_view{bytes}.get<std::uint32_t>(0) == 0x464C457F;
}

auto parse_elf(std::span<std::byte const> bytes, std::string const &file, warning_list &notes)
    -> std::expected<contents, error> {
  auto const ident = byte_view{bytes};
  if (!is_elf(bytes)) return fail("{}: does not begin with the ELF magic; it is not an ELF core", file);
  auto const elf_class = ident.get<std::uint8_t>(4).value_or(0);
  auto const data      = ident.get<std::uint8_t>(5).value_or(0);
  if (elf_class != 1 && elf_class != 2)
    return fail("{}: offset 4: ELF class {} is neither 32-bit (1) nor 64-bit (2); the file is damaged", file,
                elf_class);
  if (data != 1 && data != 2)
    return fail("{}: offset 5: ELF byte order {} is neither little (1) nor big (2); the file is damaged", file, data);

  auto const order = data == 1 ? std::endian::little : std::endian::big;
  auto const c     = core{byte_view{bytes, order}, elf_class == 1 ? elf32 : elf64, file};
  if (bytes.size() < c.at.header)
    return fail("{}: the ELF header is truncated: {} of {} bytes; copy the file again", file, bytes.size(),
                c.at.header);
  if (auto const type = c.view.get<std::uint16_t>(16).value_or(0); type != et_core)
    return fail("{}: is an ELF file of type {}, not a core (4); give the dump, not the kernel, or name it raw",
                file, type);

  auto const table = locate_headers(c);
  if (!table) return std::unexpected{table.error()};

  contents into;
  into.elf = elf_identity{.machine    = c.view.get<std::uint16_t>(18).value_or(0),
                          .class_bits = static_cast<std::uint8_t>(elf_class == 1 ? 32 : 64),
                          .order      = order};
  tally       seen;
  note_counts notes_seen;
  auto        notes_left = c.view.size();                     // overlapping segments must not multiply the work
  for (std::uint64_t i = 0; i < table->count; ++i) {
    auto const h = c.header(table->offset + i * table->stride);
    if (h.type == pt_load) {
      if (auto done = add_load(c, i, h, into, seen, notes); !done) return std::unexpected{std::move(done.error())};
    } else if (h.type == pt_note) {
      auto const part = c.view.clip(h.offset, h.filesz);
      if (part.size() < h.filesz)
        notes.add("{}: program header {}: {:#x} bytes of notes at offset {:#x} go beyond the end of the file at "
                  "{:#x}; registers may be missing", file, i, h.filesz, h.offset, c.view.size());
      if (part.size() > notes_left) {
        notes.add("{}: program header {}: its notes overlap others and were left out", file, i);
        continue;
      }
      notes_left -= part.size();
      parse_notes(part, h.offset, file, into, notes_seen, notes);
    }
  }
  judge_long_mode(into);

  // A process core (gcore, the kernel's) has virtual addresses and says 0 for every physical one.
  if (seen.with_bytes > 1 && seen.at_zero == seen.with_bytes)
    return fail("{}: each of its {} segments claims physical address 0: it is the core of a process, not of a "
                "machine; use QEMU's dump-guest-memory", file, seen.with_bytes);
  if (into.segments.empty())
    return fail("{}: none of its {} program headers holds memory at a known physical address; dump the machine "
                "again, without a filter", file, table->count);
  if (seen.filtered != 0)
    notes.add("{}: {} blocks of memory ({:#x} bytes) were left out when the dump was made; they are holes", file,
              seen.filtered, seen.filtered_bytes);
  if (seen.unplaced != 0)
    notes.add("{}: {} segments have no physical address and were left out", file, seen.unplaced);
  return into;
}

}  // namespace pagewright::image

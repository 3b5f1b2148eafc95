// SPDX-License-Identifier: MIT
// How QEMU and Bochs are started on memory that the host has prepared.
#pragma once

#include <elf.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "emulator.hpp"
#include "x86_machine.hpp"

namespace machine::x86 {

/// A program for each width of the machine's words, and the boot sector that loads either under Bochs.
struct programs {
  std::string program, boot_sector;
};

/// With two processors, though one sleeps: of one alone QEMU would check a locked instruction's read before its write.
inline auto start_qemu(ram const &memory, std::string const &emulator, programs const &p, std::string const &processor)
    -> ended {
  auto const size = std::to_string(memory.bytes() / MiB) + "M";
  return run({emulator, "-accel", "tcg", "-M", "pc,memory-backend=ram,max-ram-below-4g=64M", "-m", size, "-object",
              "memory-backend-file,id=ram,share=on,size=" + size + ",mem-path=" + memory.path().string(), "-cpu", processor,
              "-smp", "2", "-nodefaults", "-display", "none", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
              "-kernel", p.program},
             std::chrono::seconds{120});
}

/// Copies what an ELF file loads to memory, `down` bytes below its address; returns its entry point.
template <class Header, class Segment>
auto load_elf(ram &memory, std::string const &file, u64 down) -> u64 {
  Header h;
  std::memcpy(&h, file.data(), sizeof h);
  for (unsigned n = 0; n < h.e_phnum; ++n) {
    Segment s;
    std::memcpy(&s, file.data() + h.e_phoff + n * sizeof s, sizeof s);
    if (s.p_type == PT_LOAD) std::memcpy(memory.at<u8>(s.p_paddr - down, s.p_memsz).data(), file.data() + s.p_offset, s.p_filesz);
  }
  return h.e_entry;
}
inline auto load_elf(ram &memory, std::string const &path, u64 down = 0) -> u64 {
  std::ifstream     in{path, std::ios::binary};
  std::string const file{std::istreambuf_iterator<char>{in}, {}};
  if (file.size() < sizeof(Elf64_Ehdr)) throw std::runtime_error{path + " is no program"};
  return file[EI_CLASS] == ELFCLASS64 ? load_elf<Elf64_Ehdr, Elf64_Phdr>(memory, file, down)
                                      : load_elf<Elf32_Ehdr, Elf32_Phdr>(memory, file, down);
}

/// Everything before `tables_end` that matters, and the control block with its arrays, go through the disk.
inline auto start_bochs(ram &memory, std::string const &emulator, programs const &p, std::string const &processor, u64 tables_end)
    -> ended {
  load_elf(memory, p.boot_sector, 0x7c00);
  auto &list = memory.at<disk_list>(disk_list_at)[0];
  list.entry = static_cast<u32>(load_elf(memory, p.program));
  auto const &c = memory.at<control>(control_at)[0];
  unsigned n = 0;
  auto const part = [&](u64 first, u64 end) {
    list.parts[n++] = {static_cast<u32>(first / disk_chunk), static_cast<u32>((end - first + disk_chunk - 1) / disk_chunk)};
  };
  part(payload_at, payload_at + disk_chunk);
  part(tables_at, tables_end);
  part(targets_at, targets_at + target_bytes);
  part(control_at, c.answers + c.count * sizeof(answer));

  auto const disk = memory.path().string(), config = disk + ".bochsrc", go_on = disk + ".go", log = disk + ".log";
  std::ofstream{config} << "display_library: sdl2\n"
                           "cpu: count=1, ips=4000000, reset_on_triple_fault=0, model=" << processor << "\n"
                           "memory: guest=64, host=64\n"
                           "romimage: file=/usr/share/bochs/BIOS-bochs-latest\n"
                           "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest\n"
                           "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n"
                           "boot: disk\n"
                           "panic: action=fatal\nerror: action=report\ninfo: action=ignore\n"
                        << "ata0-master: type=disk, mode=flat, heads=16, spt=32, cylinders=" << memory.bytes() / (16 * 32 * 512)
                        << ", path=" << disk << "\nlog: " << log << "\n";
  std::ofstream{go_on} << "c\n";  // Debian's has a debugger, which waits for a command
  auto const e = run({"/usr/bin/env", "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy", emulator, "-q", "-f", config, "-rc",
                      go_on}, std::chrono::seconds{120});
  for (auto const &file : {config, go_on, log, disk + ".lock"}) std::filesystem::remove(file);
  return e;
}

}  // namespace machine::x86

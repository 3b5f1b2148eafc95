// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string_view>

#include <format_file/format_file.hpp>
#include <inspect/number.hpp>

namespace pagewright::tool {
namespace {

using inspect::blame;
using inspect::problem;

[[noreturn]] void reject(std::string const &option, std::string const &message) {
  throw CLI::ValidationError{option, message};
}

template <class Value>
void add_choice(CLI::App &command, std::string const &name, std::string const &help,
                std::map<std::string, Value> const &choices, std::function<void(Value)> const &chosen) {
  std::string all;
  for (auto const &[word, value] : choices) all += (all.empty() ? "" : "|") + word;
  command.add_option_function<std::string>(name, [=](std::string const &text) {
    auto const found = choices.find(text);
    if (found == choices.end()) reject(name, fmt::format("'{}' is none of {}", text, all));
    chosen(found->second);
  }, help)->type_name(all);
}

/// The decimal number `text`, at most `most`; otherwise the parse of the command line ends.
[[nodiscard]] auto decimal(std::string const &name, std::string const &text, u64 most) -> u64 {
  u64 value = 0;
  auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || value > most)
    reject(name, fmt::format("'{}' is not a decimal number{}", text, value > most ? fmt::format(" up to {}", most) : ""));
  return value;
}

auto add_small(CLI::App &command, std::string const &name, std::string const &help, std::optional<unsigned> &into)
    -> CLI::Option * {
  return command.add_option_function<std::string>(name, [name, &into](std::string const &text) {
    into = static_cast<unsigned>(decimal(name, text, ~0u));
  }, help)->type_name("N");
}

constexpr char const *machine_group = "Machine (overrides what the image tells)",
                     *access_group  = "Access, and the stage below";

}  // namespace

auto add_hex(CLI::App &command, std::string const &name, std::string const &help, std::optional<u64> &into)
    -> CLI::Option * {
  return command.add_option_function<std::string>(name, [name, &into](std::string const &text) {
    into = inspect::parse_hex(text);
    if (!into) reject(name, fmt::format("'{}' is not a hexadecimal number of at most 64 bits", text));
  }, help)->type_name("HEX");
}

auto add_size(CLI::App &command, std::string const &name, std::string const &help, std::optional<u64> &into)
    -> CLI::Option * {
  return command.add_option_function<std::string>(name, [name, &into](std::string const &text) {
    into = inspect::parse_size(text);
    if (!into) reject(name, fmt::format("'{}' is not a size: write 4096, 0x1000, 4K, 2M or 1G", text));
  }, help)->type_name("SIZE");
}

auto add_count(CLI::App &command, std::string const &name, std::string const &help, std::optional<u64> &into)
    -> CLI::Option * {
  return command.add_option_function<std::string>(name, [name, &into](std::string const &text) {
    into = decimal(name, text, ~u64{0});
  }, help)->type_name("N");
}

auto add_text(CLI::App &command, std::string const &name, std::string const &help, std::string &into) -> CLI::Option * {
  return command.add_option_function<std::string>(name, [name, &into](std::string const &text) {
    if (text.empty()) reject(name, "is given an empty value");
    into = text;
  }, help);
}

void add_image_words(CLI::App &command, arguments &into) {
  command.add_option_function<std::vector<std::string>>("FILE", [&into](std::vector<std::string> const &words) {
    into.files.insert(into.files.end(), words.begin(), words.end());
  }, "Memory images, as for --file")->type_name("FILE[@HEXBASE]");
}

auto names_machine(CLI::App const &command) -> bool {
  auto const given =
      command.get_options([](CLI::Option const *o) { return o->get_group() == machine_group && o->count() != 0; });
  return !given.empty();
}

void add_source_options(CLI::App &command, arguments &into) {
  auto       &g      = into.asked.given;
  auto *const source = &command;
  source->add_option("-f,--file", into.files,
                     "Memory image: raw (FILE@HEXBASE says where it begins; several make one image), ELF core, LiME; "
                     "as it is or compressed with zstd or gzip")
      ->allow_extra_args(false)->type_name("FILE[@HEXBASE]")->group("Image");
  using image::container;
  add_choice<std::optional<container>>(*source, "--format", "What the file is, where its first bytes do not tell",
    {{"auto", std::nullopt}, {"raw", container::raw}, {"elf", container::elf}, {"lime", container::lime}},
    [&into](auto chosen) { into.container = chosen; });
  source->get_option("--format")->group("Image");

  auto const machine = [&](CLI::Option *o) { o->group(machine_group); };
  source->add_option_function<std::string>("--arch", [&into](std::string const &name) {
    into.asked.arch = inspect::architecture_named(name);
    if (!into.asked.arch) reject("--arch", fmt::format("'{}' is none of {}", name, inspect::architecture_names));
  }, fmt::format("{}", inspect::architecture_names))->type_name("ARCH");
  machine(source->get_option("--arch"));
  machine(add_small(*source, "--cpu", "The vCPU whose registers decide; 0 by default", into.asked.cpu));
  machine(add_hex(*source, "--cr0", "x86: CR0; s390x: control register 0", g.cr0));
  machine(add_hex(*source, "--cr3", "x86: CR3", g.cr3));
  machine(add_hex(*source, "--cr4", "x86: CR4", g.cr4));
  machine(add_hex(*source, "--efer", "x86: EFER", g.efer));
  machine(add_hex(*source, "--pat", "x86: IA32_PAT, for memory types", g.pat));
  machine(add_small(*source, "--phys-bits", "x86: physical address bits, 32 to 52; 52 by default", into.asked.physical_bits));
  machine(add_hex(*source, "--ttbr0", "AArch64: TTBR0_EL1, the lower half; 32-bit Arm: TTBR0", g.ttbr0));
  machine(add_hex(*source, "--ttbr1", "AArch64: TTBR1_EL1, the upper half; 32-bit Arm: TTBR1", g.ttbr1));
  machine(add_hex(*source, "--tcr", "AArch64: TCR_EL1; by default 4K granules and 48-bit halves", g.tcr));
  machine(add_hex(*source, "--mair", "AArch64: MAIR_EL1, for memory types", g.mair));
  machine(add_hex(*source, "--ttbcr", "32-bit Arm: TTBCR; by default short descriptors, and TTBR0 alone", g.ttbcr));
  machine(add_hex(*source, "--sctlr", "32-bit Arm: SCTLR, for TRE, AFE, EE, WXN and UWXN; AArch64: SCTLR_EL1, for WXN and EPAN of --access", g.sctlr));
  machine(add_hex(*source, "--prrr", "32-bit Arm: PRRR, for memory types of short descriptors", g.prrr));
  machine(add_hex(*source, "--nmrr", "32-bit Arm: NMRR, likewise", g.nmrr));
  machine(add_hex(*source, "--mair0", "32-bit Arm: MAIR0, for memory types of long descriptors", g.mair0));
  machine(add_hex(*source, "--mair1", "32-bit Arm: MAIR1, likewise", g.mair1));
  machine(add_hex(*source, "--asce", "s390x: address-space-control element, as in CR1, CR7 or CR13", g.asce));
  machine(add_hex(*source, "--satp", "RISC-V: satp", g.satp));
  machine(add_hex(*source, "--menvcfg", "RISC-V: menvcfg, for PBMTE and ADUE", g.menvcfg));
  machine(add_hex(
      *source, "--root",
      "Physical address of the top table, instead of CR3, TTBR or satp; needs --arch where the image does not tell",
      g.root));
  machine(add_text(*source, "--mode",
                   "With --root, RISC-V: sv32, sv39, sv48, sv57; AArch64: lower (default) or upper; 32-bit Arm: short "
                   "(default) or long; s390x: 31, 42, 53 or 64. Without, s390x: primary, secondary or home",
                   into.asked.mode)
              ->type_name("MODE"));
  machine(add_text(*source, "--format-file", "With --root: tables of the format that FILE describes (TOML)", into.format_file)
              ->type_name("FILE"));
}

void add_access_options(CLI::App &command, arguments &into) {
  auto      &g   = into.asked.given;
  auto const add = [&](char const *name, char const *help, std::optional<u64> &to) {
    add_hex(command, name, help, to)->group(access_group);
  };
  add("--eflags", "x86: EFLAGS, for AC", g.eflags);
  add("--pkru", "x86: PKRU, for protection keys of user pages", g.pkru);
  add("--pkrs", "x86: IA32_PKRS, for those of supervisor pages", g.pkrs);
  add("--pstate", "AArch64: PSTATE as in SPSR, for PAN and UAO; 32-bit Arm: CPSR, for PAN", g.pstate);
  add("--dacr", "32-bit Arm: DACR, for domains", g.dacr);
  add("--sstatus", "RISC-V: sstatus, for SUM and MXR", g.sstatus);
  add("--eptp", "x86: EPTP: the image is the host's, and the tables are a guest's (Intel)", g.eptp);
  add("--ncr3", "x86: nCR3: likewise (AMD), with 4 levels", g.ncr3);
  add("--vttbr", "AArch64: VTTBR_EL2: likewise", g.vttbr);
  add("--vtcr", "AArch64: VTCR_EL2, with --vttbr", g.vtcr);
  add("--hcr", "AArch64: HCR_EL2, for FWB and PTW", g.hcr);
  add("--hgatp", "RISC-V: hgatp: likewise", g.hgatp);
}

void add_output_options(CLI::App &command, arguments &into, bool csv) {
  using inspect::layout;
  std::map<std::string, layout> layouts{{"table", layout::table}, {"json", layout::json}, {"ndjson", layout::ndjson}};
  if (csv) layouts.emplace("csv", layout::csv);
  add_choice<layout>(command, "--output", "How to write the answer", layouts, [&into](layout l) { into.layout = l; });
  add_text(command, "-o",
           "Write to FILE, which is replaced only when all is written; never coloured. '-': standard output",
           into.output)
      ->type_name("FILE");
  add_choice<colouring>(command, "--color", "Colour; auto: on a terminal, unless NO_COLOR is set",
    {{"auto", colouring::automatic}, {"always", colouring::always}, {"never", colouring::never}},
    [&into](colouring c) { into.colour = c; });
  command.add_flag("--no-header", into.no_header, "No titles and totals");
  for (auto const *name : {"--output", "-o", "--color", "--no-header"}) command.get_option(name)->group("Output");
}

auto complain(std::string_view message, exit_code code) noexcept -> exit_code {
  // fmt::print throws when nothing can be written.
  std::fprintf(stderr, "pagewright: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

auto complain(problem const &p) noexcept -> exit_code {
  return complain(p.message, p.whose == blame::request ? usage : unreadable_input);
}

void warn(image::image const &source) noexcept {
  for (auto const &line : source.warnings()) std::fprintf(stderr, "pagewright: warning: %s\n", line.c_str());
}

auto open_image(arguments const &a) -> std::expected<image::image, problem> {
  if (a.files.empty())
    return inspect::refuse(blame::request, "no image is named; add FILE, FILE@HEXBASE for raw memory, or see --help");
  auto opened = image::image::open(a.files, {.format = a.container});
  if (!opened) return inspect::refuse(blame::input, "{}", opened.error().message);
  return std::move(*opened);
}

auto machine_of(arguments const &a, image::image const &source) -> std::expected<inspect::machine, problem> {
  if (a.format_file.empty()) return inspect::find_machine(a.asked, {source.cpus(), source.elf()});
  auto const described = read_format(a.format_file);
  if (!described) return std::unexpected{described.error()};
  auto asked         = a.asked;
  asked.described    = described->share();
  asked.described_in = a.format_file;
  return inspect::find_machine(asked, {source.cpus(), source.elf()});
}

auto read_format(std::string const &path) -> std::expected<format_file::owned_format, problem> {
  auto read = format_file::read_file(path);
  if (!read) return inspect::refuse(blame::input, "{}", read.error().text());
  return std::move(*read);
}

auto keeps_inputs(std::string const &output, std::span<std::string const> inputs) -> std::expected<void, problem> {
  for (auto const &name : inputs)
    for (auto const &path : {name, name.substr(0, name.rfind('@'))}) {
      std::error_code none;
      if (output != "-" && std::filesystem::equivalent(output, path, none))
        return inspect::refuse(blame::request, "-o {}: is also an input, {}; name another file", output, name);
    }
  return {};
}

auto open_output(arguments const &a, std::string const &batch) -> std::expected<inspect::output_file, problem> {
  if (a.output == "-") return inspect::output_file{};
  auto inputs = a.files;
  inputs.insert(inputs.end(), {a.format_file, batch});
  if (auto const ok = keeps_inputs(a.output, inputs); !ok) return std::unexpected{ok.error()};
  return inspect::output_file::create(a.output);
}

auto style_for(arguments const &a, inspect::output_file const &out) -> inspect::style {
  auto const set = [](char const *name) {
    auto const *const value = std::getenv(name);
    return value != nullptr ? std::string_view{value} : std::string_view{};
  };
  bool const wanted = a.colour == colouring::always || (a.colour == colouring::automatic && out.is_terminal() &&
                                                        set("NO_COLOR").empty() && set("TERM") != "dumb");
  return {.colour = wanted && a.output == "-", .header = !a.no_header};
}

}  // namespace pagewright::tool

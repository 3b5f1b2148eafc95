// SPDX-License-Identifier: MIT
#include "image.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <filesystem>
#include <system_error>

#include "containers.hpp"

namespace pagewright::image {
namespace {

using namespace std::string_view_literals;

/// Formats that would make a meaningless raw image, and the way out. Windows, VMware, kdump: their published headers.
struct foreign {
  std::string_view magic, what, advice;
};

constexpr std::array foreigners{
  foreign{"KDUMP   "sv,         "a kdump-compressed dump",   "have QEMU write ELF: no -z, -l or -s"},
  foreign{"DISKDUMP"sv,         "a diskdump",                "convert it to ELF with makedumpfile -E"},
  foreign{"makedumpfile"sv,     "a flattened kdump",         "rearrange it with makedumpfile -R, then make it ELF"},
  foreign{"AVML"sv,             "a compressed AVML capture", "convert it to LiME with avml-convert"},
  foreign{"PAGEDU64"sv,         "a Windows crash dump",      "capture the machine with QEMU's dump-guest-memory"},
  foreign{"PAGEDUMP"sv,         "a Windows crash dump",      "capture the machine with QEMU's dump-guest-memory"},
  foreign{"QEVM"sv,             "a QEMU snapshot stream",    "use dump-guest-memory instead of savevm or migrate"},
  foreign{"LibvirtQemud"sv,     "a libvirt save file",       "use virsh dump --memory-only"},
  foreign{"\xD0\xBE\xD0\xBE"sv, "a VMware state file",       "give the .vmem file that lies beside it"},
  foreign{"\xD2\xBE\xD2\xBE"sv, "a VMware state file",       "give the .vmem file that lies beside it"},
  foreign{"\xD3\xBE\xD3\xBE"sv, "a VMware state file",       "give the .vmem file that lies beside it"},
  foreign{"\xD1\xBA\xD1\xBA"sv, "a VMware state file",       "give the .vmem file that lies beside it"},
  foreign{"\xD2\xBA\xD2\xBA"sv, "a VMware state file",       "give the .vmem file that lies beside it"},
  foreign{"\xFD" "7zXZ\0"sv,    "compressed with xz",        "unpack it first"},
  foreign{"BZh"sv,              "compressed with bzip2",     "unpack it first"},
  foreign{"\x04\x22\x4D\x18"sv, "compressed with lz4",       "unpack it first"},
  foreign{"QFI\xFB"sv,          "a qcow2 disk image",        "give a memory dump, not a disk"},
};

[[nodiscard]] auto recognise(std::span<std::byte const> bytes) -> foreign const * {
  auto const text  = std::string_view{reinterpret_cast<char const *>(bytes.data()), bytes.size()};
  auto const found = std::ranges::find_if(foreigners, [&](foreign const &f) { return text.starts_with(f.magic); });
  return found == foreigners.end() ? nullptr : &*found;
}

struct named_file {
  std::string                  path;
  std::optional<std::uint64_t> base;
};

/// FILE or FILE@HEXBASE, as the crash utility writes it. A file that has the whole spec for its name comes first.
[[nodiscard]] auto parse_spec(std::string const &spec) -> std::expected<named_file, error> {
  auto ignored = std::error_code{};
  auto const mark = spec.rfind('@');
  if (mark == std::string::npos || std::filesystem::exists(spec, ignored)) return named_file{spec, {}};

  auto digits = std::string_view{spec}.substr(mark + 1);
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  std::uint64_t base = 0;
  auto const [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), base, 16);
  if (code == std::errc::result_out_of_range)
    return fail("{}: the base address '{}' has more than 64 bits", spec, digits);
  if (code != std::errc{} || end != digits.data() + digits.size())
    return fail("{}: no such file, and '{}' is not a hexadecimal base address; write FILE@HEXBASE, such as "
                "memory.bin@80000000", spec, digits);
  if (mark == 0) return fail("{}: no file name before '@'; write FILE@HEXBASE", spec);
  return named_file{spec.substr(0, mark), base};
}

}  // namespace

/// Gathers the segments of every file; the map is made once all are known.
class image::builder {
 public:
  [[nodiscard]] auto add(mapped_file file, std::string path, std::optional<std::uint64_t> base,
                         open_options const &options) -> std::expected<void, error> {
    source from{std::move(path), container::raw, compression::none, file.bytes().size(), base};
    if (options.unpack) from.packing = sniff_compression(file.bytes());
    if (from.packing != compression::none) {
      auto unpacked = decompress(from.packing, file.bytes(), from.path, options.unpack_limit, notes_);
      if (!unpacked) return std::unexpected{std::move(unpacked.error())};
      file = std::move(*unpacked);
    }

    auto const bytes = file.bytes();
    if (base && options.format.value_or(container::raw) != container::raw)
      return fail("{}: a base address, here {:#x}, belongs to raw memory; {} has its own addresses", from.path, *base,
                  name(*options.format));
    if (options.format)       from.format = *options.format;
    else if (base)            from.format = container::raw;      // the person said so: memory may begin with any bytes
    else if (is_elf(bytes))   from.format = container::elf;
    else if (is_lime(bytes))  from.format = container::lime;
    else if (auto const *f = recognise(bytes))
      return fail("{}: is {}, which is not read here; {}. To read the bytes as they are, name the format raw",
                  from.path, f->what, f->advice);
    else if (is_zlib_of(lime_magic, bytes))
      return fail("{}: is a LiME file compressed with zlib (LiME's compress=1), which is not read here; unpack it "
                  "first, for instance with pigz -dz", from.path);
    else if (sniff_compression(bytes) != compression::none && from.packing != compression::none)
      return fail("{}: is compressed twice; unpack it once first", from.path);

    auto part = from.format == container::elf  ? parse_elf(bytes, from.path, notes_)
              : from.format == container::lime ? parse_lime(bytes, from.path, notes_)
                                               : parse_raw(bytes, from.path, base.value_or(0));
    if (!part) return std::unexpected{std::move(part.error())};
    if (base && (is_elf(bytes) || is_lime(bytes)))
      notes_.add("{}: begins like {}, but was given a base address and is read as raw memory", from.path,
                 is_elf(bytes) ? "an ELF file" : "a LiME file");
    merge(std::move(*part), from.path);
    result_.files_.push_back(std::move(file));
    result_.sources_.push_back(std::move(from));
    return {};
  }

  [[nodiscard]] auto finish() && -> image {
    result_.map_ = physical_map{segments_};
    if (auto const &c = result_.map_.contradicted(); c.segments != 0)
      notes_.add("{} segments hold addresses that an earlier one holds with other bytes, first at {:#x}; the earlier "
                 "one is read", c.segments, c.first_address);
    result_.warnings_ = std::move(notes_).take();
    return std::move(result_);
  }

 private:
  void merge(contents &&part, std::string const &path) {
    segments_.insert(segments_.end(), part.segments.begin(), part.segments.end());
    if (part.elf && result_.elf_ && part.elf->machine != result_.elf_->machine)
      notes_.add("{}: is of a {} machine (e_machine {}), an earlier file of {} ({}); the earlier one is believed", path,
                 machine_name(part.elf->machine), part.elf->machine, machine_name(result_.elf_->machine),
                 result_.elf_->machine);
    if (!result_.elf_) result_.elf_ = part.elf;
    if (result_.cpus_.empty()) result_.cpus_ = std::move(part.cpus);
    if (result_.vmcoreinfo_.empty()) result_.vmcoreinfo_ = std::move(part.vmcoreinfo);
  }

  image                result_;
  std::vector<segment> segments_;
  warning_list         notes_;
};

auto image::open(std::span<std::string const> specs, open_options const &options) -> std::expected<image, error> try {
  if (specs.empty()) return fail("no image file was given; name at least one FILE or FILE@HEXBASE");
  builder gathered;
  for (auto const &spec : specs) {
    auto named = parse_spec(spec);
    if (!named) return std::unexpected{std::move(named.error())};
    auto file = mapped_file::open(named->path, options.unpack_limit);
    if (!file) return std::unexpected{std::move(file.error())};
    if (auto done = gathered.add(std::move(*file), std::move(named->path), named->base, options); !done)
      return std::unexpected{std::move(done.error())};
  }
  return std::move(gathered).finish();
} catch (std::exception const &e) {
  return fail("the image could not be opened: {}; free some memory or unpack the file first", e.what());
}

auto image::from_bytes(std::vector<std::byte> bytes, std::string name, open_options const &options,
                       std::optional<std::uint64_t> base) -> std::expected<image, error> try {
  builder gathered;
  if (auto done = gathered.add(mapped_file::adopt(std::move(bytes)), std::move(name), base, options); !done)
    return std::unexpected{std::move(done.error())};
  return std::move(gathered).finish();
} catch (std::exception const &e) {
  return fail("the image could not be opened: {}; free some memory", e.what());
}

}  // namespace pagewright::image

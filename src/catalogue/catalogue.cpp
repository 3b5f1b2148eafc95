// SPDX-License-Identifier: MIT
#include "catalogue.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "families.hpp"

namespace pagewright::catalogue {
namespace {

constexpr family const *all[]{
    &x86_family,         &ept_family,         &npt_family,         &arm64_family,       &arm64_stage2_family,
    &arm32_short_family, &arm32_lpae_family,  &riscv_family,       &riscv_guest_family, &loongarch_family,
    &power_radix_family, &s390x_family,       &sparc_srmmu_family, &m68k_family,        &alpha_family,
    &vtd_family,         &amdvi_family,       &riscv_iommu_family, &smmuv3_family,      &dart_family,
    &nvidia_family,      &intel_ppgtt_family, &amdgpu_family,      &mali_family,
};

[[nodiscard]] auto lower(std::string_view text) -> std::string {
  std::string out{text};
  for (char &c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// How many letters must be added, removed, changed or swapped with their neighbour to make `b` of `a`.
[[nodiscard]] auto distance(std::string_view a, std::string_view b) -> std::size_t {
  std::vector<std::size_t> before, last, row(b.size() + 1);  // for two letters of `a` less, one less, and up to here
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row.back();
}

[[nodiscard]] auto quoted_list(std::span<std::string_view const> names) -> std::string {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i != 0) out += i + 1 == names.size() ? " or " : ", ";
    out += fmt::format("'{}'", names[i]);
  }
  return out;
}

}  // namespace

auto families() -> std::span<family const *const> { return all; }

auto nearest(std::string_view word, std::span<std::string_view const> known, std::size_t most)
    -> std::vector<std::string_view> {
  auto const                                       wanted = lower(word);
  std::vector<std::pair<std::size_t, std::size_t>> rates;  // how far, and which: equally far ones as they are listed
  for (std::size_t i = 0; i < known.size(); ++i) {
    auto const is   = lower(known[i]);
    bool const part = wanted.size() >= 2 && is.contains(wanted);
    auto const far  = part ? is.starts_with(wanted) ? 0 : 1 : distance(wanted, is);
    if (part || far <= std::max<std::size_t>(2, wanted.size() / 3)) rates.emplace_back(far, i);
  }
  std::ranges::sort(rates);
  std::vector<std::string_view> found;
  for (auto const &[far, i] : rates)
    if (found.size() < most) found.push_back(known[i]);
  return found;
}

auto find(std::string_view name) -> std::expected<choice, inspect::problem> {
  auto const wanted = lower(name);
  for (auto const *f : all)
    for (auto const &v : f->variants)
      if (lower(v.name) == wanted) return choice{f, &v};
  for (auto const *f : all)
    if (lower(f->name) == wanted) return choice{f, nullptr};

  // The name that a description bears itself, as dumps and walks print it.
  std::vector<choice>           bearers;
  std::vector<std::string_view> known;
  for (auto const *f : all)
    for (auto const &v : f->variants)
      if (lower(v.description->name) == wanted) bearers.push_back({f, &v}), known.push_back(v.name);
  if (bearers.size() == 1) return bearers.front();
  if (!bearers.empty())
    return inspect::refuse(inspect::blame::request, "'{}' is what several formats call themselves; name one of them: {}",
                           name, quoted_list(known));

  for (auto const *f : all) {
    known.push_back(f->name);
    for (auto const &v : f->variants) known.push_back(v.name);
  }
  auto const near = nearest(name, known);
  if (near.empty())
    return inspect::refuse(inspect::blame::request, "there is no format '{}'; 'pagewright formats' lists them", name);
  return inspect::refuse(inspect::blame::request,
                         "there is no format '{}'; nearest: {}. 'pagewright formats' lists all", name,
                         quoted_list(near));
}

auto find_format(std::string_view name) -> std::expected<choice, inspect::problem> {
  auto found = find(name);
  if (!found || found->one != nullptr) return found;
  if (found->of->variants.size() == 1) return choice{found->of, &found->of->variants[0]};
  std::vector<std::string_view> members;
  for (auto const &v : found->of->variants) members.push_back(v.name);
  return inspect::refuse(inspect::blame::request, "'{}' is a family of formats; name one of them: {}", name,
                         quoted_list(members));
}

}  // namespace pagewright::catalogue

// SPDX-License-Identifier: MIT
// Two handles for one body of code: a format known at compile time folds into constants, one known at run time is
// interpreted. Every algorithm takes a handle and a level; with `fixed` the level is an integral constant.
#pragma once

#include <concepts>

#include "format.hpp"

namespace pagewright {

template <unsigned N>
using level_constant = std::integral_constant<unsigned, N>;

/// One of a format's shapes of leaf, as a constant.
template <format const &F, unsigned N>
struct fixed_form {
  static constexpr unsigned index = N;
  constexpr auto operator->() const noexcept -> form const * { return &F.forms[N]; }
  constexpr operator form const &() const noexcept { return F.forms[N]; }
};

/// One of a format's shapes of leaf, known at run time.
struct dynamic_form {
  form const *shape;
  unsigned    index;
  constexpr auto operator->() const noexcept -> form const * { return shape; }
  constexpr operator form const &() const noexcept { return *shape; }
};

/// A format known at compile time: as tight as hand-written code. `F` needs static storage duration.
template <format const &F>
struct fixed {
  static constexpr bool is_fixed = true;

  constexpr auto operator->() const noexcept -> format const * { return &F; }
  constexpr auto operator*() const noexcept -> format const & { return F; }

  /// The level of the root table.
  static constexpr auto top() noexcept { return level_constant<F.depth - 1u>{}; }

  /// The level below. Below level 0 lies nothing; there it names level 0 again so that recursion stays finite.
  template <unsigned L>
  static constexpr auto below(level_constant<L>) noexcept {
    return level_constant<(L == 0 ? 0u : L - 1u)>{};
  }

  /// Calls `body(level)` from the root downward until it returns true.
  template <class Body>
  PAGEWRIGHT_INLINE static constexpr void descend(Body &&body) {
    [&]<std::size_t... I>(std::index_sequence<I...>) PAGEWRIGHT_INLINE {
      (void)(body(level_constant<F.depth - 1u - I>{}) || ...);
    }(std::make_index_sequence<F.depth>{});
  }

  /// Calls `body(shape)` for the shapes of leaf a level can hold until it returns true; returns whether one did.
  template <unsigned L, class Body>
  PAGEWRIGHT_INLINE static constexpr auto any_form(level_constant<L>, Body &&body) -> bool {
    return [&]<std::size_t... I>(std::index_sequence<I...>) PAGEWRIGHT_INLINE {
      auto const one = [&](auto i) PAGEWRIGHT_INLINE -> bool {
        constexpr unsigned n = F.levels[L].leaves[i];
        if constexpr (n < max_forms) return body(fixed_form<F, n>{});
        else return false;
      };
      return (one(std::integral_constant<std::size_t, I>{}) || ...);
    }(std::make_index_sequence<4>{});
  }

  /// The same for a level known only at run time.
  template <class Body>
  static constexpr auto any_form(unsigned level, Body &&body) -> bool {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return ((level == I && any_form(level_constant<I>{}, body)) || ...);
    }(std::make_index_sequence<F.depth>{});
  }
};

/// A format known at run time. The format must outlive the handle.
struct dynamic {
  static constexpr bool is_fixed = false;

  format const *description;

  constexpr auto operator->() const noexcept -> format const * { return description; }
  constexpr auto operator*() const noexcept -> format const & { return *description; }

  constexpr auto top() const noexcept -> unsigned { return description->depth - 1u; }
  static constexpr auto below(unsigned level) noexcept -> unsigned { return level == 0 ? 0 : level - 1; }

  template <class Body>
  constexpr void descend(Body &&body) const {
    for (unsigned level = description->depth; level-- > 0;)
      if (body(level)) return;
  }

  template <class Body>
  constexpr auto any_form(unsigned level, Body &&body) const -> bool {
    for (unsigned const n : description->levels[level].leaves) {
      if (n >= max_forms) return false;
      if (body(dynamic_form{&description->forms[n], n})) return true;
    }
    return false;
  }
};

template <class H>
concept handle = std::copyable<H> && requires(H h, bool (*level)(unsigned), bool (*shape)(form const &)) {
  { *h } -> std::same_as<format const &>;
  { h.operator->() } -> std::same_as<format const *>;
  { h.top() } -> std::convertible_to<unsigned>;
  { h.below(h.top()) } -> std::convertible_to<unsigned>;
  { h.any_form(h.top(), shape) } -> std::same_as<bool>;
  h.descend(level);
  { H::is_fixed } -> std::convertible_to<bool>;
};

/// Formats of which one is chosen at boot (LA57, TCR.T0SZ, Sv39/48/57): one switch per operation, not per level.
template <format const &... F>
class one_of {
 public:
  /// Chooses the `n`-th. Precondition: n < sizeof...(F).
  explicit constexpr one_of(unsigned n) noexcept : chosen_{n} {}

  /// Calls `body` with the chosen fixed handle; all instances must return the same type.
  template <class Body>
  constexpr decltype(auto) visit(Body &&body) const {
    return visit_from<0, F...>(body);
  }

 private:
  template <unsigned N, format const &First, format const &... Rest, class Body>
  constexpr decltype(auto) visit_from(Body &body) const {
    if constexpr (sizeof...(Rest) == 0) {
      return body(fixed<First>{});
    } else {
      if (chosen_ == N) return body(fixed<First>{});
      return visit_from<N + 1, Rest...>(body);
    }
  }

  unsigned chosen_;
};

}  // namespace pagewright

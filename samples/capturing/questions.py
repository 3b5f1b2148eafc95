# SPDX-License-Identifier: MIT
"""Which addresses the monitor is asked about: edges and insides of leaves of every size, holes, the test program's own
pages, random addresses in and outside of the canonical halves. The choice is the same for the same tables."""
import random

LEAVES_OF_A_SIZE, HOLES, ZOO_PAGES, RANDOM, NONCANONICAL = 400, 400, 300, 250, 120
FIRST_BYTES = 12000         # on targets whose monitor lists no leaves


def spread(items, most):
    """At most `most` of the items, evenly, always with the first and the last."""
    if len(items) <= most:
        return list(items)
    return [items[i * (len(items) - 1) // (most - 1)] for i in range(most)]


def addresses(seed, regime, leaves, holes, zoo, listed):
    rng, out = random.Random(seed), set()
    by_size  = {}
    for leaf in sorted(leaves):
        by_size.setdefault(leaf.size, []).append(leaf)
    for of_size in by_size.values():
        for leaf in spread(of_size, LEAVES_OF_A_SIZE):
            out.update((leaf.va, leaf.va + rng.randrange(leaf.size), leaf.va + leaf.size - 1, leaf.va + leaf.size))
    if not listed:
        out.update(leaf.va for leaf in spread(sorted(leaves), FIRST_BYTES))
    out.update(va + rng.randrange(size) for va, size in rng.sample(holes, min(HOLES, len(holes))))
    out.update(va + rng.randrange(4096) for va in rng.sample(zoo, min(ZOO_PAGES, len(zoo))))
    for top in filter(None, regime.tops):
        span = 1 << (regime.shift(top.level) + top.bits)
        out.update((top.first, top.first + span - 1))
        out.update(top.first + rng.randrange(span) for _ in range(RANDOM))
    top = (1 << regime.bits_of_va) - 1
    if regime.bits_of_va == 64:
        # Just outside of both halves, flipped top bits of good addresses, anything at all.
        span = 1 << (regime.shift(regime.tops[0].level) + regime.tops[0].bits)
        out.update((span, top - span))
        out.update(leaf.va ^ 1 << rng.randrange(47, 64) for leaf in rng.sample(leaves, min(NONCANONICAL, len(leaves))))
        out.update(rng.getrandbits(64) for _ in range(NONCANONICAL))
    return sorted(va for va in out if va <= top)

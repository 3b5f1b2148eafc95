# SPDX-License-Identifier: MIT
"""Writes every ```cpp block of the given Markdown files to a file of its own and prints their names.

usage: extract.py OUTDIR FILE.md...
Each block is a whole program: it must compile and end with status 0. A block that shows only a part of one is fenced
with ```c++ instead and is not taken.
"""
import pathlib
import re
import sys


def main() -> int:
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:]:
        page = pathlib.Path(name)
        blocks = re.findall(r"^```cpp\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)
        for number, block in enumerate(blocks, 1):
            source = out / f"{page.stem.lower()}_{number}.cpp"
            if not source.exists() or source.read_text(encoding="utf-8") != block:
                source.write_text(block, encoding="utf-8")
            print(source)
    return 0


if __name__ == "__main__":
    sys.exit(main())

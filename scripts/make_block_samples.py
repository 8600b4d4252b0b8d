#!/usr/bin/env python3
"""Copies a few cases of the golden block data into tests/data/blocks.

A fresh clone has no golden data beside it; these samples let its tests compare with the reference
all the same: every type, with and without importance weights, expected hashes only.

    scripts/make_block_samples.py path/to/golden/blocks tests/data/blocks
"""
import json
import pathlib
import shutil
import sys

INPUTS = ["gauss_outliers", "ties_half", "signed_zeros", "pow2_edges", "mixed_magnitude", "ternary"]
WEIGHTS = [None, "imatrix/zeros30.1024.f32"]
FIELDS = ["input", "imatrix", "nrows", "ncols", "type", "type_id", "status", "sha256_expected",
          "sha256_dequantized", "valid"]


def main(source: pathlib.Path, target: pathlib.Path) -> None:
    manifest = json.loads((source / "manifest.json").read_text())
    kept = [case for case in manifest["cases"]
            if case["case"] in INPUTS and case["imatrix"] in WEIGHTS]
    files = {case["input"] for case in kept} | {case["imatrix"] for case in kept} - {None}
    for file in sorted(files):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, target / file)
        (target / file).chmod(0o644)
    lines = [json.dumps({field: case[field] for field in FIELDS if field in case}) for case in kept]
    (target / "manifest.json").write_text('{"cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{len(kept)} cases, {len(files)} files in {target}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))

"""Fetch and verify Fashion-MNIST, and print what it holds.

python -m fashion_model.data [--data-dir DIR]     exit code 4 without the data
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fashion_model.data.published import find_source
from fashion_model.data.splits import DataError, load_training


def main(arguments: list[str] | None = None) -> int:
    """Print a summary on stdout, or what is wrong on stderr. Returns the exit code: 0, or 4 without data."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.data", description="Fetch and verify Fashion-MNIST.")
    parser.add_argument("--data-dir", type=Path, help="folder with the four files (default: the usual places)")
    try:
        source = find_source(parser.parse_args(arguments).data_dir)
        splits = load_training(source, seed=0)
    except DataError as error:
        print(error, file=sys.stderr)
        return 4
    train, validation = len(splits.train), len(splits.validation)
    print(f"Fashion-MNIST from {source.kind} ({source.folder}): 4 files, SHA-256 as published")
    print(f"  {train:,} to train on, {validation:,} to validate on, 10,000 to test on; 10 classes")
    print(f"  split {splits.sha256[:8]}, as every run over all of these images makes it, unless --split-seed is given")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

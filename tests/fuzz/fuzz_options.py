"""Fuzz this target, led by coverage: ``python -m fuzz.fuzz_options CORPUS [options]``."""

from fuzz.fuzzing import fuzz

if __name__ == "__main__":
    fuzz("options")

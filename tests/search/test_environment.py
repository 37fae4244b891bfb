"""What a record says of the machine that it was made on."""

from __future__ import annotations

import pytest

from search.environment import processor


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("fpu sse2 avx avx2 fma avx512f avx512bw", "AMD EPYC (AVX-512)"),
        ("fpu sse2 avx avx2 fma", "AMD EPYC (AVX2)"),
        ("fpu sse2", "AMD EPYC"),
    ],
)
def test_a_processor_is_told_with_its_widest_vectors(flags: str, told: str) -> None:
    one = f"processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: {flags}\n"
    assert processor(one + one) == told


def test_a_processor_without_a_name_is_told_by_none() -> None:
    assert processor("processor : 0\nFeatures : fp asimd\n") == ""

"""What a record says of the machine that it was made on."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from cluster.resources import ClusterSize
from search.run_folder.environment import environment, processor


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


def test_where_the_project_is_installed_the_repository_around_it_is_not_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (
        ["init", "-q"],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "m"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)  # noqa: S607
    (tmp_path / "site-packages").mkdir()
    monkeypatch.setattr("search.run_folder.environment._LOCK", tmp_path / "site-packages" / "requirements.lock")
    assert environment(ClusterSize(1.0, 0.0, 1)).commit == ""
    monkeypatch.setattr("search.run_folder.environment._LOCK", tmp_path / "requirements.lock")
    assert len(environment(ClusterSize(1.0, 0.0, 1)).commit) == 40


def test_the_commit_and_the_locks_hash_are_those_of_the_repository() -> None:
    root = Path(__file__).parents[3]
    found = environment(ClusterSize(cpus=1.0, gpus=0.0, gpu_model="", nodes=1))
    assert found.lock_sha256 == hashlib.sha256((root / "requirements.lock").read_bytes()).hexdigest()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)  # noqa: S607
    if head.returncode:
        pytest.skip("no repository, or git refuses it")
    assert found.commit.rstrip("+") == head.stdout.strip()

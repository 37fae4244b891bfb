"""The baked image has what a search needs: every package, the locked versions, and only what the builder is sent."""

from __future__ import annotations

import re
import tomllib

from tests.cluster.shipped import ROOT

FOLDER = ROOT / "cluster"


def copied() -> set[str]:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    return {source.rstrip("/") for source in re.findall(r"^COPY --chown=ray:users (\S+) ", text, re.MULTILINE)}


def test_every_package_and_the_lock_file_are_copied() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packages = {pattern.rstrip("*") for pattern in settings["packages"]["find"]["include"]}
    assert copied() == packages | {"requirements.lock", "pyproject.toml"}


def test_the_builder_is_sent_what_is_copied_and_nothing_else() -> None:
    lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert {pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")} == copied()


def test_packages_come_from_the_lock_file_with_its_hashes() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert "pip install --no-cache-dir --require-hashes -r requirements.lock" in text
    assert re.findall(r"[\w-]+==\d\S*", text) == []

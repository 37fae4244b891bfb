"""The project as a wheel: its contents, and its command and README's lines where only the wheel was installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("fashion_model", "search", "cluster", "reports")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves folders in the one that it builds."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(source)], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel in it; the packages that it needs are those of this environment."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True)
    return folder


def _run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment in a folder; PYTHONPATH might lead to this checkout, so it is left out."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True)


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert "fashion-search = search.run:main" in archive.read(
            next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        ).decode("utf-8")
    expected = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sorted(names) == sorted(expected)
    assert {"cluster/slurm.sh", "cluster/config.yaml", "reports/layout/page/page.css", "search/session/api.py"} <= names


def test_the_command_and_the_import_work_from_another_folder(environment: Path, tmp_path: Path) -> None:
    told = _run(tmp_path, environment / "bin" / "fashion-search", "--print-config")
    assert told.returncode == 0, told.stderr
    assert "trials = 50" in told.stdout
    code = "import search; from search import Settings; print(search.__file__, Settings(name='a').trials)"
    found = _run(tmp_path, environment / "bin" / "python", "-c", code)
    assert found.stdout.split() == [str(next(environment.glob("lib/*/site-packages/search/__init__.py"))), "50"]


def test_a_cluster_file_is_checked_against_what_is_installed(environment: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "cluster" / "on-prem.yaml", tmp_path)
    checked = _run(tmp_path, environment / "bin" / "python", "-m", "cluster.check", "on-prem.yaml")
    assert "Traceback" not in checked.stderr
    assert "FILL-IN" in checked.stdout + checked.stderr


@pytest.mark.slow
def test_a_search_from_python_and_the_readmes_lines_work_from_another_folder(environment: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(240, dtype=np.uint8) % 3
    images = random.integers(0, 60, (240, 28, 28), dtype=np.uint8) + (80 * labels)[:, np.newaxis, np.newaxis].astype(
        np.uint8
    )
    np.savez(tmp_path / "own.npz", x_train=images, y_train=labels, x_test=images[:60], y_test=labels[:60])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.search(r"    import keras\n(?:    .*\n)+", readme)
    assert lines is not None
    code = f"""
from pathlib import Path
import numpy as np
from search import Settings, run_search
found = run_search(
    Settings(name="NAME", data="own.npz", local=True, trials=1, epochs=2, retrain_seeds=1, finalists=1)
)
assert found.sentence in found._repr_html_()
assert found.model_file() == Path("runs/NAME/models/best.keras").resolve()
images = np.load("own.npz")["x_test"]
{re.sub("^    ", "", lines[0], flags=re.MULTILINE)}
expected = np.load("runs/NAME/predictions.npz")["best"][0]
np.testing.assert_allclose(probabilities, expected, atol=1e-6)
print(len(found.outcome.trials))
"""
    ran = _run(tmp_path, environment / "bin" / "python", "-c", code)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "1"

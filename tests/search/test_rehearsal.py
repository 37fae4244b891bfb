"""--dry-run: it finds what a run would refuse, with the run's own exit code, and leaves nothing behind."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE
from fashion_model.data import __main__ as make_data
from fashion_model.data.published import find_source
from fashion_model.data.splits import load_training
from fashion_model.task import FASHION_MNIST
from search.command.settings import Settings
from search.run import main
from search.session.rehearsal import _NO_BASIS
from search.study.open_study import StudySpec, open_study
from search.study.storage.database import Database, sqlite_url
from search.study.storage.lock import StudyLock, only_driver
from tests.reports.conftest import Plan, finish

from .conftest import Watcher
from .run_folder.test_earlier import OTHER, OUTSIDE, make_earlier_run
from .test_resume_arguments import make_run


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of its own; a rehearsal starts neither Ray nor a training."""
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def refused(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    before = sorted(Path.cwd().rglob("*"))
    code = main(["--dry-run", *flags])
    out, err = capsys.readouterr()
    assert out == ""
    assert sorted(Path.cwd().rglob("*")) == before
    return code, err


def test_it_says_what_would_be_done_and_does_nothing(real_data: str, capsys: pytest.CaptureFixture[str]) -> None:
    trials = ["--trials", "8", "--epochs", "3", "--retrain-seeds", "2", "--name", "n", "--gpus-per-trial", "0"]
    assert main(["--dry-run", *trials, "--data-dir", real_data, "--max-concurrent", "1"]) == 0
    out = capsys.readouterr().out
    for line in (
        "trials = 8",
        f"# would make {Path.cwd()}/runs/n",
        "# space: batch_size: 32 | 64 | 128",
        "# place: this machine, 1 CPU a trial, 1 at a time",
        f"# {_NO_BASIS}",
        f"# up to 8 trials of at most 3 epochs, in {Path.cwd()}/runs/n",
        "# then up to 12 trainings of finalists and 4 of reference and best, 3 epochs each",
    ):
        assert line in out.splitlines()
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("added", ['{"conv_blocks": 4}', '{"conv_blocks": 3, "kernel_size": 5}'])
def test_a_configuration_of_ones_own_that_leaves_no_pixel_is_refused(
    added: str, real_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = refused(capsys, "--add-config", added, "--data-dir", real_data)
    assert code == 2
    assert f"error: --add-config must be a network for the images. Received: {added}: " in err


def test_with_gpus_it_shows_the_space_that_a_run_on_them_has(
    real_data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("search.session.rehearsal.gpus_here", lambda: 1)
    for flags, most in (([], "60_000_000"), (["--size", "small"], "10_000_000"), (["--local"], "10_000_000")):
        assert main(["--dry-run", *flags, "--data-dir", real_data]) == 0
        assert f"# space: multiply_adds: 2_631_040 to {most}, log" in capsys.readouterr().out.splitlines()


def test_other_settings_than_the_studys_are_refused_before_it_is_gone_on_with(
    real_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = Settings(name="a", size="small", train_size=300)
    folder = make_run(begun)
    database = Database(sqlite_url(folder / "study.db"))
    split = load_training(find_source(Path(real_data)), seed=0, size=300).sha256
    open_study(StudySpec.of(begun, StudyLock(database, "a"), folder, split, FASHION_MNIST), Watcher()).close()
    again = ["--dry-run", "--resume", "a", "--data-dir", real_data]
    assert main(again) == 0
    capsys.readouterr()
    assert main([*again, "--seed", "9"]) == 2
    assert "\n  seed: 0 in the study, 9 now\n" in capsys.readouterr().err


def test_a_study_of_other_settings_in_a_database_of_ones_own_is_refused_to_a_new_run(
    real_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begun, database = Settings(name="b", size="small", train_size=300), Database(sqlite_url(Path("shared.db")))
    again = ["--dry-run", "--name", "b", "--storage", database.url, "--train-size", "300", "--data-dir", real_data]
    assert main([*again, "--seed", "9"]) == 0, "there is no study yet"
    split = load_training(find_source(Path(real_data)), seed=0, size=300).sha256
    open_study(StudySpec.of(begun, StudyLock(database, "b"), Path.cwd(), split, FASHION_MNIST), Watcher()).close()
    assert main(again) == 0
    capsys.readouterr()
    assert main([*again, "--seed", "9"]) == 2
    assert "\n  seed: 0 in the study, 9 now\n" in capsys.readouterr().err


def test_a_finished_run_has_nothing_left_to_do_and_refuses_what_it_would_ignore(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = Settings(name="a", trials=3, epochs=4, retrain_seeds=2)
    search = finish(Plan(images=30, seeds=2, trials=3, epochs=4, study="a"))
    replace(search, outcome=replace(search.outcome, settings=settings.to_dict())).write(make_run(settings))
    assert main(["--dry-run", "--resume", "a"]) == 0
    assert capsys.readouterr() == ("", "already complete: 3 trials, nothing is left to do\n")
    code, err = refused(capsys, "--resume", "a", "--sampler", "random")
    assert (code, "more --trials alone. Received: --sampler, of a run of 3 trials" in err) == (2, True)


def test_it_says_from_how_many_trials_of_earlier_runs_it_would_learn(
    real_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256 = load_training(find_source(Path(real_data)), seed=0, size=300).sha256
    make_earlier_run(Settings(name="before", epochs=2, train_size=300), sha256, [REFERENCE, OTHER, OUTSIDE])
    flags = ["--data-dir", real_data, "--train-size", "300", "--warm-start", "before", "--gpus-per-trial", "0"]
    assert main(["--dry-run", *flags, "--epochs", "2"]) == 0
    told = "# warm start: learns from 2 complete trials of earlier runs; 1 other left out: no points of this space"
    assert told in capsys.readouterr().out.splitlines()
    code, said = refused(capsys, *flags, "--epochs", "3")
    assert code == 2
    assert "  epochs: 2 in the study, 3 now\n" in said


@pytest.mark.parametrize("flags", [[], ["--seed", "7"], ["--split-seed", "0", "--seed", "1"]], ids=" ".join)
def test_a_seeds_split_has_one_name_in_make_data_and_in_a_run(
    flags: list[str], real_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_data.main(["--data-dir", real_data]) == 0
    split = capsys.readouterr().out.split("  split ")[1].split(",")[0]
    assert main(["--dry-run", "--data-dir", real_data, *flags]) == 0
    assert f"from --data-dir, split {split}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--data-dir", "/nonexistent"], 4, "/nonexistent/train-images-idx3-ubyte.gz must be the published"),
        (["--data", "missing.npz"], 4, "missing.npz must be a file"),
        (["--output", "/dev/null/runs"], 2, "--output must name a folder that can be written"),
        (
            ["--storage", "sqlite:////nowhere/study.db"],
            4,
            "A study must be in a folder that can be written.",
        ),
        (["--storage-path", "/dev/null/x"], 4, "Checkpoints must be writable. Received: /dev/null/x"),
        (["--storage-path", "s4://bucket/x"], 4, "Checkpoints must be writable. Received: s4://bucket/x"),
        (["--cpus-per-trial", "9999"], 2, "A trial must fit a machine of the cluster. Received: 9999 CPUs"),
        (["--gpus-per-trial", "99"], 2, "A trial must fit a machine of the cluster. Received: "),
        (["--time-budget", "10s"], 2, "--time-budget must be at least "),
        (["--storage", "postgresql+pg8000://me@127.0.0.1:1/db"], 2, "needs the Python package pg8000"),
        (["--storage", "postgresql+psycopg://me@127.0.0.1:1/db"], 4, "The study's database must be reachable"),
    ],
)
def test_what_a_run_would_refuse_is_refused(
    flags: list[str], code: int, message: str, real_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if flags[0].startswith("--data") else ["--data-dir", real_data]
    found, err = refused(capsys, *flags, *where)
    assert found == code, err
    assert message in err


def test_an_address_where_no_ray_listens_is_refused(real_data: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{server.getsockname()[1]}"
        code, err = refused(capsys, "--address", address, "--data-dir", real_data)
    assert (code, f"must reach the Ray cluster at {address}. Received: " in err) == (4, True)


def test_a_name_that_is_taken_is_refused_and_its_run_stays(real_data: str, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(Settings(name="a"))
    code, err = refused(capsys, "--name", "a", "--data-dir", real_data)
    assert (code, "A run must have a folder of its own" in err) == (2, True)
    assert main(["--dry-run", "--name", "a", "--overwrite", "--data-dir", real_data]) == 0
    assert (Path("runs") / "a" / "config.json").exists()


def test_a_run_that_another_driver_works_on_is_busy(real_data: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_run(Settings(name="a"))
    with only_driver(folder / ".lock"):
        for flags in (["--name", "a"], ["--resume", "a"]):
            code, err = refused(capsys, *flags, "--data-dir", real_data)
            assert (code, "A study has one driver at a time" in err) == (5, True)

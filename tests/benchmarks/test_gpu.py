"""The GPU's benchmark on a machine without one: it says so, and its commands run and go on where they stopped."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks.gpu import _PARTS, Figures, Measured, main, measure, read, search
from benchmarks.record import save
from fashion_model.data.splits import TrainingSplits


def test_without_a_gpu_nothing_is_measured_and_a_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.gpu.tf.config.list_physical_devices", lambda kind: [])
    main(["--part", "loop", "--folder", str(tmp_path)])
    assert "There is none: nothing was measured." in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_part_leaves_out_what_is_known_and_ends_when_its_time_is_up(
    tmp_path: Path, tiny_splits: TrainingSplits, capsys: pytest.CaptureFixture[str]
) -> None:
    known = Figures(tuple(Measured(part="trial", case=f"point {number}", seconds=1.0) for number in range(19)))
    save("gpu", known, known.table(), tmp_path)
    assert read(tmp_path / "gpu.json") == known
    assert list(measure("trial", tiny_splits, known, deadline=0.0)) == []
    assert "goes on with: point 19" in capsys.readouterr().err
    (last,) = measure("trial", tiny_splits, known, deadline=time.monotonic() + 600)
    assert (last.part, last.case, last.images) == ("trial", "point 19", len(tiny_splits.train))
    assert 0 < last.first_seconds < last.seconds


def test_a_case_that_fails_is_told_and_left_out_and_those_after_it_are_measured(
    tiny_splits: TrainingSplits, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> Measured:
        raise RuntimeError("no such contender")

    cases = [("one", fails), ("two", lambda: Measured(part="", case="", seconds=2.0))]
    monkeypatch.setitem(_PARTS, "rivals", lambda splits: iter(cases))
    measured = list(measure("rivals", tiny_splits, Figures(()), deadline=time.monotonic() + 600))
    assert measured == [Measured(part="rivals", case="two", seconds=2.0)]
    told = capsys.readouterr().err
    assert "rivals: one failed, and is left out" in told
    assert "RuntimeError: no such contender" in told


def test_what_is_kept_names_the_gpus_and_the_cores_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.record.usable_cores", lambda: 3)
    known = Figures((Measured(part="loop", case="one", seconds=1.0),))
    where = json.loads(save("gpu", known, known.table(), tmp_path, ["NVIDIA H100"] * 2).read_text())["environment"]
    assert (where["cpus"], where["gpus"], where["gpu_model"]) == (3.0, 2.0, "NVIDIA H100")


def test_a_search_that_is_known_is_not_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Measured(part="search", case="50 trials, finalists, report", seconds=60.0)
    calls: list[float] = []

    def search(folder: Path, seconds: float) -> Measured:
        calls.append(seconds)
        return measured

    monkeypatch.setattr("benchmarks.gpu.search", search)
    for _ in range(2):
        main(["--part", "search", "--try", "--seconds", "9", "--folder", str(tmp_path)])
        assert read(tmp_path / "gpu.json").cases == (measured,)
    assert calls == [9.0]


def test_a_search_goes_on_with_what_it_kept_and_counts_the_seconds_of_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command, run = tmp_path / "python", tmp_path / "runs" / "gpu-search"
    command.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\nexit $(cat {tmp_path}/code)\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setattr("benchmarks.gpu.sys.executable", str(command))
    (tmp_path / "code").write_text("130", encoding="utf-8")
    assert search(tmp_path, 60.0) is None
    assert "search: exit code 130" in capsys.readouterr().err
    run.with_suffix(".seconds").write_text("100", encoding="utf-8")  # of a search that kept nothing
    assert search(tmp_path, 60.0) is None
    assert float(run.with_suffix(".seconds").read_text(encoding="utf-8")) < 100
    run.mkdir()
    (run / "config.json").touch()
    (tmp_path / "code").write_text("0", encoding="utf-8")
    run.with_suffix(".seconds").write_text("100", encoding="utf-8")
    measured = search(tmp_path, 60.0)
    assert measured is not None
    assert 100 < measured.seconds < 160
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert ["--trials 50" in line for line in asked] == [True, True, False]
    assert asked[2] == f"-m search.run --no-progress --resume {run}"


@pytest.mark.slow
def test_the_loop_s_contenders_train(tmp_path: Path, tiny_splits: TrainingSplits) -> None:
    cases = measure("loop", tiny_splits, Figures(()), deadline=time.monotonic() + 600)
    service, bare = next(cases), next(cases)
    assert [case.case.partition(":")[0] for case in (service, bare)] == ["service", "bare loop"]
    assert (service.images, bare.images) == (200, 192)  # the bare loop leaves out what fills no batch of 32

"""The shipped cluster/config.yaml and on-prem.yaml from `ray up` to `ray down`, with real searches in between.

    pytest -m lab      prints what took how long

The cloud's story happens once, in a fixture; each test says one thing about it. Both stories are in one file, because
their hosts have the same names and two files may be run at a time.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from reports.records import SearchOutcome, load_outcome

from .checkpoints import Checkpoints, watched
from .cluster_files import cloud_file, on_prem_file, write
from .hosts import DATA, Lab, laboratory
from .laptop import Clock, Submit, Training, fetched, machines, set_up, submit, wait_until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

WORKERS, TRIALS, EPOCHS = 3, 6, 5
# Two blocks, and an optimizer with which no trial diverges
FIXED = ("--fix", "conv_blocks=2", "--fix", "convs_per_block=1", "--fix", "optimizer=adam")
# Trials as small as the reference: the hosts share two cores, and their made-up GPUs ask for the size of real ones
SMALL = ("--size", "small", "--max-multiply-adds", "2631040", *FIXED)
LENGTH = ("--train-size", "1800", "--epochs", str(EPOCHS), "--finalists", "1", "--ablate", "0", "--retrain-seeds", "1")
SIZE = (*SMALL, *LENGTH, "--pruner", "none")
EACH = ("--cpus-per-trial", "1", "--gpus-per-trial", "1", "--data-dir", str(DATA))
ASK_THE_API = """python - <<'END'
import os, urllib.error, urllib.request
token = open(os.path.expanduser("~/.ray/auth_token")).read().strip()
for sent in (None, "0" * 64, token):
    headers = {"Authorization": f"Bearer {sent}"} if sent else {}
    request = urllib.request.Request("http://127.0.0.1:8265/api/jobs/", headers=headers)
    try:
        print(urllib.request.urlopen(request, timeout=20).status)
    except urllib.error.HTTPError as error:
        print(error.code)
END"""


# First in the file: the cloud's hosts, of the same names, stay up until its last test.
def test_own_machines_start_when_trials_wait_one_loses_its_power_and_idle_ones_are_left(
    show: Callable[[str], None],
) -> None:
    with laboratory(WORKERS) as lab, watched(lab.shared / "checkpoints" / "own" / "checkpoints") as checkpoints:
        clock = Clock()
        set_up(lab)
        file = write(lab, "lab.yaml", on_prem_file(lab))
        cluster = ("--cluster", str(file))
        clock.mark(f"laptop, head and {WORKERS} workers are on")
        where = (*cluster, "--name", "own", "--storage-path", "/mnt/shared/checkpoints")
        search = Submit(lab, (*where, "--trials", str(TRIALS), *SIZE, *EACH), "own.log")
        search.wait_until(lambda: "submitted: own" in search.text(), 200.0, "submitted")
        assert with_ray(lab) == [], "none is started before trials wait"
        clock.mark("`ray up` is done, the search submitted")
        training = Training(lab)
        search.wait_until(lambda: 0 < training.look() == len(checkpoints.under_way()), 400.0, "each trial has a state")
        clock.mark(f"each trial under way, of {len(training.seen)}, has a checkpoint")
        lost = training.seen[0]
        lost_ns = checkpoints.newest_ns()
        lab.power_off(lost)
        clock.mark(f"{lost} powered off")
        assert search.wait(400.0) == 0, search.text()
        assert "runs/own/report.html" in search.text()
        clock.mark("the search has ended, the report is on the laptop")
        left = [name for name in lab.workers if name != lost]
        wait_until(lambda: not with_ray(lab, left), 200.0, "no worker runs Ray", lambda: str(with_ray(lab, left)))
        clock.mark("Ray has ended on the idle workers")
        down = submit(lab, *cluster, "--follow", "own", "--down")
        clock.mark("fetched once more, and `ray down`")
        show(clock.table())

        assert down.returncode == 0, down.stderr
        assert lab.run("head", "ray status").returncode != 0, "Ray has ended on the head"
        trials = load_outcome(fetched(lab, "own") / "outcome.json").trials
        assert [(trial.status, len(trial.measurements)) for trial in trials] == [("COMPLETE", EPOCHS)] * TRIALS
        ran_on = {trial.work.worker.partition(":")[0] for trial in trials} | {lost}
        assert len(ran_on) > 1, "two may have done all of them before the third had started"
        assert ran_on <= set(lab.workers)
        checkpoints.must_go_on(trials, lost_ns)


@dataclass
class Story:
    """What happened."""

    lab: Lab
    clock: Clock
    checkpoints: Checkpoints
    powered_off: str = ""
    powered_off_ns: int = 0
    detached: tuple[int, str] = (0, "")
    api_answers: list[str] = field(default_factory=list)
    ended: subprocess.CompletedProcess[str] | None = None
    head_alone: list[str] = field(default_factory=list)
    taken_down: subprocess.CompletedProcess[str] | None = None
    after: list[str] = field(default_factory=list)
    too_late: subprocess.CompletedProcess[str] | None = None

    def outcome(self) -> SearchOutcome:
        return load_outcome(fetched(self.lab, "lab") / "outcome.json")


@pytest.fixture(scope="module")
def story(show: Callable[[str], None]) -> Iterator[Story]:
    with laboratory(WORKERS) as lab:
        with watched(lab.shared / "checkpoints" / "lab" / "checkpoints") as checkpoints:
            told = Story(lab, Clock(), checkpoints)
            _happen(told)
        show(told.clock.table())
        yield told


def _happen(told: Story) -> None:
    lab, clock = told.lab, told.clock
    set_up(lab)
    cluster = ("--cluster", str(write(lab, "lab.yaml", cloud_file(lab))))
    where = (*cluster, "--name", "lab", "--storage-path", "/mnt/shared/checkpoints")
    search = (*where, "--trials", str(TRIALS), *SIZE, *EACH)
    clock.mark(f"laptop, head and {WORKERS} hosts for workers are on")

    first = Submit(lab, search, "first.log")
    first.wait_until(lambda: "submitted: lab" in first.text(), 200.0, "submitted")
    clock.mark("`ray up` is done, the search submitted")
    first.wait_until(lambda: len(machines(lab)) == WORKERS + 1, 200.0, "workers launched")
    clock.mark(f"{WORKERS} workers launched")
    training = Training(lab)
    first.wait_until(lambda: 0 < training.look() == len(told.checkpoints.under_way()), 400.0, "each trial has a state")
    clock.mark(f"each trial under way, of {len(training.seen)}, has a checkpoint")
    told.powered_off = training.seen[0]
    told.powered_off_ns = told.checkpoints.newest_ns()
    lab.power_off(told.powered_off)
    clock.mark(f"{told.powered_off} powered off")
    told.detached = (first.interrupt(), first.text())
    told.api_answers = lab.run("head", ASK_THE_API).stdout.split()
    clock.mark("the laptop watches no longer")

    told.ended = submit(lab, *search)
    clock.mark("the same command again has seen the end and fetched the report")
    wait_until(lambda: machines(lab) == ["head"], 200.0, "no worker is left", lambda: str(machines(lab)))
    told.head_alone = machines(lab)
    clock.mark("scaled to zero")
    told.taken_down = submit(lab, *cluster, "--follow", "lab", "--down")
    told.after = machines(lab)
    clock.mark("fetched once more, and `ray down`")
    told.too_late = submit(lab, *cluster, "--follow", "lab")
    clock.mark("end")


def test_every_trial_has_its_result(story: Story) -> None:
    assert story.ended is not None
    assert story.ended.returncode == 0, story.ended.stderr
    trials = story.outcome().trials
    assert [trial.status for trial in trials] == ["COMPLETE"] * TRIALS
    assert all(len(trial.measurements) == EPOCHS for trial in trials)


def test_trials_ran_on_several_workers_and_none_on_the_head(story: Story) -> None:
    outcome = story.outcome()
    hosts = [{each.work.worker.partition(":")[0] for each in every} for every in (outcome.trials, outcome.lost)]
    ran_on = hosts[0] | {story.powered_off}
    assert len(ran_on) > 1, "two may have done all of them before the third had started"
    assert ran_on <= set(story.lab.workers)
    assert hosts[1] in ({story.powered_off}, {""}), "without a name where it was lost before its first report arrived"


def test_the_trial_of_the_machine_that_lost_its_power_went_on_from_its_checkpoint(story: Story) -> None:
    story.checkpoints.must_go_on(story.outcome().trials, story.powered_off_ns)


def test_ctrl_c_on_the_laptop_leaves_the_search_running_and_says_how_to_come_back(story: Story) -> None:
    code, text = story.detached
    assert code == 130
    assert "left running: lab goes on without this computer" in text
    assert "python -m search.submit --cluster cluster/lab.yaml --follow lab" in text
    assert "--stop lab" in text


def test_the_same_command_again_follows_instead_of_starting_a_second_search(story: Story) -> None:
    assert story.ended is not None
    assert "lab was submitted before: this command follows it" in story.ended.stderr
    assert "6/6 report" in story.ended.stderr, "the log is shown from its beginning to its end"
    assert "1/6 data" in story.ended.stderr


def test_the_report_is_on_the_laptop(story: Story) -> None:
    assert story.ended is not None
    assert story.ended.stdout == "runs/lab/report.html\n"
    report = (fetched(story.lab, "lab") / "report.html").read_text(encoding="utf-8")
    assert "</html>" in report
    assert (fetched(story.lab, "lab") / "models" / "reference-1.keras").stat().st_size > 0


def test_the_jobs_api_answers_401_without_403_with_a_wrong_and_200_with_the_token(story: Story) -> None:
    assert story.api_answers == ["401", "403", "200"]


def test_idle_workers_are_given_back_and_the_head_after_down(story: Story) -> None:
    assert story.head_alone == ["head"]
    assert story.taken_down is not None
    assert story.taken_down.returncode == 0, story.taken_down.stderr
    assert story.after == []


def test_following_on_a_cluster_that_is_down_says_so(story: Story) -> None:
    assert story.too_late is not None
    assert story.too_late.returncode == 4
    assert "must be up for that. Received: cluster/lab.yaml, whose head is not running." in story.too_late.stderr


def with_ray(lab: Lab, names: list[str] | None = None) -> list[str]:
    """The workers on which Ray runs."""
    return [name for name in names or list(lab.workers) if lab.run(name, "pgrep -x raylet").returncode == 0]

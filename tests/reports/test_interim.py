"""The page of a search that has not ended, and its report.json: the records' numbers, and nothing of the test set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fashion_model.config import REFERENCE
from reports.interim import write_interim
from reports.numbers.so_far import so_far
from reports.numbers.trials import reference_trial
from reports.numbers.wording import percent
from reports.records import SearchState, TrialRecord, Work, save_record
from reports.sections.result.so_far import sentence_of
from tests.reports.conftest import Plan, finish, stopped
from tests.reports.parsed_page import Page

STATUS = {"COMPLETE": "● complete", "PRUNED": "▼ stopped early", "FAIL": "✕ failed"}


@pytest.fixture(scope="module")
def state() -> SearchState:
    return stopped(Plan(trials=30), 23)


@pytest.fixture(scope="module")
def folder(state: SearchState, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run")
    written(state, run_dir)
    return run_dir


def written(state: SearchState, run_dir: Path) -> str:
    """The sentence of that state's report, which is then in the folder."""
    save_record(state, run_dir / "state.json")
    return write_interim(run_dir)


def html(run_dir: Path) -> str:
    return (run_dir / "report.html").read_text(encoding="utf-8")


def numbers(run_dir: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((run_dir / "report.json").read_text(encoding="utf-8"))
    return loaded


def all_failed(ended: int) -> SearchState:
    state = stopped(Plan(trials=8, all_failed=True, best_config=REFERENCE), ended)
    lost = {"status": "FAIL", "reason": "RuntimeError: no", "value": None, "measurements": ()}
    return replace(state, trials=tuple(replace(trial, **lost) for trial in state.trials))  # type: ignore[arg-type]


def last(trial: TrialRecord) -> float | None:
    return trial.value if trial.value is not None or not trial.measurements else trial.measurements[-1][1]


def complete(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The complete trials, best first."""
    found = [trial for trial in trials if trial.status == "COMPLETE"]
    return sorted(found, key=lambda trial: -(trial.value or 0.0))


def test_the_pages_trials_are_the_records(state: SearchState, folder: Path) -> None:
    page, best = Page(html(folder)), complete(state.trials)[0].number
    rows = page.tables["trials"][1:]
    assert len(rows) == len(state.trials)
    for row, trial in zip(rows, state.trials, strict=True):
        assert row[0].split()[0] == str(trial.number)
        assert ("★" in row[0], "reference" in row[0]) == (trial.number == best, trial.is_reference)
        assert row[1:4] == [STATUS[trial.status], percent(last(trial)), str(len(trial.measurements))]
        assert row[-1] == trial.reason


def test_the_best_trials_are_listed_best_first(state: SearchState, folder: Path) -> None:
    rows = Page(html(folder)).tables["top-trials"][1:]
    wanted = [(str(trial.number), percent(trial.value)) for trial in complete(state.trials)[:10]]
    assert [(row[0].split()[0], row[1]) for row in rows] == wanted


def test_report_json_has_the_records_numbers_and_says_that_it_is_not_finished(state: SearchState, folder: Path) -> None:
    found, best = numbers(folder), complete(state.trials)[0]
    assert (found["schema"], found["finished"], found["stage"]) == (1, False, "search")
    assert (found["trials_planned"], found["trials_ended"], found["waiting"]) == (30, 23, 2)
    assert (found["best"]["trial"], found["best"]["value"]) == (best.number, best.value)
    assert (found["reference"]["trial"], found["reference"]["value"]) == (0, state.trials[0].value)
    assert [(row["number"], row["value"]) for row in found["search"]["trials"]] == [
        (trial.number, last(trial)) for trial in state.trials
    ]
    assert found["search"]["counts"]["complete"] == len(complete(state.trials))
    assert found["origin"]["resume"] == state.resume


def test_the_sentence_is_on_the_page_in_report_json_and_returned(state: SearchState, tmp_path: Path) -> None:
    sentence, best = written(state, tmp_path), complete(state.trials)[0]
    assert sentence == (
        f"23 of 30 trials have ended; the best so far is trial {best.number} with {best.value:.4f} validation accuracy "
        f"(the reference: {state.trials[0].value:.4f}). No test result yet: the search was interrupted by Ctrl-C."
    )
    assert f'id="so-far-sentence">{sentence}</p>' in html(tmp_path)
    assert numbers(tmp_path)["sentence"] == sentence


def test_the_page_says_why_there_is_no_test_result_and_has_none(folder: Path) -> None:
    text = html(folder)
    assert "This search has not ended," in text
    assert "The test images are opened once, at the very end" in text
    assert "verdict-sentence" not in text
    assert "test_accuracy" not in (folder / "report.json").read_text(encoding="utf-8")


def test_a_search_under_way_is_not_said_to_have_stopped(state: SearchState, tmp_path: Path) -> None:
    written(replace(state, ending="the search is under way (search 23/30)"), tmp_path)
    assert "so this page has no verdict: the search is under way (search 23/30) (<time" in html(tmp_path)
    assert "it stopped" not in html(tmp_path)


def test_the_command_that_goes_on_and_what_will_be_run_again_are_there(state: SearchState, folder: Path) -> None:
    text = html(folder)
    assert f'<pre class="copy"><code>{state.resume}</code></pre>' in text
    assert "The 23 trials that have ended are kept and will not be run again. The 2 that were under way" in text


@pytest.mark.parametrize(
    ("ended", "planned", "said"),
    [
        (0, 50, "No trial has ended yet, of 50 planned. No test result yet"),
        (1, 50, "1 of 50 trials has ended; the best so far is the reference itself, trial 0, with 0."),
        (2, 2, "All 2 trials have ended; the best so far is the reference itself"),
        (1, 1, "The only trial has ended; the best so far is the reference itself"),
        (4, 2, "4 trials have ended; the best so far is trial 3 with 0."),
        (4, 1300, "4 of 1,300 trials have ended; "),
    ],
)
def test_the_sentence_counts_as_one_speaks(ended: int, planned: int, said: str) -> None:
    state = stopped(Plan(trials=max(ended, 4)), ended)
    assert sentence_of(so_far(replace(state, trials_planned=planned))).startswith(said)


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (1, "1 of 8 trials has ended: it failed. No test result yet"),
        (5, "5 of 8 trials have ended, none of which ran to its end (5 failed). No test result yet"),
        (8, "All 8 trials have ended, none of which ran to its end (8 failed). No test result yet"),
    ],
)
def test_the_sentence_of_a_search_without_a_complete_trial(ended: int, said: str) -> None:
    assert sentence_of(so_far(all_failed(ended))).startswith(said)


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("interrupted by SIGTERM", "No test result yet: the search was interrupted by SIGTERM."),
        ("stopped by a full disk.", "No test result yet: the search was stopped by a full disk."),
        ("the time budget of 2 h is used up", "No test result yet: the time budget of 2 h is used up."),
        ("lost sqlite:////data/ann/study.db", "No test result yet: lost sqlite:///…/study.db."),
        ("no postgresql://ann:pw@db/x", "No test result yet: no postgresql://…@db/x."),
        ("", "No test result yet: the search has not ended."),
    ],
)
def test_the_sentence_says_why_it_stopped(state: SearchState, ending: str, said: str) -> None:
    assert sentence_of(so_far(replace(state, ending=ending))).endswith(said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "FAIL", "value": None}, " (the reference failed)."),
        ({"is_reference": False}, " (the reference has not ended)."),
    ],
)
def test_the_sentence_says_where_the_reference_is(state: SearchState, change: dict[str, Any], said: str) -> None:
    trials = (replace(state.trials[0], **change), *state.trials[1:])
    assert said in sentence_of(so_far(replace(state, trials=trials)))


def test_a_search_that_stopped_among_the_finalists_shows_their_scores(tmp_path: Path) -> None:
    outcome = finish(Plan(trials=14)).outcome
    state = replace(stopped(Plan(trials=14), 14), stage="finalists")
    said = "The finalists’ trainings on fresh seeds are not complete. No test result yet"
    assert said in sentence_of(so_far(state)), "some may be done: their scores are recorded together"
    assert said in written(replace(state, finalists=outcome.finalists[:1]), tmp_path)
    assert len(Page(html(tmp_path)).tables["finalists"]) == 2
    assert numbers(tmp_path)["search"]["finalists"][0]["fresh_values"] == list(outcome.finalists[0].fresh_values)


def test_a_search_that_stopped_in_the_retraining_names_the_winner_of_the_fresh_seeds(tmp_path: Path) -> None:
    outcome = finish(Plan(trials=14)).outcome
    scores = outcome.finalists
    winner = replace(scores[-1], fresh_values=(0.95, 0.95, 0.95))
    state = replace(stopped(Plan(trials=14), 14), stage="retrain", finalists=(*scores[:-1], winner))
    sentence = written(state, tmp_path)
    assert f"; trial {winner.trial} was chosen, with 0.9500 validation accuracy on fresh seeds and " in sentence
    assert "The retraining of the reference and the winner is not complete. No test result yet" in sentence
    assert numbers(tmp_path)["best"]["fresh_mean"] == pytest.approx(0.95)
    assert f"{winner.trial} ★ chosen" in {row[0] for row in Page(html(tmp_path)).tables["finalists"]}


def test_values_of_others_are_escaped(tmp_path: Path) -> None:
    evil = """<script>alert("x")<b> 'ünï\N{ZERO WIDTH SPACE}' &amp; {{ 7 * 7 }}"""
    state = stopped(Plan(study=evil, reason=evil, command=f"run {evil}"), 14)
    trials = tuple(replace(trial, work=replace(trial.work, note=evil)) for trial in state.trials)
    sentence = written(replace(state, trials=trials, ending=evil, resume=evil, settings={evil: evil}), tmp_path)
    text = html(tmp_path)
    assert text.count("<script") == 1  # our own
    assert "{{ 7 * 7 }}" in text
    assert text.count("&lt;script&gt;alert(&#34;x&#34;)&lt;b&gt;") > 20
    assert Page(text).mismatches == []
    assert numbers(tmp_path)["sentence"] == sentence
    assert evil in sentence


def test_a_search_without_an_ended_trial_has_a_report(tmp_path: Path) -> None:
    written(stopped(Plan(trials=8), 0), tmp_path)
    text, found = html(tmp_path), numbers(tmp_path)
    assert "Nothing to show yet" in text
    assert "<svg" not in text
    assert (found["best"], found["reference"], found["search"]["trials"]) == (None, None, [])


def test_a_search_whose_trials_all_failed_has_a_report(tmp_path: Path) -> None:
    written(all_failed(8), tmp_path)
    text = html(tmp_path)
    assert "All 8 trials have ended; none is complete" in text
    assert "8 trials: <bdi>RuntimeError: no</bdi>" in text
    assert "top-trials" not in Page(text).tables
    assert numbers(tmp_path)["search"]["counts"] == {"complete": 0, "pruned": 0, "failed": 8}


def test_trials_that_were_started_again_say_so(state: SearchState, tmp_path: Path) -> None:
    work = Work(note="a checkpoint was discarded")
    changes: dict[int, dict[str, Any]] = {3: {"attempts": 2, "work": work}, 9: {"attempts": 3, "lineage": 4}}
    trials = [replace(trial, **changes.get(trial.number, {})) for trial in state.trials]
    written(replace(state, trials=tuple(trials)), tmp_path)
    rows = {row[0].split()[0]: row[-1] for row in Page(html(tmp_path)).tables["trials"][1:]}
    assert rows["3"] == "2 attempts; a checkpoint was discarded"
    assert rows["9"] == "3 attempts, the first as trial 4"
    assert "2 trials were started more than once" in html(tmp_path)
    assert numbers(tmp_path)["search"]["restarted"] == 2


def test_the_attempts_of_one_trial_count_as_one(state: SearchState) -> None:
    again = [
        replace(state.trials[4], number=number, attempts=attempts, lineage=4) for number, attempts in ((40, 2), (41, 3))
    ]
    assert so_far(replace(state, trials=(*state.trials, *again))).trials.restarted == 1


def test_the_reference_is_found_under_any_number(state: SearchState) -> None:
    lost = replace(state.trials[0], status="FAIL", value=None)
    again = replace(state.trials[0], number=31, value=0.9087, attempts=2, lineage=0)
    found = so_far(replace(state, trials=(lost, *state.trials[1:], again))).reference
    assert found is not None
    assert (found.trial, found.value) == (31, 0.9087)
    assert reference_trial([lost]) is lost
    assert reference_trial([]) is None


def test_the_page_is_well_formed_and_asks_nothing_of_the_network(folder: Path) -> None:
    text = html(folder)
    page = Page(text)
    assert (page.faults(), page.outside()) == ([], [])
    assert "default-src 'none'" in text
    assert sum(tag == "script" for tag, _, _ in page.attributes) == 1  # our own


def test_hosts_folders_and_passwords_stay_out(state: SearchState, tmp_path: Path) -> None:
    host = state.trials[1].work.worker.split(":")[0]
    trials = tuple(
        replace(trial, work=replace(trial.work, note=f"{host} lost /home/someone/runs/a")) for trial in state.trials
    )
    resume = "python -m search.run --storage postgresql://ann:pw@db/x"
    written(replace(state, trials=trials, resume=resume, ending=f"{host} is gone"), tmp_path)
    for text in (html(tmp_path), (tmp_path / "report.json").read_text(encoding="utf-8")):
        assert "example.internal" not in text
        assert "/home/someone" not in text
        assert "ann:pw" not in text
    assert "The database’s user and password are not shown" in html(tmp_path)

"""The command line of search.submit, and the command that it has the cluster run."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from search.command.settings import Settings, SettingsError
from search.command.submission.flags import FIRST_LINE, entrypoint, parse_submission, search_flags

HERE = ["--address", "http://127.0.0.1:8265"]


def flags(*words: str) -> str:
    return search_flags(parse_submission([*HERE, *words]).request)


@pytest.mark.parametrize(
    ("given", "there"),
    [
        ("--trials 80 --trial-timeout 15m --sampler random", "--trials 80 --sampler random --trial-timeout 900.0"),
        ("--trials 50", "--trials 50"),  # which is the default there, too
        ("--name a --output /home/me/runs --overwrite --seed 3", "--seed 3"),
        ("--warm-start a b --warm-start c", "--warm-start a --warm-start b --warm-start c"),  # runs of the cluster
        ("-qq", "-q -q"),
        ("-v", "-v"),
    ],
)
def test_the_clusters_search_gets_the_flags_that_were_given_and_no_others(given: str, there: str) -> None:
    assert flags(*given.split()) == there


def test_a_file_of_settings_stays_here_and_its_settings_go_there(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('epochs = 3\nname = "from-file"\ndata_dir = "/data/my images"\n', encoding="utf-8")
    asked = parse_submission([*HERE, "--config", str(file), "--trials", "9"])
    assert search_flags(asked.request) == "--trials 9 --epochs 3 --data-dir '/data/my images'"
    assert asked.request.settings.name == "from-file"
    assert "name" in asked.request.given


def test_ranges_and_configurations_of_ones_own_go_there(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("dense_units = 64\n", encoding="utf-8")
    given = ["--fix", "optimizer=adamw", "--fix", "batch_size = 64 | 128", "--add-config", str(mine)]
    there = flags(*given)
    assert there == "--fix optimizer=adamw --fix 'batch_size = 64 | 128' --add-config '{\"dense_units\": 64}'"
    here, again = (parse_submission([*HERE, *words]).request.settings for words in (given, shlex.split(there)))
    assert (again.space, again.add_config) == (here.space, here.add_config)


def test_the_clusters_storage_path_is_that_of_a_search_that_names_none() -> None:
    asked = [parse_submission([*HERE, *words]).request for words in ([], ["--storage-path", "/mine"])]
    assert [search_flags(request, "s3://b/p") for request in asked] == [
        "--storage-path s3://b/p",
        "--storage-path /mine",
    ]


@pytest.mark.parametrize("price", [None, 0.0, 25.16])
def test_the_price_of_the_clusters_file_goes_there_where_it_has_one_and_none_was_given(price: float | None) -> None:
    asked = [parse_submission([*HERE, *words]).request for words in ([], ["--price-per-hour", "3"])]
    own = f"--price-per-hour {price} --price-source 'all machines of the cluster'\"'\"'s file'" if price else ""
    assert [search_flags(request, None, price) for request in asked] == [own, "--price-per-hour 3.0"]


def test_the_environments_ray_address_does_not_go_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert flags() == ""


@pytest.mark.parametrize("wrong", [["--trialz", "3"], ["--trials", "many"], ["--sampler", "grid"], ["--follow"]])
def test_a_wrong_flag_ends_the_command_here_under_its_own_name(
    wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_submission([*HERE, *wrong])
    assert ended.value.code == 2
    assert "\npython -m search.submit: error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trials", "0"], "--trials must be at least 1. Received: 0"),
        (["--local"], r"A submitted search must run on the cluster\. Received: --local\. Leave it out"),
        (["--dry-run"], r"must run on the cluster\. Received: --dry-run\."),
        (["--report-only", "runs/a"], "--report-only must name a run's folder"),
        (
            ["--storage", "postgresql://me:secret@host/db"],
            r"--storage must have no password.*postgresql://me:\*\*\*@host",
        ),
        (
            ["--storage-path", "s3://me:secret@bucket/path"],
            r"--storage-path must have no password.*s3://me:\*\*\*@bucket",
        ),
        (["--down"], r"--down must come with --cluster, and without --stop\. Received: --down with --address"),
        (["--follow", "a", "--trials", "80"], "take a search as it was submitted. Received: with --trials. Leave out"),
        (["--stop", "a", "--name", "b", "--epochs", "9"], "Received: with --epochs, --name"),
        (["--follow="], r"--follow must have a value\. Received: an empty one"),
        (["--stop", ""], r"--stop must have a value\. Received: an empty one"),
        (["--resume"], "--resume is for a run on this computer"),
        (["--resume=runs/a"], "--resume is for a run on this computer"),
        (["--fail-unless-better"], r"must only bring its run folder\. Received: --fail-unless-better\. Give it to"),
        (["--to-mlflow", "sqlite:///m.db"], r"must only bring its run folder\. Received: --to-mlflow\."),
        (["--format", "md"], r"must only bring its run folder\. Received: --format md\."),
    ],
)
def test_what_makes_no_sense_on_a_cluster_is_refused_with_a_remedy(words: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        parse_submission([*HERE, *words])
    assert "secret" not in str(refused.value)


def test_a_run_that_was_begun_in_one_process_is_not_sent_to_a_cluster(tmp_path: Path) -> None:
    for name, local in (("here", True), ("there", False)):
        (tmp_path / name).mkdir()
        config = json.dumps(Settings(name=name, local=local).to_dict())
        (tmp_path / name / "config.json").write_text(config, encoding="utf-8")
    place = [*HERE, "--output", str(tmp_path), "--name"]
    with pytest.raises(SettingsError, match=rf"begun with --local .*Received: {tmp_path}/here\. Give another --name"):
        parse_submission([*place, "here"])
    assert parse_submission([*place, "here", "--overwrite"]).request.settings.name == "here"
    assert parse_submission([*place, "there"]).request.settings.name == "there"


@pytest.mark.parametrize(("words", "received"), [([], "neither"), (["--cluster", "f", *HERE], "both")])
def test_one_cluster_must_be_named(words: list[str], received: str) -> None:
    with pytest.raises(SettingsError, match=f"One of --cluster FILE and --address URL .*Received: {received}"):
        parse_submission(words)


def test_what_the_search_needs_must_be_on_the_cluster_and_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.command.process.inherited.find_spec", lambda name: None)
    assert parse_submission([*HERE, "--sampler", "gp"]).request.settings.sampler == "gp"


def test_the_command_that_comes_back_to_a_search_does_with_its_folder_what_was_asked() -> None:
    submit = "python -m search.submit --cluster 'my file.yaml'"
    asked = ["--cluster", "my file.yaml", "--trials", "9"]
    assert parse_submission(asked).to_follow("a-2") == f"{submit} --follow a-2"
    with_more = parse_submission([*asked, "--output", "else where", "--down"])
    assert with_more.to_follow("a") == f"{submit} --follow a --output 'else where' --down"
    assert with_more.to_stop("a") == f"{submit} --stop a"


def test_an_address_of_ray_itself_is_refused_and_the_other_command_named() -> None:
    with pytest.raises(
        SettingsError, match=r"--address must be that of Ray Jobs.*Received: 10\.0\.0\.1:6379.*search\.run"
    ):
        parse_submission(["--address", "10.0.0.1:6379"])


def ran(tmp_path: Path, command: str) -> str:
    """What the search's command line would be: a `python` that prints it stands for the real one."""
    fake = tmp_path / "bin" / "python"
    fake.parent.mkdir(exist_ok=True)
    fake.write_text('#!/bin/sh\necho "$@"\n', encoding="utf-8")
    fake.chmod(0o755)
    environment = {"PATH": f"{fake.parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    output = subprocess.run(
        ["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=True
    ).stdout
    first, _, rest = output.partition("\n")
    assert first == FIRST_LINE
    return rest


def test_the_command_begins_a_run_in_the_projects_folder_on_the_head(tmp_path: Path) -> None:
    told = ran(tmp_path, entrypoint("a", "--trials 3 --data-dir '/my images'", overwrite=False))
    assert told == (
        f"-m search.run --name a --output {tmp_path}/fashion-search/runs --no-progress "
        "--trials 3 --data-dir /my images\n"
    )


def test_the_same_command_goes_on_with_a_run_that_is_there(tmp_path: Path) -> None:
    run = tmp_path / "fashion-search" / "runs" / "a"
    run.mkdir(parents=True)
    (run / "config.json").write_text("{}", encoding="utf-8")
    assert ran(tmp_path, entrypoint("a", "--trials 3", overwrite=False)) == (
        f"-m search.run --resume {run} --no-progress --trials 3\n"
    )
    assert "--name a --output" in ran(tmp_path, entrypoint("a", "", overwrite=True))
    assert "--overwrite" in ran(tmp_path, entrypoint("a", "", overwrite=True))

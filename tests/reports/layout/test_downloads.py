"""Files inside the page hold their content, compressed where it is long, and none that would swell the page; the CSV is
the records, and --config reads the settings."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import random
import tomllib
from dataclasses import replace

from fashion_model.config import REFERENCE
from reports.layout.downloads import Download, config_toml, download, trials_csv
from reports.numbers.trials import trial_numbers
from tests.reports.conftest import Plan, finish


def held(link: Download) -> bytes:
    return base64.b64decode(link.uri.partition(";base64,")[2])


def test_a_short_file_is_held_as_it_is_and_a_long_one_compressed() -> None:
    (short,) = download("a.csv", b"1,2\n")
    (long,) = download("a.csv", b"1,2\n" * 100_000)
    assert (short.name, held(short)) == ("a.csv", b"1,2\n")
    assert (long.name, gzip.decompress(held(long))) == ("a.csv.gz", b"1,2\n" * 100_000)
    assert download("a.csv", b"1,2\n" * 100_000) == (long,)  # the same bytes at another time


def test_a_file_that_stays_large_is_left_beside_the_page() -> None:
    assert download("a.bin", random.Random(0).randbytes(1_100_000)) == ()  # noqa: S311


def test_trials_csv_has_a_line_a_trial_with_its_settings_and_no_host() -> None:
    outcome = finish(Plan(reason="=cmd() on node-1.example.internal\udcff")).outcome
    points = trial_numbers(outcome.trials, (), REFERENCE, best=3).trials
    text = trials_csv(points, (replace(outcome.trials[0], config=None), *outcome.trials[1:])).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["number"]) for row in rows] == [trial.number for trial in outcome.trials]
    assert rows[0]["learning_rate"] == ""
    assert [float(row["learning_rate"]) for row in rows[1:]] == [
        trial.config.learning_rate for trial in outcome.trials[1:] if trial.config
    ]
    assert rows[5]["remarks"] == "'=cmd() on host\\udcff"
    assert "example.internal" not in text


def test_config_toml_holds_what_was_set_and_names_no_place() -> None:
    settings = {"trials": 14, "data": "/home/ann/x.npz", "storage": "postgresql://ann:pw@db/x", "local": False,
                "storage_path": "s3://ann/x", "sampler": "tpe", "address": "box:1", "name": "a",
                "train_size": None, "price_source": "my price \U0001f600"}  # fmt: skip
    text = config_toml(settings, 'python -m search.run --name "a"').decode()
    assert tomllib.loads(text) == {"trials": 14, "local": False, "sampler": "tpe", "price_source": "my price 😀"}
    assert "ann" not in text

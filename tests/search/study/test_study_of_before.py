"""A study that an earlier version wrote is read, with its attributes of other names; its space is refused.

tests/search/study/golden/study-of-before.sql is the dump of a `study.db` of the commit fe47834, killed while trial 8
(the retry of trial 7) was running.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from fashion_model.config import REFERENCE
from search.command.settings import SettingsError
from search.study.open_study import FixedSettings, StudySpec, open_study
from search.study.storage.database import Database, sqlite_url
from tests.search.conftest import Watcher, fixed_settings

DUMP = Path(__file__).parent / "golden" / "study-of-before.sql"


@pytest.fixture
def before(spec: StudySpec, tmp_path: Path) -> StudySpec:
    """The study of before, with its own fixed settings, the space among them, which has changed since.

    The reference is today's: a field that the study is older than has its default there.
    """
    file = tmp_path / "before.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
    stored = optuna.load_study(study_name="s", storage=sqlite_url(file)).user_attrs["terms"]
    fixed = FixedSettings(**{**stored, "reference": REFERENCE.to_dict()})
    return replace(spec, database=Database(sqlite_url(file)), fixed=fixed, sampler="tpe")


def test_its_results_attempts_and_retries_are_read_and_its_space_is_refused(before: StudySpec) -> None:
    watcher = Watcher()
    study = open_study(before, watcher, exists=True)
    found = [(r.number, r.status, r.reason, r.value, r.attempts, r.lineage) for r in study.records()]
    assert found == [
        (0, "COMPLETE", "", 0.7, 1, None),
        (1, "COMPLETE", "", 0.8, 1, None),
        (2, "PRUNED", "pruned after epoch 1", None, 1, None),
        (5, "FAIL", "its worker died (attempt 3, the last)", None, 3, 3),
        (6, "FAIL", "raised: ValueError: no", None, 1, None),
    ]
    assert [(r.number, r.reason, r.attempts) for r in study.lost()] == [
        (3, "its machine was lost: gone", 1),
        (4, "its worker died", 2),
        (7, "interrupted", 1),
        (8, "the driver died", 2),
    ]
    assert (study.orphans, study.waiting(), watcher.again[0].number) == (1, 1, 8)
    assert study.records()[1].work.seconds == 2.0
    study.close()
    with pytest.raises(
        SettingsError, match=r"space\.multiply_adds: not there in the study, 2_631_040 to 10_000_000, log now"
    ):
        open_study(replace(before, fixed=fixed_settings(epochs=9)), Watcher(), exists=True)

"""What several sections of the finished page draw on."""

from __future__ import annotations

import pytest

from tests.reports.conftest import Plan, finish


def test_the_winners_curse_sets_search_fresh_and_test_side_by_side() -> None:
    search = finish(Plan())
    found = search.numbers()
    score = next(score for score in search.outcome.finalists if score.trial == search.outcome.best_trial)
    assert (found.winner.search_value, found.winner.fresh_mean) == (score.search_value, score.mean())
    assert found.winner.test_mean == pytest.approx(found.right["best"].mean())

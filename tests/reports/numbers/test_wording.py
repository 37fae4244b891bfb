"""Configurations in words."""

from __future__ import annotations

from fashion_model.config import REFERENCE
from reports.numbers.wording import parameter_rows
from tests.reports.conftest import TUNED


def test_parameters_that_differ_are_marked() -> None:
    rows = {row.name: row for row in parameter_rows(REFERENCE, TUNED)}
    assert rows["batch_norm"].differs
    assert (rows["batch_norm"].reference, rows["batch_norm"].best) == ("no", "yes")
    assert not rows["dense_units"].differs
    assert len(rows) == 27

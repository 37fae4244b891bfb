"""What the command prints at its end, and the exit code that a continuous integration asks for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

NOT_BETTER = 6


def answer(run_dir: Path, sentence: str, form: str) -> str:
    """The result as text, as JSON, or as Markdown for a pull request; a report so far has no Markdown of its own."""
    if form == "json":
        return (run_dir / "report.json").read_text(encoding="utf-8")
    if form == "md" and (run_dir / "outcome.json").exists():
        from reports.card import summary  # it loads SciPy, for which no search waits before its first trial

        return summary(run_dir)
    return f"{sentence}\n{run_dir / 'report.html'}"


def exit_code(run_dir: Path, least_points: float | None) -> int:
    """6 where the winner had to be reliably better by more than so many points, and is not; else 0."""
    if least_points is None:
        return 0
    report = json.loads((run_dir / "report.json").read_text(encoding="utf-8"))
    found = "the search has not ended"
    if report["finished"]:
        low, high = (100 * report["comparison"]["difference"]["estimate"][end] for end in ("low", "high"))
        if report["verdict"] == "better" and low > least_points:
            return 0
        found = f"{report['verdict']}, 95% interval {low:+.2f} to {high:+.2f} pt"
    print(
        f"--fail-unless-better: the tuned model must be better by more than {least_points:g} pt at the low end of the "
        f"interval. Received: {found}. Search longer, or give more --retrain-seeds.",
        file=sys.stderr,
    )
    return NOT_BETTER

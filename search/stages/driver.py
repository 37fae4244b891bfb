"""The stages of a run in their order. Each leaves what it found on disk, and one whose result is there is not repeated.

data → search → finalists → ablation → retrain → outcome.json, which the report is made from
"""

from __future__ import annotations

from dataclasses import replace

from reports.records import save_predictions, save_record
from search.command.process.interrupt import as_raised
from search.places.site import sites
from search.run_folder.kept_trainings import KeptTrainings
from search.stages.ablation import ablate
from search.stages.data import read_data
from search.stages.finalists import find_best
from search.stages.retrain import retrain
from search.stages.run import Run
from search.stages.search import search
from search.stages.trainer import Trainer
from search.study.storage.heartbeat import FINISHED


def run_stages(run: Run) -> int:
    """Every stage. Returns how many trials there are.

    Leaves trials.csv, outcome.json, predictions.npz and models/ in the run folder; where it ends early, trials.csv
    and state.json.
    """
    try:
        with as_raised():
            return _run_stages(run)
    except BaseException as error:
        run.leave_state(error)
        raise


def _run_stages(run: Run) -> int:
    with sites(run.settings, run.store, run.progress.say) as site:
        trainer = Trainer(
            KeptTrainings(run.folder.path / "trainings"), lambda: site().place, run.store, run.progress.trains
        )
        with run.sessions.timed("data"):
            data = read_data(run, site)
        run.progress.expect(run.settings.epochs, run.budget.remaining, in_order=run.settings.local)
        search(run, site, data)
        with run.sessions.timed("finalists"):
            best = find_best(run, trainer, data.splits)
        if run.settings.ablate is not None or run.budget.allows_extras(best.config, "ablation"):
            with run.sessions.timed("ablation"):
                ablate(run, trainer, data.splits, best)
        run.settings = replace(run.settings, retrain_seeds=run.budget.retrain_seeds(best.config))
        with run.sessions.timed("retrain"):
            predictions = retrain(run, trainer, data, best)
        outcome = run.outcome(data.record(predictions.labels, predictions.images), site().size(), best)
    save_predictions(predictions, run.folder.path / "predictions.npz")
    save_record(outcome, run.folder.outcome_file())
    run.folder.state_file().unlink(missing_ok=True)
    run.store.remove()
    run.end(FINISHED)
    return len(run.trials)

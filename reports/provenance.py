"""How to repeat it: command, settings, versions, hardware, data and model files."""

from __future__ import annotations

from dataclasses import dataclass

from reports.comparison import Comparison
from reports.facts import Fact, setting_facts
from reports.privacy import without_credentials, without_folders
from search.records import SearchOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One saved model, its path relative to the run folder."""

    model: str
    seed: int
    path: str
    sha256: str
    is_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """All of it. `load_path` is the model file of the tuned model's shown run."""

    study: str
    command: str
    started: str
    ended: str
    settings: tuple[Fact, ...]
    versions: tuple[Fact, ...]
    machine: tuple[Fact, ...]
    data: tuple[Fact, ...]
    seeds: tuple[int, ...]
    models: tuple[ModelFile, ...]
    load_path: str


def provenance(outcome: SearchOutcome, comparison: Comparison) -> Provenance:
    """What one needs to run the search again and to load what it left. Masks passwords in URLs, hides local folders
    that the command itself does not name."""
    return Provenance(
        study=without_folders(outcome.study),
        command=without_credentials(outcome.command),
        started=outcome.started,
        ended=outcome.ended,
        settings=setting_facts(outcome.settings, outcome.command),
        versions=tuple(Fact(name, str(value)) for name, value in sorted(outcome.environment.versions.items())),
        machine=_machine(outcome),
        data=_data(outcome),
        seeds=comparison.seeds,
        models=_models(comparison),
        load_path=comparison.best.shown().model_file,
    )


def _machine(outcome: SearchOutcome) -> tuple[Fact, ...]:
    machine = outcome.environment
    gpus = f"{machine.gpus:g} × {machine.gpu_model or 'unknown model'}" if machine.gpus else "none"
    return (
        Fact("Python", machine.python),
        Fact("System", machine.system),
        Fact("Processor", machine.processor),
        Fact("CPUs for the search", f"{machine.cpus:g}"),
        Fact("GPUs for the search", gpus),
        Fact("Nodes", str(machine.nodes)),
    )


def _data(outcome: SearchOutcome) -> tuple[Fact, ...]:
    data = outcome.data
    files = [Fact(f"SHA-256 of {without_folders(name)}", digest) for name, digest in sorted(data.file_sha256.items())]
    return (
        Fact("Source", without_folders(without_credentials(data.source))),
        Fact(
            "Images", f"{data.train_count:,} training, {data.validation_count:,} validation, {data.test_count:,} test"
        ),
        *files,
        Fact("SHA-256 of the split’s indices", data.split_sha256),
        Fact("SHA-256 of the test labels", data.test_sha256),
    )


def _models(comparison: Comparison) -> tuple[ModelFile, ...]:
    return tuple(
        ModelFile(
            model=model.name,
            seed=run.seed,
            path=without_folders(run.model_file),
            sha256=run.model_sha256,
            is_shown=index == model.shown_run,
        )
        for model in (comparison.reference, comparison.best)
        for index, run in enumerate(model.runs)
    )

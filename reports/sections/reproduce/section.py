"""How to run the search again and load its models, and the first images that they were trained on."""

from __future__ import annotations

from dataclasses import dataclass

from reports.layout.section import Section, draw_section
from reports.layout.thumbnails import thumbnails
from reports.numbers.comparison import Comparison
from reports.numbers.finished import Finished
from reports.numbers.privacy import Fact, setting_facts, without_credentials, without_folders
from reports.records import SearchOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """All of it. `load_path` is the tuned model's file of the first seed, `takes_pixels` as in FinalRun, and
    the paths of the `models` are relative to the run folder."""

    study: str
    command: str
    started: str
    ended: str
    settings: tuple[Fact, ...]
    versions: tuple[Fact, ...]
    machine: tuple[Fact, ...]
    data: tuple[Fact, ...]
    seeds: tuple[int, ...]
    models: tuple[dict[str, str | int], ...]
    load_path: str
    takes_pixels: bool


def data(finished: Finished) -> Section:
    """The first training images under their class names."""
    predictions, names = finished.predictions, finished.task.class_names
    images = thumbnails(predictions.grid_images, is_ink=finished.document is not None)
    labels = [names[label] for label in predictions.grid_labels]
    return draw_section(
        "sections/reproduce/data.html", id="data", title="Data",
        heading=f"What the models see: the first {len(images)} training images",
        grid=list(zip(labels, images, strict=True)),
    )  # fmt: skip


def reproduce(finished: Finished) -> Section:
    """Command, code that loads the tuned model, and every fact about the run."""
    source = provenance(finished.outcome, finished.comparison)
    return draw_section(
        "sections/reproduce/reproduce.html", id="reproduce", title="Reproduce", heading="Run it again",
        numbers={"reproduce": source}, source=source, image_shape=", ".join(map(str, finished.task.image_shape)),
        is_one=finished.comparison.same_configuration,
    )  # fmt: skip


def provenance(outcome: SearchOutcome, comparison: Comparison) -> Provenance:
    """What one needs to run the search again and to load its models.

    Masks passwords in URLs, and hides local folders that the command itself does not name.
    """
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
        load_path=comparison.best.runs[0].model_file,
        takes_pixels=all(run.takes_pixels for run in outcome.finals),
    )


def _machine(outcome: SearchOutcome) -> tuple[Fact, ...]:
    machine = outcome.environment
    gpus = f"{machine.gpus:g} × {machine.gpu_model or 'unknown model'}" if machine.gpus else "none"
    return (
        Fact("Commit", machine.commit or "not recorded"),
        Fact("SHA-256 of requirements.lock", machine.lock_sha256 or "not recorded"),
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


def _models(comparison: Comparison) -> tuple[dict[str, str | int], ...]:
    return tuple(
        {"model": name, "seed": run.seed, "path": without_folders(run.model_file), "sha256": run.model_sha256}
        for name, model in comparison.distinct()
        for run in model.runs
    )

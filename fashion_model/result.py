"""What a training leaves behind, as plain records: no Keras, so that a report can be made without it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """One epoch. `epoch` counts from 1; losses are in nats an image; accuracies are fractions.

    `train_*` are running means over the epoch, with dropout, augmentation and label smoothing on;
    `validation_*` are plain cross-entropy and accuracy after the epoch, None where nothing is held out.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    train_seconds: float
    validation_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A training to its end.

    `seconds` is wall time from building the network to the last epoch's end; `cpu_seconds` the
    process's CPU time within it; `parameters` the trainable and non-trainable parameters.

    For a training that went on from a checkpoint, both include what was spent up to that checkpoint, in whichever
    process, and building the network anew; not the waiting in between, nor the work that was lost.
    """

    seed: int
    epochs: tuple[EpochResult, ...]
    parameters: int
    seconds: float
    cpu_seconds: float

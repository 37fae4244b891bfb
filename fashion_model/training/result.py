"""The result of a training as plain records without Keras, so that a report can be made without loading it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult:
    """One epoch. `epoch` counts from 1; losses are in nats an image; accuracies are fractions.

    `train_*` are means over the epoch's batches, with dropout, augmentation and label smoothing on; `validation_*` are
    plain cross-entropy and accuracy after the epoch, None where no images are held out. `compile_seconds` is the part
    of `train_seconds` in which the epoch's program was made: 0 once a training of its shape has run in the process.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    train_seconds: float
    validation_seconds: float
    compile_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A training, as far as it has come.

    `seconds` is wall time from building the network to the last epoch's end; `cpu_seconds` the process's CPU time
    within it; `parameters` the trainable and non-trainable parameters.

    For a training that went on from a checkpoint, both also count the time up to that checkpoint, in another process,
    and the time to build the network again. They do not count the wait between the two, nor work after the checkpoint
    that was lost.
    """

    seed: int
    epochs: tuple[EpochResult, ...]
    parameters: int
    seconds: float
    cpu_seconds: float

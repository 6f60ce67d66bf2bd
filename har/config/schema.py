"""The root configuration: every key there is, with its type and default.

A ``Node`` is an open mapping whose ``_target_`` names the class to build; its other keys are
checked against that class (``har.config.check``). All else is closed: an unknown key is an error.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

REQUIRED = "???"
"""What a required key holds until somebody gives it a value, as OmegaConf writes it."""


class Node(dict[str, Any]):
    """Marks, in the schema, a mapping with a ``_target_``."""


@dataclass
class ValidationConfig:
    """Which training clips are held out for validation; see ``har.data.splits.Validation``.

    Attributes:
        by: attribute of the clips whose values are held out whole, such as ``subject``.
        count, values, fraction: how many of its values, which, or what share; give one.
        seed: chooses the values for ``count`` and ``fraction``.
    """

    by: str = "subject"
    count: int | None = None
    values: list[str] | None = None
    fraction: float | None = None
    seed: int = 0


@dataclass
class ProtocolConfig:
    """Protocol of the dataset's card; ``fold`` is for those that leave one out.

    Attributes:
        leave_out: with several datasets, the one that only tests.
    """

    name: str
    fold: str | int | None = None
    validation: ValidationConfig | None = None
    leave_out: str | None = None


@dataclass
class SourceConfig:
    """One of several datasets; but for ``protocol`` the keys mean what they mean in ``data``."""

    card: str
    store: str
    protocol: ProtocolConfig
    unit: Literal["clip", "segment"] = "clip"
    adapter_options: dict[str, Any] | None = None


@dataclass
class VideoConfig:
    """What a model sees of videos; see ``har.data.video_datamodule.VideoDataModule``.

    Attributes:
        size: height and width of the frames, in pixels.
        train_crop, test_crop: part of the picture, see ``har.data.video_crops``.
        clip_augment: changes of the frames of a training clip that are made on the CPU.
        selection: keeps the best of the frames that the sampling proposes, see
            ``har.data.video_selection``; sampling.frames is how many are proposed.
        features: folder of features that ``har features`` made; they take the place of frames and
            backbone.
    """

    size: int
    train_crop: Node
    test_crop: Node
    clip_augment: list[Node] = field(default_factory=list)
    selection: Node | None = None
    features: str | None = None


@dataclass
class PosesConfig:
    """The poses of the people in the videos; see ``har.data.paired_store.PairedStore``.

    Attributes:
        store: folder of the prepared poses, of the same recordings as the videos.
        rate: poses for each frame that is sampled.
    """

    store: str
    rate: int = 1


@dataclass
class DataConfig:
    """The clips, and how they come in batches; see ``har.data.datamodule.ClipDataModule``.

    Attributes:
        name: what a run is called that is given no name.
        card: name of the dataset, or path of a user's own ``dataset.yaml``.
        store: folder of the prepared clips.
        unit: what counts as one sample: a "clip", or a labelled "segment" of a longer recording.
        adapter_options: for a generated dataset, what to generate; null for recorded ones.
        sources: several datasets by name, in place of card and store; each has its own protocol.
        layout: joint layout that all of them are converted to; null takes the first one's.
        batch_size: clips of a training batch, over all processes.
        eval_batch_size: most views of clips in a validation or test batch.
        balance: what an epoch shows equally often.
        video: for a dataset of videos.
        poses: of the people in them, where a model is to see both.
    """

    name: str = "run"
    card: str | None = None
    store: str | None = None
    unit: Literal["clip", "segment"] = "clip"
    adapter_options: dict[str, Any] | None = None
    sources: dict[str, SourceConfig] | None = None
    layout: str | None = None
    batch_size: int = 64
    eval_batch_size: int = 128
    repeat: int = 1
    balance: Literal["none", "dataset", "class", "dataset_and_class"] = "none"
    people: int | None = None
    workers: int = 0
    video: VideoConfig | None = None
    poses: PosesConfig | None = None


@dataclass
class LabelsConfig:
    """What the outputs of the model stand for.

    Attributes:
        space: "own": the labels of the dataset; "shared": the concepts of the taxonomy, in which
            the labels of several datasets meet; "separate": a head for each dataset.
    """

    space: Literal["own", "shared", "separate"] = "own"


@dataclass
class StreamConfig:
    """What the model sees of the joints; see ``har.skeleton.streams.STREAMS``."""

    names: list[
        Literal[
            "joint", "bone", "joint_motion", "bone_motion", "velocity", "acceleration",
            "relative", "relative_landmarks", "polar", "angle", "confidence",
        ]
    ]  # fmt: skip


@dataclass
class SamplingConfig:
    """Which frames of a clip are used: ``frames`` of them, in training and in testing.

    ``stride``, for the strategies that have one, is theirs to refer to.
    """

    frames: int
    train: Node
    test: Node
    stride: int | None = None


@dataclass
class TransformConfig:
    """``normalise`` is applied always, ``augment`` after it in training only; both in order."""

    normalise: list[Node] = field(default_factory=list)
    augment: list[Node] = field(default_factory=list)


Precision = Literal["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true"]


@dataclass
class TrainerConfig:
    """Settings of the training loop, named as in Lightning unless said otherwise.

    Attributes:
        gradient_clip: largest norm of the gradient.
        accumulate: batches added up for one optimiser step.
        compile: train the backbones as compiled by ``torch.compile``, see ``CompileBackbones``.
        sync_batch_norm: with several processes, take the statistics of the whole batch.
        limit_train_batches: a number of batches, or a share of them where it has a decimal point.
    """

    max_epochs: int = 100
    precision: Precision = "32-true"
    compile: bool = False
    gradient_clip: float | None = None
    accelerator: str = "auto"
    devices: int | str | list[int] = 1
    strategy: str = "auto"
    accumulate: int = 1
    sync_batch_norm: bool = True
    deterministic: bool | Literal["warn"] = True
    check_val_every_n_epoch: int = 1
    log_every_n_steps: int = 10
    limit_train_batches: int | float | None = None
    progress_bar: bool = True


@dataclass
class LoggerConfig:
    """Where numbers go besides ``metrics.csv``, which is always written."""

    extra: Node | None = None


@dataclass
class PathsConfig:
    """``store`` holds the prepared clip stores, ``runs`` the run folders."""

    store: str
    runs: str


@dataclass
class OptimizerConfig:
    """``factory`` makes the optimiser; without ``decay_all``, norms and biases do not decay."""

    factory: Node
    decay_all: bool = True


@dataclass
class CheckpointConfig:
    """``monitor`` chooses the best epoch where there is a validation part."""

    monitor: str = "val/mean_class_accuracy"
    mode: Literal["min", "max"] = "max"


@dataclass
class EvaluationConfig:
    """How a trained model is measured.

    Attributes:
        bootstrap: resamples for the intervals; 0 leaves the intervals out.
        examples: test clips to draw.
    """

    bootstrap: int = 1000
    examples: int = 4


@dataclass
class QualityConfig:
    """Filters of clips by the quality of their joints."""

    filters: list[Node] = field(default_factory=list)


@dataclass
class RootConfig:
    """All keys of a configuration.

    Attributes:
        resume: go on with the newest unfinished run of this name, or with the named run folder.
        weights: one checkpoint or more whose weights the training starts from, see
            ``har.run.starting``.
        mixing: mixes the clips of a training batch.
        ema: keeps an average of the weights.
        distillation: what a trained model adds to the loss, see ``har.training.distillation``.
        pretraining: task without labels that the backbone is trained on, in place of a classifier.
        extra_targets: prefixes of classes outside har that this configuration may build.
    """

    name: str
    data: DataConfig
    protocol: ProtocolConfig
    stream: StreamConfig
    sampling: SamplingConfig
    model: Node
    loss: Node
    optimizer: OptimizerConfig
    scheduler: Node
    paths: PathsConfig
    seed: int = 1
    resume: bool | str = False
    weights: Any = None
    labels: LabelsConfig = field(default_factory=LabelsConfig)
    transform: TransformConfig = field(default_factory=TransformConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    mixing: Node | None = None
    ema: Node | None = None
    pretraining: Node | None = None
    distillation: Node | None = None
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    extra_targets: list[str] = field(default_factory=list)

"""Generated assisted-living motion: needs no raw data; an item is a block of clip numbers."""

from pathlib import Path

import numpy as np

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.generator import CLASSES, LAYOUT, GeneratedClips, GeneratorSpec, generate
from har.errors import BadSampleError, CardError, ConfigError
from har.samples import Clip, ClipRecord

BLOCK_CLIPS = 200


class Adapter:
    """Generates the clips of a ``GeneratorSpec``, whose fields are the options."""

    VERSION = 1
    GENERATED = True

    def __init__(
        self,
        card: Card,
        raw: Path | None = None,
        clips: int = 4000,
        subjects: int = 20,
        cameras: int = 4,
        seed: int = 0,
        frames: int = 64,
        fps: float = 20.0,
        noise_scale: float = 1.0,
        obstacle_share: float = 0.35,
        second_person_share: float = 0.15,
    ):
        """Check the card and the options; see ``GeneratorSpec`` for their meaning.

        A card of modality ``pose2d`` gets pixels, one of ``pose3d`` metres.
        """
        if raw is not None:
            raise ConfigError(f"{card.name} is generated and has no raw data: leave out '{raw}'")
        if card.labels != CLASSES or card.layout != LAYOUT:
            raise CardError(
                f"{card.name}: the generator makes layout {LAYOUT} and, in this order, the labels "
                f"{', '.join(CLASSES)}; the card differs"
            )
        self.card = card
        self.spec = GeneratorSpec(
            clips=clips,
            subjects=subjects,
            cameras=cameras,
            seed=seed,
            frames=frames,
            fps=fps,
            noise_scale=noise_scale,
            obstacle_share=obstacle_share,
            second_person_share=second_person_share,
        )

    def items(self) -> list[str]:
        """Return the blocks of clip numbers, such as ``000000-000199``."""
        starts = range(0, self.spec.clips, BLOCK_CLIPS)
        ends = (min(start + BLOCK_CLIPS, self.spec.clips) - 1 for start in starts)
        return [f"{start:06d}-{end:06d}" for start, end in zip(starts, ends, strict=True)]

    def read(self, item: str) -> list[Clip]:
        """Return the clips of one block."""
        first, dash, last = item.partition("-")
        if not (dash and first.isdigit() and last.isdigit()):
            raise BadSampleError(item, "not a block of clip numbers such as 000000-000199")
        generated = generate(np.arange(int(first), int(last) + 1), self.spec)
        clips = [self._clip(generated, row, item) for row in range(len(generated))]
        for clip in clips:
            check_clip(clip, self.card)
        return clips

    def _clip(self, generated: GeneratedClips, row: int, item: str) -> Clip:
        people, plan = int(generated.person_counts[row]), generated.plan
        record = ClipRecord(
            clip_id=f"clip_{generated.clip_numbers[row]:06d}",
            dataset=self.card.name,
            label=int(plan.labels[row]),
            frame_count=self.spec.frames,
            person_count=people,
            fps=self.spec.fps,
            layout=LAYOUT,
            subject=f"s{plan.subjects[row] + 1:02d}",
            camera=f"c{plan.cameras[row] + 1}",
            replication=str(plan.replications[row] + 1),
            source=item,
            conditions={name: float(v[row]) for name, v in generated.conditions.items()},
        )
        joints = generated.joints_m if self.card.dims == 3 else generated.joints_px
        return Clip(record, joints[row, :people], generated.confidence[row, :people])

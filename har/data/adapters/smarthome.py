"""Toyota Smarthome, trimmed clips: LCR-Net++ skeletons, or 2D poses of three estimators.

The name ``Action_pXX_rYY_vZZ_cWW`` gives action, person, repeat, video and camera.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from har.data.cards import Card
from har.data.formats.clip_files import make_clip, match_name
from har.data.formats.raw_files import list_files, without_zeros
from har.data.formats.smarthome_pose import (
    CLIP_NAME,
    parse_smarthome_skeleton,
    read_kpts_npz,
)
from har.errors import BadSampleError, ConfigError, did_you_mean
from har.samples import Clip

SKELETON = "skeleton"
ESTIMATORS = ("LCRNet2d", "OP2d", "Alphapose2d")


class Adapter:
    """Reads one pose file a clip.

    Args:
        card: the dataset card; 3D takes the 3D skeletons, 2D the 2D ones.
        raw: folder of the pose files.
        poses: ``skeleton`` for the JSON files; ``LCRNet2d``, ``OP2d`` or ``Alphapose2d`` for the
            NPZ files of that estimator, which need a card with 2D poses in the layout coco17.
        people: how many people of a frame to take at most, from the JSON files. They are not
            tracked: with more than one, a person may change place between frames.
        skip_actions: actions of the set that the card leaves out.
    """

    VERSION = 1

    def __init__(
        self,
        card: Card,
        raw: Path | None,
        poses: str = SKELETON,
        people: int = 1,
        skip_actions: Sequence[str] = (),
    ):
        allowed = (SKELETON, *ESTIMATORS)
        if poses not in allowed:
            raise ConfigError(
                f"{card.name}: poses '{poses}' is not one of {', '.join(allowed)}."
                f"{did_you_mean(poses, allowed)}"
            )
        if people < 1:
            raise ConfigError(f"{card.name}: people={people} is not 1 or more")
        self.card = card
        self.raw = raw
        self.poses = poses
        self.people = people
        self.skip_actions = tuple(skip_actions)

    def items(self) -> list[str]:
        """Return the pose files, without those of skipped actions."""
        ending = ".json" if self.poses == SKELETON else f"_{self.poses}.npz"
        items = list_files(self.card, self.raw, f"*{ending}")
        return [item for item in items if _action(item) not in self.skip_actions]

    def read(self, item: str) -> list[Clip]:
        """Return the one clip of a file."""
        clip_id = PurePosixPath(item).stem.removesuffix(f"_{self.poses}")
        name = match_name(CLIP_NAME, clip_id, "Action_pXX_rYY_vZZ_cWW", item)
        joints, confidence = self._load(item)
        clip = make_clip(
            self.card,
            item,
            joints,
            confidence,
            clip_id=clip_id,
            label=self._label(name["action"], item),
            subject=without_zeros(name["subject"]),
            camera=without_zeros(name["camera"]),
            replication=without_zeros(name["repeat"]),
        )
        return [clip]

    def _load(self, item: str) -> tuple[np.ndarray, np.ndarray]:
        path = Path(self.raw or "", item)
        if self.poses != SKELETON:
            return read_kpts_npz(path, item)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadSampleError(item, f"cannot be read: {error}") from error
        return parse_smarthome_skeleton(content, self.card.dims, self.people, item)

    def _label(self, action: str, item: str) -> int:
        if action not in self.card.labels:
            raise BadSampleError(
                item,
                f"action '{action}' is not a class of {self.card.name}."
                f"{did_you_mean(action, self.card.labels)}",
            )
        return self.card.labels.index(action)


def _action(item: str) -> str:
    return PurePosixPath(item).name.partition("_")[0]

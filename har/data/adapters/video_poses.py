"""Videos whose poses an estimator finds: a clip is one video, with its timed labels.

The poses are those of ``har.pose``; no pixel goes into a clip.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from har.data.adapters.base import check_clip
from har.data.cards import Card
from har.data.formats.name_pattern import attributes_in, compile_name_pattern
from har.data.formats.raw_files import list_files
from har.data.formats.video_labels import LABEL_SOURCES, VideoLabels
from har.errors import BadSampleError, CardError, ConfigError, HarError, VideoError, did_you_mean
from har.pose import PoseEstimator, PoseSettings, VideoPoses, build_estimator, extract_poses
from har.pose.extraction import Coordinates
from har.samples import UNLABELLED, Clip, ClipRecord, Segment
from har.video import open_video

VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")


class Adapter:
    """Runs a pose estimator over the videos below a folder.

    A clip is named after its video, without the ending. Its conditions tell how well it went:
    ``person_share``, ``filled_share`` and ``tracks``, and the camera: ``picture_width``,
    ``picture_height`` and ``focal_px``, by which joints project back into the picture.

    Args:
        card: names the layout of the estimator, and the labels.
        raw: folder of the videos.
        estimator: one of ``har.pose.ESTIMATORS``.
        estimator_options: of the estimator, by name.
        labels: format of the timed labels, one of ``LABEL_SOURCES``; None for none.
        segments: path of the table of labels, where the format has one beside the videos.
        name_pattern: regular expression with the groups subject, camera, setup or replication.
        decoder: of the videos, one of ``har.video.DECODERS``, or ``auto``.
        people, max_fps, coordinates, view_deg, memory_sec, fill_gap_sec, min_track_sec, smoothing:
            see ``har.pose.PoseSettings``.
    """

    VERSION = 1

    def __init__(
        self,
        card: Card,
        raw: Path | None,
        estimator: str = "mediapipe",
        estimator_options: Mapping[str, Any] | None = None,
        labels: str | None = None,
        segments: str | None = None,
        name_pattern: str | None = None,
        decoder: str = "auto",
        people: int = 2,
        max_fps: float = 30.0,
        coordinates: Coordinates = "camera",
        view_deg: float = 60.0,
        memory_sec: float = 2.0,
        fill_gap_sec: float = 0.5,
        min_track_sec: float = 0.5,
        smoothing: str = "none",
    ):
        if labels is not None and labels not in LABEL_SOURCES:
            raise ConfigError(
                f"{card.name}: labels '{labels}' is no format of timed labels."
                f"{did_you_mean(labels, LABEL_SOURCES)} There are: {', '.join(LABEL_SOURCES)}"
            )
        self.card = card
        self.raw = raw
        self.estimator = estimator
        self.estimator_options = dict(estimator_options or {})
        self.labels = VideoLabels(card, raw, labels, segments)
        self.name_pattern = compile_name_pattern(card, name_pattern)
        self.decoder = decoder
        self.settings = PoseSettings(
            people=people,
            max_fps=max_fps,
            coordinates=coordinates,
            view_deg=view_deg,
            memory_sec=memory_sec,
            fill_gap_sec=fill_gap_sec,
            min_track_sec=min_track_sec,
            smoothing=smoothing,
        )
        self._first = ""
        self._built: PoseEstimator | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the estimator out of what goes to a worker process, which builds its own."""
        return self.__dict__ | {"_built": None}

    def items(self) -> list[str]:
        """Return the videos; the labels are read here, so that a wrong table is refused early."""
        files = list_files(self.card, self.raw, "*")
        videos = [name for name in files if name.lower().endswith(VIDEO_ENDINGS)]
        if not videos:
            raise HarError(
                f"{self.card.name}: no video below {self.raw}; their names end in "
                f"{', '.join(VIDEO_ENDINGS)}"
            )
        self.labels.read()
        self._first = videos[0]
        return videos

    def read(self, item: str) -> list[Clip | BadSampleError]:
        """Return the poses of a video; the first also tells the labels that cannot be read."""
        attributes = attributes_in(item, self.name_pattern)
        path = Path(self.raw or "", item)
        try:
            with open_video(path, decoder=self.decoder) as video:
                poses = extract_poses(video, self._estimator(), self.settings, item)
                duration = video.frame_count / video.fps
        except VideoError as error:
            raise BadSampleError(item, _reason(error)) from error
        clip_id = PurePosixPath(item).with_suffix("").as_posix()
        record = _record(self.card, clip_id, item, poses, attributes)
        segments = tuple(_cut(segment, record, duration) for segment in self.labels.of(item))
        clip = Clip(record, poses.joints, poses.confidence, segments)
        check_clip(clip, self.card)
        unread = self.labels.skipped if item == self._first else ()
        return [clip, *(entry.error() for entry in unread)]

    def _estimator(self) -> PoseEstimator:
        if self._built is None:
            options = dict(self.estimator_options)
            if self.estimator == "mediapipe":
                options.setdefault("people", self.settings.people)
            self._built = build_estimator(self.estimator, **options)
            if (found := self._built.layout) != self.card.layout:
                raise CardError(
                    f"{self.card.name}: the estimator '{self.estimator}' gives the layout "
                    f"{found}, the card has {self.card.layout}"
                )
        return self._built


def _record(
    card: Card, clip_id: str, item: str, poses: VideoPoses, attributes: Mapping[str, str]
) -> ClipRecord:
    return ClipRecord(
        clip_id=clip_id,
        dataset=card.name,
        label=UNLABELLED,
        frame_count=poses.joints.shape[1],
        person_count=poses.joints.shape[0],
        fps=poses.fps,
        layout=card.layout,
        source=item,
        conditions={
            "person_share": poses.person_share,
            "filled_share": poses.filled_share,
            "tracks": float(poses.track_count),
            "picture_width": float(poses.camera.width),
            "picture_height": float(poses.camera.height),
            "focal_px": poses.camera.focal_px,
        },
        **attributes,
    )


def _cut(segment: Segment, record: ClipRecord, duration_sec: float) -> Segment:
    """Return the segment of the clip; labels in whole seconds may run past the end of a video."""
    end = segment.end_sec
    if segment.start_sec < duration_sec:
        end = min(end, record.frame_count / record.fps)
    return replace(segment, recording=record.clip_id, end_sec=end)


def _reason(error: VideoError) -> str:
    return error.reason if error.frame is None else f"frame {error.frame}: {error.reason}"

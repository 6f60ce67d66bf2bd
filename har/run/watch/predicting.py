"""What the people in a video do: an annotated video, and tables of events and scores."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from tqdm import tqdm

from har.errors import ConfigError
from har.evaluation.events import AlarmSettings, Detections, detect
from har.evaluation.timeline import Scores
from har.pose import Person, PoseEstimator, PoseSettings, Tracker, build_estimator
from har.pose.camera import PinholeCamera
from har.pose.extraction import check_coordinates, every, frame_step
from har.pose.live import FORGET_SEC, LIVE_SMOOTHING, LivePlace
from har.pose.privacy import check_mode
from har.record import provenance, write_json_atomic
from har.run.watch.annotated_video import Annotator, VideoWriter
from har.run.watch.recogniser import Recogniser
from har.run.watch.watching import Event, EventList, Look, Watcher
from har.skeleton.layout import load_layout
from har.video import Frame, VideoReader, open_video


@dataclass(frozen=True)
class PredictRequest:
    """What to watch, and how; the command's help tells more of each value."""

    video: Path
    ckpt: Path
    out: Path | None = None
    window_sec: float = 2.0
    stride_sec: float = 0.5
    estimator: str = "mediapipe"
    estimator_options: Mapping[str, Any] = field(default_factory=dict)
    people: int = 2
    max_fps: float = 15.0
    view_deg: float = 60.0
    smoothing: str = "one_euro"
    privacy: str = "none"
    alarm: float = 0.5
    decoder: str = "auto"
    draw: bool = True

    def check(self) -> None:
        """Refuse values that cannot be used together.

        Raises:
            ConfigError: names the value and what is allowed.
        """
        check_mode(self.privacy)
        if self.smoothing not in LIVE_SMOOTHING:
            raise ConfigError(f"smoothing={self.smoothing}: choose {' or '.join(LIVE_SMOOTHING)}")
        if not 0 < self.stride_sec <= self.window_sec:
            raise ConfigError(
                f"stride_sec={self.stride_sec:g} must be above 0 and at most window_sec="
                f"{self.window_sec:g}"
            )


def predict_video(request: PredictRequest) -> Path:
    """Watch a video frame by frame; return the folder of the results.

    The folder gets ``annotated.mp4``, ``events.csv``, ``scores.csv`` (all probabilities of every
    look) and ``events.json`` (events, alarms, settings, provenance; written last). Memory does not
    grow with the length of the video but for its events and one score a look.

    Raises:
        HarError: something the user gave cannot be used; the message says what and how to mend it.
    """
    request.check()
    recogniser = Recogniser.load(request.ckpt)
    out = request.out or request.video.parent / "predictions" / request.video.stem
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as resources:
        video = resources.enter_context(open_video(request.video, decoder=request.decoder))
        watch = _Watch(request, recogniser, video)
        resources.callback(watch.close)
        files = _Files(out, request, recogniser, watch, resources)
        for frame, numbers, people, looks in watch.frames():
            files.add(frame, numbers, people, looks)
        files.finish()
    summary = _summary(request, recogniser, watch, files)
    write_json_atomic(out / "events.json", summary)
    print(_describe(summary, out))
    return out


class _Watch:
    """Poses, tracks and looks of the frames of a video, one after the other."""

    def __init__(self, request: PredictRequest, recogniser: Recogniser, video: VideoReader):
        self.video = video
        self.step = frame_step(video.fps, request.max_fps)
        self.fps = video.fps / self.step
        self.estimator = _estimator(request)
        self.layout = load_layout(self.estimator.layout)
        camera = PinholeCamera.from_view(video.width, video.height, request.view_deg)
        self._place = LivePlace(camera, "camera", request.smoothing == "one_euro")
        self.frame_count = self.found_count = 0
        self._tracker = Tracker()
        self._window = max(2, round(request.window_sec * self.fps))
        self._stride = max(1, round(request.stride_sec * self.fps))
        self._watcher = Watcher(recogniser, self.layout, self.fps, self._window)

    def frames(self) -> Iterator[tuple[Frame, list[int], list[Person], list[Look]]]:
        """Yield each frame with the people in it, their numbers, and the looks that end with it."""
        total = -(-self.video.frame_count // self.step)
        self.estimator.start()
        for frame in tqdm(every(self.video.stream(), self.step), total=total, unit="frame"):
            people = self.estimator.estimate(frame.pixels)
            now = self.frame_count / self.fps
            numbers = self._tracker.update(people, now)
            joints = [self._place(n, p, now) for n, p in zip(numbers, people, strict=True)]
            self._watcher.add(self.frame_count, numbers, people, joints)
            self.frame_count += 1
            self.found_count += bool(people)
            due = self.frame_count >= self._window and self.frame_count % self._stride == 0
            last = self.frame_count == total and total < self._window
            looks = self._watcher.look(self.frame_count - 1) if due or last else []
            yield frame, numbers, people, looks

    def close(self) -> None:
        self.estimator.close()


class _Files:
    """What a prediction writes while it goes on."""

    def __init__(
        self,
        out: Path,
        request: PredictRequest,
        recogniser: Recogniser,
        watch: _Watch,
        resources: ExitStack,
    ):
        self.recogniser = recogniser
        self.fps = watch.fps
        self.events: list[Event] = []
        self.falls: list[tuple[int, float, float, float]] = []
        self._open_events = EventList(patience_sec=2 * request.stride_sec)
        self._event_rows = _table(out / "events.csv", _EVENT_COLUMNS, resources)
        columns = ("person", "start_sec", "end_sec", *recogniser.labels)
        self._score_rows = _table(out / "scores.csv", columns, resources)
        self._writer = self._annotator = None
        if request.draw:
            self._writer = resources.enter_context(VideoWriter(out / "annotated.mp4", watch.fps))
            self._annotator = Annotator(
                watch.layout,
                recogniser.labels,
                recogniser.is_fall,
                request.people,
                request.privacy,
                watch.video.frame_count / watch.video.fps,
            )

    def add(
        self, frame: Frame, numbers: Sequence[int], people: Sequence[Person], looks: Sequence[Look]
    ) -> None:
        """Write what a frame brought."""
        now = frame.time
        for look in looks:
            self._add_look(look)
            if self._annotator is not None:
                self._annotator.tell(look, now)
        self._write_events(self._open_events.finish(before_sec=now - FORGET_SEC))
        if self._annotator is not None and self._writer is not None:
            self._writer.write(self._annotator.draw(frame.pixels, numbers, people, now))

    def finish(self) -> None:
        """Write the events that lasted to the end."""
        self._write_events(self._open_events.finish())

    def _add_look(self, look: Look) -> None:
        times = (f"{look.start_sec:.3f}", f"{look.end_sec:.3f}")
        probabilities = (f"{value:.4f}" for value in look.probabilities)
        self._score_rows.writerow((look.person + 1, *times, *probabilities))
        if self.recogniser.is_fall is not None:
            fall = float(look.probabilities[self.recogniser.is_fall].sum())
            self.falls.append((look.person, look.start_sec, look.end_sec, min(fall, 1.0)))
        self._write_events(list(self._open_events.add(look)))

    def _write_events(self, events: Sequence[Event]) -> None:
        for event in events:
            self._event_rows.writerow(_event_row(event, self.recogniser.labels).values())
        self.events += events


_EVENT_COLUMNS = ("person", "label", "start_sec", "end_sec", "probability")


def _event_row(event: Event, labels: Sequence[str]) -> dict[str, Any]:
    values = (
        event.person + 1,
        labels[event.label],
        round(event.start_sec, 3),
        round(event.end_sec, 3),
        round(event.probability, 4),
    )
    return dict(zip(_EVENT_COLUMNS, values, strict=True))


def _table(path: Path, columns: Sequence[str], resources: ExitStack) -> Any:
    file: IO[str] = resources.enter_context(path.open("w", encoding="utf-8", newline=""))
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    return writer


def _estimator(request: PredictRequest) -> PoseEstimator:
    options = dict(request.estimator_options)
    if request.estimator == "mediapipe":
        options.setdefault("people", request.people)
    estimator = build_estimator(request.estimator, **options)
    settings = PoseSettings(request.people, request.max_fps, "camera", request.view_deg)
    check_coordinates(estimator, settings)
    return estimator


def _alarms(files: _Files, threshold: float) -> Detections | None:
    """Return the alarms of all people, each by themselves; None where no label is a fall."""
    if not files.falls:
        return None
    person, start, end, probability = zip(*files.falls, strict=True)
    names = np.array([f"{number + 1}" for number in person])
    scores = Scores(names, np.array(start), np.array(end), np.array(probability))
    return detect(scores, AlarmSettings(threshold=threshold))


def _summary(
    request: PredictRequest, recogniser: Recogniser, watch: _Watch, files: _Files
) -> dict[str, Any]:
    alarms = _alarms(files, request.alarm)
    rows = [] if alarms is None else zip(
        alarms.stream, alarms.start_sec, alarms.end_sec, alarms.alarm_sec, alarms.is_silent,
        strict=True,
    )  # fmt: skip
    events = sorted(files.events, key=lambda event: (event.start_sec, event.person))
    return {
        "video": request.video.name,
        "checkpoint": request.ckpt.name,
        "labels": recogniser.labels,
        "seconds": watch.frame_count / watch.fps,
        "frames": watch.frame_count,
        "frames_with_people": watch.found_count,
        "fps": watch.fps,
        "events": [_event_row(event, recogniser.labels) for event in events],
        "fall_alarms": [
            {
                "person": int(name),
                "start_sec": round(float(start), 3),
                "end_sec": round(float(end), 3),
                "alarm_sec": round(float(alarm), 3),
                "silent": bool(silent),
            }
            for name, start, end, alarm, silent in rows
        ],
        "settings": {
            key: getattr(request, key)
            for key in ("window_sec", "stride_sec", "estimator", "people", "max_fps", "view_deg",
                        "smoothing", "privacy", "alarm")
        },
        "provenance": provenance(),
    }  # fmt: skip


def _describe(summary: Mapping[str, Any], out: Path) -> str:
    share = summary["frames_with_people"] / max(summary["frames"], 1)
    lines = [f"{summary['seconds']:.1f} s, somebody seen in {share:.1%} of the frames"]
    lines += [
        f"  {event['start_sec']:8.2f} to {event['end_sec']:8.2f} s  person {event['person']}  "
        f"{event['label']} ({event['probability']:.0%})"
        for event in summary["events"]
    ]
    lines += [
        f"  fall alarm at {alarm['alarm_sec']:.2f} s, person {alarm['person']}"
        for alarm in summary["fall_alarms"]
        if not alarm["silent"]
    ]
    return "\n".join([*lines, f"results: {out}"])

import contextlib
import json
import subprocess
import sys
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from edge_bundle import JOINTS, line, write_bundle, write_step_bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from har.cli.edge import follow, run, run_bench
from har.cli.edge_inputs import read_stream
from har.edge.bundle import load_bundle
from har.edge.events import Alarm, Smoother
from har.edge.frames import FrameError, PoseFrame, frames_of_array, parse_frame
from har.edge.runtime import Runtime
from har.edge.settings import AlarmSettings, Settings, read_settings
from har.edge.sinks import Webhook
from har.edge.window import Resampler, Window
from har.errors import ConfigError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("edge") / "bundle")


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self):
        self.messages = []

    def send(self, message):
        self.messages.append(message)

    def of(self, kind):
        return [message for message in self.messages if message["type"] == kind]


def play(folder, lines, **chosen):
    runtime, sink = Runtime(load_bundle(folder), Settings(**chosen), threads=1), Kept()
    follow(runtime, read_stream(runtime, lines, [sink]), [sink])
    return runtime, sink


def story(*parts, fps=20.0, start=0.0):
    """Return lines of (seconds, height) one after the other."""
    heights = [height for seconds, height in parts for _ in range(round(seconds * fps))]
    return [line(start + i / fps, height) for i, height in enumerate(heights)]


def test_a_fall_and_a_long_lie_are_told_once_with_start_and_delay(folder):
    _, sink = play(folder, story((3, 1.0), (1.0, 0.5), (70, 0.0), (3, 1.0)))
    events = sink.of("event")
    started = {e["kind"]: e for e in events if e["state"] == "start"}
    assert sorted(started) == ["fall", "fallen", "long_lie"]
    assert len(events) == 6
    assert started["fall"]["start"] == pytest.approx(3.2, abs=0.6)
    assert started["fall"]["delay"] <= 0.6
    assert started["long_lie"]["delay"] == pytest.approx(60, abs=0.6)
    assert started["long_lie"]["confidence"] > 0.9
    assert all(e["state"] == "end" for e in events if e not in started.values())


def test_a_flicker_raises_nothing(folder):
    parts = [(0.95, 1.0), (0.05, 0.5)] * 20
    _, sink = play(folder, story(*parts))
    assert sink.of("event") == []


def test_dropped_frames_and_missing_joints_do_not_stop_it(folder):
    lines = story((3, 1.0), (2, 0.5))
    kept = [text for i, text in enumerate(lines) if i % 3]
    frame = json.loads(kept[10])
    frame["people"][0]["joints"][1] = None
    kept[10] = json.dumps(frame)
    _, sink = play(folder, kept)
    assert [e["kind"] for e in sink.of("event") if e["state"] == "start"] == ["fall"]


def test_people_come_and_go_and_too_many_are_counted(folder):
    lines = [
        json.dumps(
            {
                "t": i / 20,
                "people": [
                    {"id": n, "joints": [[0, 1.0, 0]] * len(JOINTS)}
                    for n in range(3 if i < 40 else 1)
                ],
            }
        )
        for i in range(240)
    ]
    runtime, sink = play(folder, lines, most_people=2)
    assert runtime.health.left_out == 40
    assert [n["text"] for n in sink.of("notice")] == ["person 1 left"]
    assert sink.of("health")[-1]["people"] == 0


@pytest.mark.parametrize(("jump", "text"), [(3600.0, "no frame for"), (-100.0, "clock went back")])
def test_a_jump_of_the_clock_starts_anew(folder, jump, text):
    lines = story((3, 1.0), (2, 0.5)) + story((3, 1.0), start=200 + jump)
    _, sink = play(folder, story((1, 1.0), start=190) + lines if jump < -150 else lines)
    assert any("windows start anew" in n["text"] for n in sink.of("notice"))
    events = sink.of("event")
    assert [e["state"] for e in events] == ["start", "end"]


def test_a_stream_that_pauses_and_returns_goes_on(folder):
    lines = story((2, 1.0)) + story((2, 1.0), start=300) + story((2, 0.5), start=302)
    _, sink = play(folder, lines)
    assert len(sink.of("notice")) == 1
    assert [e["kind"] for e in sink.of("event")][:1] == ["fall"]


def test_lines_that_are_no_frames_are_told_and_passed_over(folder):
    bad = ["{", "[]", '{"t": "x", "people": []}', '{"t": 1, "people": [{}]}', "\x00\xff", "1e999"]
    _, sink = play(folder, bad + story((2, 1.0)))
    assert len(sink.of("skipped")) == len(bad)
    assert sink.of("state")


@settings(max_examples=300)
@given(st.text() | st.from_regex(r'\{"t": ?-?[0-9e.]{1,6}, ?"people": ?\[.{0,40}\]\}'))
def test_no_text_does_more_than_being_refused(text):
    try:
        frame = parse_frame(text, 3, 3)
    except FrameError:
        return
    assert np.isfinite(frame.time)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@settings(max_examples=200)
@given(json_values, json_values, json_values)
def test_no_json_does_more_than_being_refused(time, joints, confidence):
    person = {"id": 1, "joints": joints, "confidence": confidence}
    with contextlib.suppress(FrameError):
        parse_frame(json.dumps({"t": time, "people": [person]}), 2, 3)


def test_unseen_joints_are_zero_with_confidence_zero():
    text = json.dumps(
        {"t": 1, "people": [{"id": "a", "joints": [[1, 2, 3], None], "confidence": [0.5, 1]}]}
    )
    pose, seen = parse_frame(text, 2, 3).people["a"]
    assert pose.tolist() == [[1, 2, 3], [0, 0, 0]]
    assert seen.tolist() == [0.5, 0.0]


def test_the_window_interpolates_and_leaves_gaps_empty():
    window = Window(1.0, 10, 1, 2)
    for time in np.arange(0, 2.01, 0.05):
        if not 1.3 < time < 1.72:
            window.add(time, np.array([[time, 2 * time]], np.float32), np.ones(1, np.float32))
    poses, seen, share = window.read(2.0)
    wanted = 1.0 + np.arange(1, 11) / 10
    gap = (wanted > 1.31) & (wanted < 1.74)
    assert seen[:, 0].astype(bool).tolist() == (~gap).tolist()
    assert share == pytest.approx(1 - gap.mean())
    assert poses[~gap, 0, 0] == pytest.approx(wanted[~gap], abs=1e-5)
    assert (poses[gap] == 0).all()


def test_the_window_before_anything_was_seen_is_empty():
    _, seen, share = Window(1.0, 4, 2, 3).read(5.0)
    assert share == 0
    assert not seen.any()


def test_a_step_model_is_fed_at_its_rate_whatever_the_camera(tmp_path):
    folder = write_step_bundle(tmp_path / "steps")
    parts = ((3, 1.0), (2, 0.5), (3, 0.0))
    for fps in (10.0, 20.0, 33.0):
        runtime, sink = play(folder, story(*parts, fps=fps))
        assert runtime._people == {}
        kinds = [e["kind"] for e in sink.of("event") if e["state"] == "start"]
        assert kinds == ["fall", "fallen"], fps
        assert sink.of("state")[0]["time"] == pytest.approx(0.5, abs=0.3)


def test_the_resampler_keeps_the_rate_and_marks_gaps():
    resampler, seen = Resampler(10.0), np.ones(1, np.float32)
    out = []
    for time in (0.0, 0.06, 0.13, 0.31, 2.0):
        out += list(resampler(time, np.array([[time]], np.float32), seen))
    assert len(out) == 21
    assert [pose[0, 0] for pose, _ in out[:4]] == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=1e-5)
    assert all(there.any() for _, there in out[:4])
    assert not any(there.any() for _, there in out[4:])


def test_a_smoother_forgets_with_its_time_constant():
    smoother = Smoother(2.0)
    smoother(0.0, np.array([0.0]))
    assert smoother(2.0, np.array([1.0]))[0] == pytest.approx(1 - np.exp(-1))
    assert Smoother(0)(1.0, np.array([0.3]))[0] == 0.3


def test_an_alarm_is_quiet_after_its_end():
    alarm = Alarm("fall", "1", AlarmSettings(("falling",), 0.5, 0.3, hold_s=0.0, quiet_s=5.0))
    assert [e.state for e in alarm(0.0, 0.9)] == ["start"]
    assert alarm(0.5, 0.4) == []
    assert [e.state for e in alarm(1.0, 0.1)] == ["end"]
    assert alarm(4.0, 0.9) == []
    assert [e.state for e in alarm(6.5, 0.9)] == ["start"]


def test_settings_are_read_and_mistakes_told(tmp_path):
    path = tmp_path / "edge.toml"
    path.write_text(
        "every_s = 0.5\n[alarms]\nfallen = false\n[alarms.fall]\non = 0.8\n"
        '[alarms.cough]\nleaves = ["coughing"]\n'
    )
    chosen = read_settings(path)
    assert chosen.every_s == 0.5
    assert chosen.alarms["fall"].on == 0.8
    assert "fallen" not in chosen.alarms
    assert chosen.alarms["cough"].leaves == ("coughing",)
    path.write_text('evry_s = 1\nevery_s = "fast"\n[alarms.fall]\non = 0.1\n[alarms.x]\n')
    with pytest.raises(ConfigError) as caught:
        read_settings(path)
    for told in ("Did you mean 'every_s'", "every_s is 'fast'", "0 < off <= on", "x.leaves"):
        assert told in str(caught.value)


def test_events_reach_a_webhook_that_answers_late(folder):
    got = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(500 if len(got) == 1 else 204)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sink = Webhook(f"http://127.0.0.1:{server.server_address[1]}/")
    runtime = Runtime(load_bundle(folder), threads=1)
    follow(runtime, read_stream(runtime, story((3, 1.0), (1, 0.5), (3, 1.0)), []), [sink])
    sink.close()
    server.shutdown()
    assert {message["kind"] for message in got} == {"fall"}
    assert sink.dropped == 0
    with pytest.raises(ConfigError, match="starts with http"):
        Webhook("ftp://x")


def test_the_command_reads_files_and_standard_input_without_torch(folder, tmp_path):
    path = tmp_path / "story.ndjson"
    path.write_text("\n".join(story((3, 1.0), (1, 0.5), (2, 1.0))))
    program = (
        "import sys; from har.cli.main import main; "
        f"code = main(['edge', 'run', '--bundle', {str(folder)!r}, '--input', '-']); "
        "heavy = {'torch', 'scipy', 'pytorch_lightning', 'matplotlib'} & set(sys.modules); "
        "sys.exit(code if not heavy else f'imported {heavy}')"
    )
    with path.open() as lines:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdin=lines,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    messages = [json.loads(text) for text in done.stdout.splitlines()]
    assert [m["kind"] for m in messages if m["type"] == "event"] == ["fall", "fall"]
    assert messages[-1]["type"] == "health"


def test_poses_of_an_array_file(folder, tmp_path, capsys):
    poses = np.zeros((1, 60, len(JOINTS), 3), np.float32)
    poses[..., 1] = 1.0
    np.savez(tmp_path / "clip.npz", poses=poses, fps=20.0)
    assert run(["run", "--bundle", str(folder), "--input", str(tmp_path / "clip.npz")]) == 0
    states = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert {m["label"] for m in states if m["type"] == "state"} == {"upright"}
    with pytest.raises(ConfigError, match="no such file"):
        run(["run", "--bundle", str(folder), "--input", "nowhere.npz"])
    np.savez(tmp_path / "bad.npz", poses=poses[0])
    with pytest.raises(ConfigError, match=r"poses must be \(M, T, V, C\)"):
        run(["run", "--bundle", str(folder), "--input", str(tmp_path / "bad.npz")])


def test_absent_people_are_no_people():
    poses, seen = np.zeros((2, 3, 4, 3)), np.zeros((2, 3, 4))
    seen[0] = 1
    seen[1, 2] = 1
    frames = list(frames_of_array(poses, seen, fps=10, start=5))
    assert [sorted(frame.people) for frame in frames] == [["0"], ["0"], ["0", "1"]]
    assert [frame.time for frame in frames] == pytest.approx([5.0, 5.1, 5.2])


def test_bench_measures_steps(tmp_path, capsys):
    folder = write_step_bundle(tmp_path / "steps")
    assert run_bench([str(folder), "--seconds", "0.05", "--threads", "1"]) == 0
    assert "heights (step, fp32)" in capsys.readouterr().out


def test_bench_writes_a_record_and_compares(folder, tmp_path, capsys):
    record = tmp_path / "r.json"
    arguments = [str(folder), "--json", str(record), "--seconds", "0.05", "--threads", "1"]
    assert run_bench(arguments) == 0
    content = json.loads(record.read_text())
    assert content["runs"][0]["single_stream"]["p50_ms"] > 0
    assert content["best"]["clips_per_second"] > 0
    assert content["device"]["processor"]
    capsys.readouterr()
    assert run_bench([str(record), str(record)]) == 0
    assert capsys.readouterr().out.count("heights clip fp32") == 2


@pytest.mark.slow
def test_an_hour_of_frames_keeps_memory_flat(folder):
    runtime = Runtime(load_bundle(folder), Settings(health_s=60), threads=1)
    pose = np.ones((len(JOINTS), 3), np.float32)
    seen = np.ones(len(JOINTS), np.float32)

    def run_minutes(first, count):
        for i in range(first * 1200, (first + count) * 1200):
            people = {str(n + i // 2400): (pose, seen) for n in range(2)}
            for _ in runtime.process(PoseFrame(i / 20, people)):
                pass

    run_minutes(0, 5)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run_minutes(5, 55)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert runtime.health.frames == 72_000
    assert grown < 300_000

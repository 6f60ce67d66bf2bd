import json
import shutil
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from edge_bundle import JOINTS, write_bundle

from har.edge.bundle import load_bundle
from har.edge.frames import PoseFrame
from har.edge.live import LiveServer, LiveView

FALL = {
    "type": "event", "kind": "fall", "person": "1", "state": "start",
    "start": 1.0, "time": 1.4, "confidence": 0.9, "delay": 0.4,
}  # fmt: skip


@pytest.fixture
def live(tmp_path):
    view = LiveView(load_bundle(write_bundle(tmp_path / "bundle")))
    pose = np.array([[0, 1, 2], [0.1, 1.6, 2], [0.4, 1.2, 2]], np.float32)
    view.show(PoseFrame(2.0, {"1": (pose, np.array([1, 1, 0], np.float32))}))
    view.send({"type": "state", "time": 2.0, "person": "1", "label": "upright",
               "probability": 0.9, "risk": "none", "watch": 0.0, "urgent": 0.1})  # fmt: skip
    server = LiveServer(view, port=0)
    yield view, server
    server.close()


def ask(server, path, body=None, headers=None):
    request = urllib.request.Request(
        server.url + path, data=body, headers=headers or {}, method="POST" if body else "GET"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def test_the_snapshot_holds_joints_labels_and_events_and_no_pixels(live):
    view, server = live
    view.send(FALL)
    shown = json.loads(ask(server, "snapshot"))
    assert len(shown["people"]["1"]) == len(JOINTS)
    assert shown["people"]["1"][1] == [0.1, -1.6]
    assert shown["people"]["1"][2] is None
    assert shown["events"][0]["kind"] == "fall"
    assert shown["states"]["1"]["label"] == "upright"


def test_the_stream_sends_what_changes(live):
    view, server = live
    with urllib.request.urlopen(server.url + "stream", timeout=60) as stream:
        first = json.loads(stream.readline().removeprefix(b"data: "))
        assert first["events"] == []
        stream.readline()
        view.send(FALL)
        second = json.loads(stream.readline().removeprefix(b"data: "))
    assert second["events"][0]["number"] == 1


def test_an_event_is_acknowledged_and_ended(live):
    view, server = live
    view.send(FALL)
    ask(server, "acknowledge", b'{"number": 1}')
    view.send({**FALL, "state": "end", "time": 5.0})
    event = view.snapshot()["events"][0]
    assert event["acknowledged"]
    assert event["ended"] == 5.0


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("acknowledge", b'{"number": 99}', {}, 404),
        ("acknowledge", b"no json", {}, 400),
        ("acknowledge", b"x" * 5000, {}, 400),
        ("acknowledge", b'{"number": 1}', {"Origin": "http://elsewhere.example"}, 400),
        ("other", b"{}", {}, 400),
        ("nothing", None, {}, 404),
        ("../bundle.json", None, {}, 404),
    ],
)
def test_what_is_not_its_own_is_refused(live, path, body, headers, status):
    view, server = live
    view.send(FALL)
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(server, path, body, headers)
    assert caught.value.code == status
    assert not view.snapshot()["events"][0]["acknowledged"]


@pytest.mark.slow
def test_a_browser_shows_the_alarm_and_acknowledges_it(live, tmp_path):
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs chromium and chromedriver")
    view, server = live
    options = selenium.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1100,800"):
        options.add_argument(flag)
    service = selenium.ChromeService(shutil.which("chromedriver"))
    with selenium.Chrome(options=options, service=service) as browser:
        browser.get(server.url)
        view.send(FALL)
        wait_for(lambda: "fall, person 1" in browser.find_element("id", "alarm").text)
        assert "upright" in browser.find_element("id", "people").text
        painted = browser.execute_script(
            "const c = document.getElementById('room');"
            "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0);"
        )
        assert painted
        button = browser.find_element("css selector", "#events button")
        button.send_keys("\n")
        wait_for(lambda: view.snapshot()["events"][0]["acknowledged"])
        wait_for(lambda: not browser.find_element("id", "alarm").is_displayed())
        browser.save_screenshot(str(tmp_path / "live.png"))


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)

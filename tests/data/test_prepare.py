"""Preparing a dataset: the same store however it is made, and however often it was stopped."""

import multiprocessing
import os
import signal
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from prepare_helper import content, finished_parts, prepare_quietly, wait_for

from har.data import prepare
from har.data.adapters.base import load_adapter
from har.data.cards import load_card
from har.data.store import ClipStore
from har.errors import StoreError

pytest_plugins = ["prepare_fixtures"]
pytestmark = pytest.mark.usefixtures("project")


def children_of(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def stop_before_merge(monkeypatch, card, raw, out):
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "_merge", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prepare_quietly(card, raw, out)


class TestStore:
    def test_holds_all_that_could_be_read(self, card, raw, tmp_path):
        report = prepare_quietly(card, raw, tmp_path / "tiny")
        store = ClipStore.open(tmp_path / "tiny", verify=True)
        assert (report.clip_count, report.skipped_count, len(store)) == (19, 1, 19)
        assert [r.source for r in store.records] == [f"c{i:02d}.txt" for i in range(20) if i != 7]
        clip = load_adapter(card, raw).read("c09.txt")[0]
        np.testing.assert_array_equal(store.clip(8).joints, clip.joints)
        assert (tmp_path / "tiny" / "skipped.csv").read_text().splitlines()[1:] == [
            "c07.txt,its text is bad"
        ]
        assert not (tmp_path / "tiny.partial").exists()

    def test_report_in_words(self, card, raw, tmp_path):
        report = prepare_quietly(card, raw, tmp_path / "tiny")
        assert report.size_bytes == sum(len(data) for data in content(report.path).values())
        assert "tiny: 19 clips, 1 skipped (reasons in skipped.csv), " in str(report)
        assert str(report).endswith("clips/s).")

    @pytest.mark.parametrize(
        "how",
        [{"workers": 2}, {"part_items": None}, {"part_items": 64}, {"workers": 3, "part_items": 1}],
    )
    def test_is_the_same_however_it_is_made(self, card, raw, tmp_path, whole, how):
        prepare_quietly(card, raw, tmp_path / "other", **how)
        assert content(tmp_path / "other") == whole

    def test_archive_gives_the_same_data(self, card, raw, tmp_path, whole):
        with tarfile.open(tmp_path / "raw.tar.xz", "w:xz") as archive:
            archive.add(raw, "tiny_set")
        prepare_quietly(card, tmp_path / "raw.tar.xz", tmp_path / "packed")
        for name in ("joints.bin", "confidence.bin"):
            assert (tmp_path / "packed" / name).read_bytes() == whole[name]
        packed = ClipStore.open(tmp_path / "packed")
        assert packed.fingerprint == ClipStore.open(tmp_path / "whole").fingerprint
        assert packed.record(0).source == "tiny_set/c00.txt"
        assert not (tmp_path / "packed.partial").exists()

    def test_bad_clips_are_skipped_with_a_reason(self, card, raw, tmp_path):
        (raw / "c01.txt").write_text("4 1 c01 nan")
        (raw / "c02.txt").write_text("none")
        (raw / "c03.txt").write_text("0 3")
        prepare_quietly(card, raw, tmp_path / "tiny")
        assert (tmp_path / "tiny" / "skipped.csv").read_text().splitlines() == [
            "source,reason",
            "c01.txt,a coordinate is not a finite number (first in frame 1)",
            "c02.txt,it holds no clip",
            "c03.txt,it has 0 frames of 1 people",
            "c07.txt,its text is bad",
        ]

    def test_float16(self, card, raw, tmp_path):
        prepare_quietly(card, raw, tmp_path / "half", joints_dtype="float16")
        assert ClipStore.open(tmp_path / "half").joints.dtype == np.float16


class TestAgain:
    def test_nothing_to_do(self, card, raw, tmp_path, monkeypatch):
        first = prepare_quietly(card, raw, tmp_path / "tiny")
        with monkeypatch.context() as patch:
            patch.setattr(prepare, "load_adapter", None)
            second = prepare_quietly(card, raw, tmp_path / "tiny")
        assert not first.already_prepared
        assert second.already_prepared
        assert second.clip_count == 19
        assert "is already prepared: 19 clips" in str(second)

    @pytest.mark.parametrize("change", ["force", "options", "raw", "version", "damage"])
    def test_prepared_anew(self, card, raw, tmp_path, monkeypatch, change):
        prepare_quietly(card, raw, tmp_path / "tiny")
        options = {}
        if change == "force":
            options = {"force": True}
        elif change == "options":
            options = {"options": {"scale": 2.0}}
        elif change == "raw":
            (raw / "c00.txt").write_text("9 0")
        elif change == "version":
            monkeypatch.setattr("har.data.adapters.tiny_poses.Adapter.VERSION", 2)
        else:
            (tmp_path / "tiny" / "joints.bin").write_bytes(b"")
        assert not prepare_quietly(card, raw, tmp_path / "tiny", **options).already_prepared
        assert len(ClipStore.open(tmp_path / "tiny", verify=True)) == 19
        assert not (tmp_path / "tiny.partial").exists()

    def test_options_reach_the_data(self, card, raw, tmp_path):
        prepare_quietly(card, raw, tmp_path / "one")
        prepare_quietly(card, raw, tmp_path / "two", options={"scale": 2.0})
        one, two = (ClipStore.open(tmp_path / name) for name in ("one", "two"))
        np.testing.assert_array_equal(two.joints, 2 * np.asarray(one.joints))
        assert two.meta.description.adapter_options == {"scale": 2.0}
        assert one.fingerprint != two.fingerprint


class TestContinuing:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_killed_run_goes_on_to_the_same_bytes(self, card, raw, tmp_path, whole, workers):
        out = tmp_path / "killed"
        settings = {"workers": workers, "progress": False, "part_items": 3}
        options = {"pause_sec": 0.02}
        process = multiprocessing.get_context("fork").Process(
            target=prepare.prepare_dataset,
            args=(card, raw, out),
            kwargs=settings | {"options": options},
        )
        process.start()
        wait_for(lambda: len(finished_parts(out)) >= 2)
        helpers = children_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert not out.exists()
        with pytest.raises(StoreError, match=r"has not finished.*adapter\.pause_sec=0\.02"):
            ClipStore.open(out)
        wait_for(lambda: not any(Path("/proc", pid, "exe").exists() for pid in helpers))
        kept = {path: path.stat().st_mtime_ns for path in finished_parts(out)}

        seen = []
        adapter = sys.modules["har.data.adapters.tiny_poses"].Adapter
        original = adapter.read
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                adapter, "read", lambda self, item: seen.append(item) or original(self, item)
            )
            prepare_quietly(card, raw, out, options=options)
        assert len(kept) >= 2
        assert len(seen) == 20 - sum(2 if path.name == "part-000006" else 3 for path in kept)
        prepare_quietly(card, raw, tmp_path / "at_once", options=options)
        assert content(out) == content(tmp_path / "at_once")
        assert content(out)["joints.bin"] == whole["joints.bin"]

    def test_torn_parts_are_read_again(self, card, raw, tmp_path, monkeypatch, whole):
        out = tmp_path / "torn"
        stop_before_merge(monkeypatch, card, raw, out)
        parts = sorted(finished_parts(out))
        assert len(parts) == 7
        (parts[0] / "joints.bin").write_bytes(b"short")
        (parts[1] / "part.json").write_text("{")
        prepare_quietly(card, raw, out)
        assert content(out) == whole

    def test_damaged_part_is_named(self, card, raw, tmp_path, monkeypatch):
        def damage(writer, *_):
            path = writer.folder / "part-000002" / "joints.bin"
            path.write_bytes(bytes(path.stat().st_size))

        original = prepare._write_missing
        monkeypatch.setattr(prepare, "_write_missing", lambda *a: (original(*a), damage(*a)))
        with pytest.raises(
            StoreError, match=r"part-000002.joints\.bin is damaged.*Remove .*000002"
        ):
            prepare_quietly(card, raw, tmp_path / "tiny")

    def test_new_options_start_anew(self, card, raw, tmp_path, monkeypatch):
        stop_before_merge(monkeypatch, card, raw, tmp_path / "tiny")
        prepare_quietly(card, raw, tmp_path / "tiny", options={"scale": 0.5})
        joints = ClipStore.open(tmp_path / "tiny").clip(0).joints
        expected = load_adapter(card, raw, scale=0.5).read("c00.txt")[0].joints
        np.testing.assert_array_equal(joints, expected)

    def test_archive_is_extracted_once(self, card, raw, tmp_path, monkeypatch):
        archive = tmp_path / "raw.tar.xz"
        with tarfile.open(archive, "w:xz") as packed:
            packed.add(raw, "tiny_set")
        stop_before_merge(monkeypatch, card, archive, tmp_path / "tiny")
        assert (tmp_path / "tiny.partial" / "raw" / "tiny_set" / "c00.txt").is_file()
        monkeypatch.setattr("har.data.raw._extract", None)
        assert prepare_quietly(card, archive, tmp_path / "tiny").clip_count == 19


@pytest.mark.slow
def test_real_recordings(real_data, tmp_path, monkeypatch):
    monkeypatch.delenv("HAR_HOME", raising=False)
    archive = real_data / "nwucla" / "all_sqe.tar.xz"
    report = prepare_quietly(load_card("nwucla"), archive, tmp_path / "nwucla", part_items=256)
    store = ClipStore.open(tmp_path / "nwucla", verify=True)
    assert (report.clip_count, len(store), store.layout) == (1484, 1484, "kinect20")
    assert int((store.index.camera == "3").sum()) == 464

"""What can go wrong while a dataset is prepared, and what is said and kept then."""

import errno
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
from prepare_helper import finished_parts, prepare_quietly, wait_for

from har.data import store_writer
from har.data.prepare_command import main_prepare
from har.errors import ConfigError, StoreError

pytest_plugins = ["prepare_fixtures"]
pytestmark = pytest.mark.usefixtures("project")


class TestTrouble:
    def test_crashed_worker(self, card, raw, tmp_path):
        (raw / "c19.txt").write_text("crash")
        expected = r"worker process died.*'c18\.txt' to 'c19\.txt'.*kept.*workers=1"
        with pytest.raises(StoreError, match=expected):
            prepare_quietly(card, raw, tmp_path / "tiny", workers=2)
        assert len(finished_parts(tmp_path / "tiny")) >= 1

    def test_bug_in_an_adapter_names_the_item(self, card, raw, tmp_path):
        (raw / "c19.txt").write_text("bug")
        with pytest.raises(IndexError) as caught:
            prepare_quietly(card, raw, tmp_path / "tiny")
        assert "reading the item 'c19.txt'" in caught.value.__notes__[0]
        assert len(finished_parts(tmp_path / "tiny")) == 6

    def test_interrupted_command(self, raw, tmp_path, capsys):
        (raw / "c19.txt").write_text("interrupt")
        out = tmp_path / "tiny"
        assert main_prepare(["dataset=tiny", f"raw={raw}", f"out={out}", "workers=1"]) == 130
        assert "the same command goes on" in capsys.readouterr().err

    def test_ctrl_c_with_workers(self, raw, tmp_path):
        out = tmp_path / "tiny"
        words = ["dataset=tiny", f"raw={raw}", f"out={out}", "workers=2", "adapter.pause_sec=0.1"]

        def run():
            os.setpgrp()
            # A test run in the background of a script inherits that Ctrl-C is ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.exit(main_prepare(words))

        process = multiprocessing.get_context("fork").Process(target=run)
        process.start()
        wait_for(lambda: list(Path(f"{out}.partial").glob("parts/*.tmp")))
        os.killpg(process.pid, signal.SIGINT)
        process.join(20)
        assert process.exitcode == 130
        assert not list(Path(f"{out}.partial").glob("parts/*.tmp"))

    @pytest.mark.parametrize("parts_before", [0, 3])
    def test_full_disk(self, card, raw, tmp_path, monkeypatch, parts_before):
        original = store_writer.HashedFile.write

        def write(file, data):
            if file.path.parent.name.startswith(f"part-{parts_before:06d}"):
                raise OSError(errno.ENOSPC, "No space left on device", str(file.path))
            original(file, data)

        monkeypatch.setattr(store_writer.HashedFile, "write", write)
        amount = r"about \d+\.\d kB more" if parts_before else r"not known yet \(raw data: \d+ B\)"
        with pytest.raises(StoreError, match=rf"disk of .*tiny\.partial is full: .*{amount}.*free"):
            prepare_quietly(card, raw, tmp_path / "tiny")
        assert len(finished_parts(tmp_path / "tiny")) == parts_before
        monkeypatch.undo()

    def test_no_room_for_the_merged_store(self, card, raw, tmp_path, monkeypatch):
        monkeypatch.setattr("har.data.prepare_folders.DiskSpace._free", lambda _: 1000)
        with pytest.raises(StoreError, match=r"is full: about \d+\.\d kB more .* 1\.0 kB are free"):
            prepare_quietly(card, raw, tmp_path / "tiny")
        assert len(finished_parts(tmp_path / "tiny")) == 7

    def test_two_clips_of_one_name(self, card, raw, tmp_path):
        (raw / "c11.txt").write_text("4 1 c02")
        with pytest.raises(StoreError, match=r"'c02': one from c02\.txt, one from c11\.txt"):
            prepare_quietly(card, raw, tmp_path / "tiny")

    def test_nothing_could_be_read(self, card, raw, tmp_path):
        for path in raw.iterdir():
            path.write_text("bad")
        with pytest.raises(
            StoreError, match=r"None of the 20 samples of 'tiny'.*c00\.txt: its text"
        ):
            prepare_quietly(card, raw, tmp_path / "tiny")
        assert not (tmp_path / "tiny").exists()

    def test_empty_raw_folder(self, card, tmp_path):
        (tmp_path / "raw").mkdir()
        with pytest.raises(
            StoreError, match=r"nothing to read for 'tiny' in .*raw\. Nothing to down"
        ):
            prepare_quietly(card, tmp_path / "raw", tmp_path / "tiny")
        assert not (tmp_path / "tiny.partial").exists()

    def test_missing_raw_data(self, card, tmp_path):
        with pytest.raises(StoreError, match=r"The raw data .*nothing does not exist"):
            prepare_quietly(card, tmp_path / "nothing", tmp_path / "tiny")

    def test_other_files_are_not_overwritten(self, card, raw, tmp_path):
        (tmp_path / "tiny").mkdir()
        (tmp_path / "tiny" / "thesis.tex").touch()
        with pytest.raises(StoreError, match="exists and is no clip store"):
            prepare_quietly(card, raw, tmp_path / "tiny", force=True)

    def test_store_within_the_raw_data(self, card, raw):
        with pytest.raises(StoreError, match="lie in one another"):
            prepare_quietly(card, raw, raw / "tiny")

    def test_second_process_is_refused(self, card, raw, tmp_path):
        out = tmp_path / "tiny"
        process = multiprocessing.get_context("fork").Process(
            target=prepare_quietly, args=(card, raw, out), kwargs={"options": {"pause_sec": 0.1}}
        )
        process.start()
        wait_for(lambda: Path(f"{out}.partial", "parts").is_dir())
        with pytest.raises(StoreError, match="Another process is preparing this dataset"):
            prepare_quietly(card, raw, out)
        os.kill(process.pid, signal.SIGKILL)
        process.join()

    def test_no_workers(self, card, raw, tmp_path):
        with pytest.raises(ConfigError, match="workers is 0; it must be 1 or more"):
            prepare_quietly(card, raw, tmp_path / "tiny", workers=0)

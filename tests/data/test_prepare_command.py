"""The command that prepares a dataset: its arguments, its messages, its exit status."""

import subprocess
import sys
from pathlib import Path

import pytest
from prepare_helper import content

from har.data.prepare_command import main_prepare, parse_arguments
from har.data.store import ClipStore
from har.errors import ConfigError

pytest_plugins = ["prepare_fixtures"]
pytestmark = pytest.mark.usefixtures("project")


class TestCommand:
    def test_prepares_into_the_store_folder(self, raw, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("HAR_STORE_DIR", str(tmp_path / "stores"))
        words = ["dataset=tiny", f"raw={raw}", "workers=1", "adapter.scale=2"]
        assert main_prepare(words) == 0
        assert "19 clips, 1 skipped" in capsys.readouterr().out
        assert len(ClipStore.open(tmp_path / "stores" / "tiny")) == 19
        assert main_prepare([*words, "force=false"]) == 0
        assert "already prepared" in capsys.readouterr().out

    def test_error_is_one_message(self, tmp_path, capsys):
        assert main_prepare(["dataset=tinny", f"raw={tmp_path}"]) == 1
        assert "Did you mean 'tiny'" in capsys.readouterr().err

    def test_values(self):
        words = ["dataset=a", "raw=~/x=y", "workers=3", "force=True", "joints_dtype=float16"]
        options = ["adapter.rate=2.5", "adapter.views=[1, 2]", "adapter.name=left"]
        arguments = parse_arguments([*words, *options])
        assert arguments.raw == Path.home() / "x=y"
        assert (arguments.workers, arguments.force) == (3, True)
        assert arguments.options == {"rate": 2.5, "views": [1, 2], "name": "left"}

    def test_all_problems_at_once(self):
        words = [
            "datset=a",
            "raw",
            "workers=two",
            "force=yes",
            "out=",
            "joints_dtype=int8",
            "adapter.a=[",
        ]
        with pytest.raises(ConfigError) as caught:
            parse_arguments([*words, "workers=3"])
        for expected in (
            "'datset' is no key of this command; there are: dataset, raw, out, workers, force",
            "Did you mean 'dataset'?",
            "'raw' is not of the form key=value",
            "workers=two is not a whole number",
            "workers= is given twice",
            "force=yes is neither true nor false",
            "'out=' is not of the form",
            "joints_dtype=int8 is not one of: float32, float16",
            "adapter.a=[ is not a value as YAML writes it",
            "dataset=<name> is missing",
        ):
            assert expected in str(caught.value)

    def test_help(self, capsys):
        assert main_prepare(["--help"]) == 0
        assert "goes on where it stopped" in capsys.readouterr().out

    @pytest.mark.slow
    def test_script_with_spawned_workers(self, project, raw, tmp_path, whole):
        code = (
            "import multiprocessing, sys\n"
            "import har.data.adapters\n"
            f"har.data.adapters.__path__.append({str(project / 'adapters')!r})\n"
            "from har.data.prepare_command import main_prepare\n"
            "if __name__ == '__main__':\n"
            "    multiprocessing.set_start_method('spawn')\n"
            "    sys.exit(main_prepare(sys.argv[1:]))\n"
        )
        (tmp_path / "main.py").write_text(code)
        words = ["dataset=tiny", f"raw={raw}", f"out={tmp_path / 'spawned'}", "workers=2"]
        subprocess.run([sys.executable, tmp_path / "main.py", *words], check=True)
        assert content(tmp_path / "spawned") == whole

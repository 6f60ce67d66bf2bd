"""Verbs that hand their arguments to a program of their own."""

import os
import sys
from collections.abc import Sequence

from har.errors import ConfigError
from har.paths import project_root


def train(arguments: Sequence[str]) -> int:
    """Become ``python train.py <arguments>``.

    The process is replaced, not imitated: launchers and distributed training start the main
    program again by its name, and have to find ``train.py``.
    """
    program = project_root() / "train.py"
    if not program.is_file():
        raise ConfigError(
            f"there is no {program}. Set HAR_HOME to the folder that holds train.py and configs/"
        )
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, str(program), *arguments])
    return 0


def prepare(arguments: Sequence[str]) -> int:
    """Prepare the clip store of a dataset."""
    from har.data import prepare_command

    if any(word in ("-h", "--help") for word in arguments):
        return prepare_command.main_prepare(["--help"])
    prepare_command.prepare_from(prepare_command.parse_arguments(arguments))
    return 0

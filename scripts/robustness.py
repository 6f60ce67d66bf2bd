"""Test checkpoints on corrupted clips: ``ckpt=[<file>,<file>]``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["robustness", *sys.argv[1:]]))

"""Probe the frozen features of a checkpoint: ``ckpt=<file>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["probe", *sys.argv[1:]]))

"""Test a checkpoint: ``ckpt=<file>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))

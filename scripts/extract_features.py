"""Compute the features of all clips of a dataset of videos; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["features", *sys.argv[1:]]))

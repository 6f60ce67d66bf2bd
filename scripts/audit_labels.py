"""Audit the labels of a dataset: ``experiment=<name> out=<folder>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["audit", *sys.argv[1:]]))

"""Report the quality of a dataset: ``data=<store or videos> out=<folder>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["quality", "report", *sys.argv[1:]]))

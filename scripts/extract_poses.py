"""Extract poses from videos: ``videos=<folder> out=<folder>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["poses", *sys.argv[1:]]))

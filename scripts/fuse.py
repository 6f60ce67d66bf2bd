"""Join the predictions of several runs: ``runs=[a,b] out=<folder>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["fuse", *sys.argv[1:]]))

"""Show the results of benchmarks: ``runs=<folder> out=<folder>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["report", *sys.argv[1:]]))

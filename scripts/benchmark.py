"""Compare methods in one matrix: ``benchmark=<suite>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["benchmark", *sys.argv[1:]]))

"""Import a published checkpoint: ``source=<source> file=<file> model=<name>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["import", *sys.argv[1:]]))

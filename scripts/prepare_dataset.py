"""Prepare the clip store of a dataset: ``dataset=<name> raw=<folder or archive>``; see --help."""

import sys

from har.data.prepare_command import main_prepare

if __name__ == "__main__":
    sys.exit(main_prepare(sys.argv[1:]))

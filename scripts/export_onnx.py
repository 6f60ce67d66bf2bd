"""Export a checkpoint as an ONNX bundle: ``ckpt=<file> out=<folder>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))

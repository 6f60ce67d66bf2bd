"""Recognise what people do in a video: ``video=<file> ckpt=<file>``; see --help."""

import sys

from har.cli import main

if __name__ == "__main__":
    sys.exit(main(["predict", *sys.argv[1:]]))

"""Join the runs of several seeds: `collect_results.py out=<file.json> <run folder> ...`."""

import sys
from pathlib import Path

from har.errors import HarError


def main(arguments: list[str]) -> int:
    """Write the joint record and print the accuracy."""
    outs = [argument[4:] for argument in arguments if argument.startswith("out=")]
    runs = [Path(argument) for argument in arguments if not argument.startswith("out=")]
    if len(outs) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    from har.run.collect import collect

    try:
        record = collect(runs, Path(outs[0]))
    except HarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    top1 = record["metrics"]["top1"]
    print(f"{outs[0]}: top-1 {100 * top1['mean']:.2f} over seeds {record['seeds']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What the Hydra mains share: checks before Hydra starts, errors without a traceback."""

import sys
from collections.abc import Callable, Sequence

from omegaconf import DictConfig

from har.config.compose import register_schema, to_plain, validate
from har.config.overrides import explain_overrides
from har.errors import HarError

register_schema()


def run_main(main: Callable[[], object], argv: Sequence[str] | None = None) -> None:
    """Check the command line, then start a Hydra main.

    Hydra names only the first key it does not know; here all of them are named, with suggestions.
    """
    try:
        explain_overrides(sys.argv[1:] if argv is None else argv)
    except HarError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    main()


def train_from_config(config: DictConfig) -> float:
    """Check a composed configuration, run the experiment, and return its selection score.

    With ``pretraining`` the backbone is trained on that task, without labels.
    """
    try:
        plain = to_plain(validate(config))
        from har.run import pretrain, train

        run = pretrain if plain["pretraining"] else train
        return run(plain).score
    except HarError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error

"""Train one experiment: `python train.py experiment=<name> [key=value ...]`."""

import hydra
from omegaconf import DictConfig

from har.config.main import run_main


@hydra.main(config_path="configs", config_name="train", version_base="1.3")
def main(config: DictConfig) -> float | None:
    """Train, test and record the experiment; return the score that a sweep optimises."""
    from har.config.main import train_from_config

    return train_from_config(config)


if __name__ == "__main__":
    run_main(main)

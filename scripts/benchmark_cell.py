"""One cell of a benchmark as a job of Hydra's launchers; ``har benchmark`` starts it."""

import hydra
from omegaconf import DictConfig


@hydra.main(config_path="../configs", config_name="benchmark_cell", version_base="1.3")
def main(config: DictConfig) -> None:
    """Run the cell in the folder ``cell``."""
    from pathlib import Path

    from har.benchmark.runner import run_in_process

    run_in_process(Path(config.cell), threads=config.threads)


if __name__ == "__main__":
    main()

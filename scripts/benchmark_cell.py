"""One cell of a benchmark as a job of Hydra's launchers; ``har benchmark`` starts it."""

import hydra
from omegaconf import DictConfig


@hydra.main(config_path="../configs", config_name="benchmark_cell", version_base="1.3")
def main(config: DictConfig) -> None:
    """Run the cell in the folder ``cell``."""
    from pathlib import Path

    from har.benchmark.cell import run_cell

    run_cell(Path(config.cell))


if __name__ == "__main__":
    main()

"""Two processes on two halves of a batch do what one process does on the whole batch."""

import pytest
import torch
from distributed_helper import run_process, train_steps
from torch import multiprocessing

CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def two_processes(folder, together: bool) -> list[dict]:
    multiprocessing.spawn(run_process, (2, folder, together), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture(scope="module")
def alone() -> dict:
    return train_steps(rank=0, count=1)


@pytest.mark.slow
def test_losses_gradients_and_statistics_are_those_of_one_process(alone, tmp_path):
    first, second = two_processes(tmp_path, together=True)
    mean_losses = torch.tensor([first["losses"], second["losses"]]).mean(0)
    torch.testing.assert_close(mean_losses, torch.tensor(alone["losses"]), **CLOSE)
    assert first["losses"] != second["losses"]
    for mine, other, whole in zip(
        first["gradients"], second["gradients"], alone["gradients"], strict=True
    ):
        assert torch.equal(mine, other)
        torch.testing.assert_close(mine, whole, **CLOSE)
    for name, whole in alone["state"].items():
        assert torch.equal(first["state"][name], second["state"][name]), name
        torch.testing.assert_close(first["state"][name], whole, **CLOSE)


@pytest.mark.slow
def test_without_synchronised_norms_they_differ(alone, tmp_path):
    first, second = two_processes(tmp_path, together=False)
    mean_losses = torch.tensor([first["losses"], second["losses"]]).mean(0)
    assert (mean_losses - torch.tensor(alone["losses"])).abs().max() > 1e-3

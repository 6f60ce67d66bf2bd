"""A few training steps in one process of several; imported by the processes themselves."""

from pathlib import Path

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from training_helper import random_batch

from har.models.classifier import SkeletonClassifier
from har.models.fusion.early import EarlyFusion
from har.models.heads import LinearHead
from har.models.layers import synchronise_batch_norm
from har.models.skeleton.stgcnpp import STGCNPP
from har.models.temporal.average import GlobalAverage
from har.skeleton.layout import load_layout

STEPS = 4


def run_process(rank: int, count: int, folder: Path, together: bool) -> None:
    """Join the other processes, train, and save what this process saw."""
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count)
    torch.save(train_steps(rank, count, together), folder / f"{rank}.pt")
    dist.destroy_process_group()


def train_steps(rank: int, count: int, together: bool = True) -> dict:
    """Return losses, gradients of the first step and final state of the share of a process."""
    torch.manual_seed(0)
    fusion = EarlyFusion({"joint": 3})
    backbone = STGCNPP(load_layout("ntu25"), 3, base_channels=12, blocks=2, stages=(2,))
    pooling, head = GlobalAverage(24), LinearHead(24, 5)
    model: nn.Module = SkeletonClassifier(fusion, backbone, pooling, head)
    if together:
        synchronise_batch_norm(model)
    if count > 1:
        model = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses, gradients = [], []
    for step in range(STEPS):
        batch = random_batch(clips=8, seed=step)
        share = slice(rank, None, count)  # of the second of two processes: clips of one person
        logits = model({"joint": batch.joints[share]}, batch.person_mask[share])
        loss = nn.functional.cross_entropy(logits, batch.labels[share])
        optimizer.zero_grad()
        loss.backward()
        gradients = gradients or [p.grad.clone() for p in model.parameters()]
        optimizer.step()
        losses.append(loss.item())
    inner = model.module if count > 1 else model
    return {"losses": losses, "gradients": gradients, "state": inner.state_dict()}

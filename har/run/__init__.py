"""Train, pre-train, evaluate and probe as plain functions; mains and command line call these."""

from har.run.evaluating import evaluate
from har.run.pretraining import pretrain
from har.run.probing import probe
from har.run.training import train

__all__ = ["evaluate", "pretrain", "probe", "train"]

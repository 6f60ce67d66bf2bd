"""From what a model scores to the labels that the clips carry."""

import torch
from torch import Tensor, nn


class LabelReadout(nn.Module):
    """Gives each label the probability of the outputs that stand for it.

    Needed where several datasets train one model: its outputs are then not the labels. A clip's
    prediction is one of the labels of its own dataset.

    Args:
        projection: (A, G) share of each output for each label.
        dataset_of_label: (G,) number of the dataset of each label.
    """

    projection: Tensor
    dataset_of_label: Tensor

    def __init__(self, projection: Tensor, dataset_of_label: Tensor):
        super().__init__()
        self.register_buffer("projection", projection.float(), persistent=False)
        self.register_buffer("dataset_of_label", dataset_of_label, persistent=False)

    @property
    def num_labels(self) -> int:
        """G."""
        return self.projection.shape[1]

    def forward(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Map probabilities of outputs (N, A) to those of labels (N, G).

        Args:
            outputs: probabilities, on the device of the readout.
            labels: (N,) true labels, of which only the dataset is used.
        """
        own = self.dataset_of_label[labels][:, None] == self.dataset_of_label
        mass = (outputs @ self.projection) * own
        total = mass.sum(1, keepdim=True)
        return torch.where(total > 0, mass / total.clamp(min=1e-30), own / own.sum(1, keepdim=True))

"""The authors' code of ProtoGCN (https://github.com/firework8/ProtoGCN), which is built on PYSKL.

The network is taken; what only its training uses has no place beside a plain head.
"""

from dataclasses import replace

from har.models.weights.graph_networks import DGSTGCN
from har.models.weights.published import Source, recognizer

TRAINING_ONLY = ("backbone.prn.", "backbone.post.", "backbone.bn.", "cls_head.csc_loss.")
NETWORK = recognizer(DGSTGCN, "fc_cls")

SOURCE = Source(
    title="the authors of ProtoGCN",
    models={"protogcn": replace(NETWORK, spare=(*NETWORK.spare, *TRAINING_ONLY))},
    sampling="uniform",
)

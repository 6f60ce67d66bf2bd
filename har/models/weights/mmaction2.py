"""MMAction2 (https://github.com/open-mmlab/mmaction2), version 1.

Its 2s-AGCN is AAGCN without attention: the similarity enters the graphs as AAGCN has it.
"""

from har.models.weights.graph_networks import AAGCN, STGCN, STGCNPP
from har.models.weights.published import Source, attention_option, recognizer
from har.models.weights.slow_only import POSEC3D, TEST_IMAGE

TANH = {"similarity": "tanh"}

SOURCE = Source(
    title="MMAction2",
    models={
        "stgcn": recognizer(STGCN, "fc"),
        "stgcnpp": recognizer(STGCNPP, "fc"),
        "aagcn": recognizer(AAGCN, "fc", options=attention_option),
        "agcn2s": recognizer(AAGCN, "fc", options=lambda _: {**TANH, "attention": False}),
        "posec3d": recognizer(POSEC3D, "fc_cls", 48, False, lambda _: TEST_IMAGE),
    },
    sampling="uniform",
)

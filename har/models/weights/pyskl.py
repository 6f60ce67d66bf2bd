"""PYSKL (https://github.com/kennymckormick/pyskl)."""

from har.models.weights.graph_networks import AAGCN, CTRGCN, DGSTGCN, STGCN, STGCNPP
from har.models.weights.ms_g3d import ms_g3d
from har.models.weights.published import Source, attention_option, recognizer
from har.models.weights.slow_only import POSEC3D, TEST_IMAGE

HEAD = "fc_cls"

SOURCE = Source(
    title="PYSKL",
    models={
        "stgcn": recognizer(STGCN, HEAD),
        "stgcnpp": recognizer(STGCNPP, HEAD),
        "aagcn": recognizer(AAGCN, HEAD, options=attention_option),
        "ctrgcn": recognizer(CTRGCN, HEAD, options=lambda _: {"temporal_relu": True}),
        "msg3d": recognizer(ms_g3d("A", "PA", transposed=True), HEAD),
        "dgstgcn": recognizer(DGSTGCN, HEAD),
        "posec3d": recognizer(POSEC3D, HEAD, 48, False, lambda _: TEST_IMAGE),
    },
    sampling="uniform",
)

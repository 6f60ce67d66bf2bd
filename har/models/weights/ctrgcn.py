"""The authors' code of CTR-GCN (https://github.com/Uason-Chen/CTR-GCN)."""

from har.models.weights.graph_networks import DATA_NORM, SUBSETS, joined, refining_block
from har.models.weights.published import Source, whole
from har.models.weights.rules import rule, under

BACKBONE = (
    DATA_NORM,
    *under(
        "blocks.{b}.",
        "l{b1}.",
        refining_block(
            (
                rule("refined_graph.adjacency", "PA"),
                *(
                    joined(f"refined_graph.{own}", [f"convs.{k}.{name}" for k in SUBSETS], "{p}")
                    for own, name in (("query", "conv1"), ("key", "conv2"))
                ),
            )
        ),
    ),
)

SOURCE = Source(
    title="the authors of CTR-GCN",
    models={"ctrgcn": whole(BACKBONE, frames=64)},
    sampling="crop_resize",
    transform="kinect3d_views",
)

"""The authors' code of 2s-AGCN (https://github.com/lshiwjx/2s-AGCN).

The body's graphs are not in its checkpoints: they are made anew, with the edges of its code.
"""

from har.models.weights.graph_networks import (
    ADAPTIVE_SPATIAL,
    DATA_NORM,
    conv_norm,
    frames_conv_norm,
)
from har.models.weights.published import HAND_TIPS, Source, whole
from har.models.weights.rules import rule, under

BACKBONE = (
    DATA_NORM,
    *under("blocks.{b}.spatial.", "l{b1}.gcn1.", ADAPTIVE_SPATIAL),
    *under(
        "blocks.{b}.",
        "l{b1}.",
        (
            rule("spatial.graph.body"),
            rule("spatial.graph.offset", "gcn1.PA"),
            *frames_conv_norm("temporal.", "tcn1."),
            *conv_norm("shortcut.", "residual."),
        ),
    ),
)

SOURCE = Source(
    title="the authors of 2s-AGCN",
    models={"agcn2s": whole(BACKBONE, frames=300, edges=HAND_TIPS)},
    sampling="uniform",
)

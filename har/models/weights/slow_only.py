"""Rules for PoseC3D: a SlowOnly ResNet-50 whose stages here are one row of blocks."""

from har.models.weights.rules import Rule, rule, under

STAGE_BLOCKS = (4, 6, 3)


def _conv_norm(own: str, published: str) -> tuple[Rule, ...]:
    return (
        rule(f"{own}.conv.weight", f"{published}.conv.weight"),
        rule(f"{own}.norm.{{n}}", f"{published}.bn.{{n}}"),
    )


BOTTLENECK = (
    *_conv_norm("reduce", "conv1"),
    *_conv_norm("spatial", "conv2"),
    *_conv_norm("expand", "conv3"),
    *_conv_norm("shortcut", "downsample"),
)

TEST_IMAGE = {"size": 64}
"""It is trained on crops of 56 pixels and tested on the whole image."""

_PLACES = [
    (stage, block) for stage, blocks in enumerate(STAGE_BLOCKS, 1) for block in range(blocks)
]

POSEC3D = (
    *_conv_norm("stem", "conv1"),
    *(
        part
        for number, (stage, block) in enumerate(_PLACES)
        for part in under(f"blocks.{number}.", f"layer{stage}.{block}.", BOTTLENECK)
    ),
)

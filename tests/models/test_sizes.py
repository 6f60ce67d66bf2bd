"""Sizes that no network has are refused when it is built, by the name of the setting."""

import pytest

from har.cli.models import backbone_node, setting
from har.config.build import build
from har.errors import ConfigError
from har.models.cost import without_numbers
from har.models.temporal.attention import AttentionPooling
from har.models.temporal.tcn import TCNPooling
from har.models.temporal.transformer import TransformerPooling
from har.skeleton.layout import load_layout

FRAMES = 16


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("stgcn", {"blocks": 0}, "blocks is 0; give 1 or more"),
        ("stgcn", {"base_channels": 0}, "base_channels is 0; give 1 or more"),
        ("stgcn", {"stages": [0, 5]}, r"stages is \[0, 5\]; give numbers of blocks, from 2"),
        ("stgcnpp", {"blocks": 0}, "blocks is 0; give 1 or more"),
        ("stgcnpp", {"base_channels": 3}, "base_channels is 3; give 6 or more"),
        ("ctrgcn", {"kernel_size": 4}, "kernel_size is 4; give an odd number"),
        ("ctrgcn", {"base_channels": 2}, "2 channels cannot be shared among 4 branches"),
        ("blockgcn", {"base_channels": 100}, "base_channels is 100; give a multiple of 8"),
        ("blockgcn", {"blocks": 0}, "blocks is 0"),
        ("hdgcn", {"base_channels": 10}, "base_channels is 10; give a multiple of 4"),
        ("infogcn", {"base_channels": 4}, "base_channels is 4; give 8 or more"),
        ("infogcn", {"heads": 0}, "heads is 0; give 1 or more"),
        ("dgstgcn", {"ratio": 0.001}, "no channel of 64 is left for a group"),
        ("dgstgcn", {"groups": 0}, "groups is 0"),
        ("aagcn", {"base_channels": 2}, "base_channels is 2; give 4 or more"),
        ("msg3d", {"base_channels": 4}, "4 channels cannot be shared among 6 branches"),
        ("skateformer", {"kernel_size": 4}, "kernel_size is 4; give an odd number"),
        ("skateformer", {"part_size": 0}, "part_size is 0"),
        ("skateformer", {"parts_per_window": 0}, "parts_per_window is 0"),
        ("skateformer", {"drop_path": 1.0}, r"drop_path is 1\.0; .* under 1"),
        ("mamp_small", {"segment": 0}, "segment is 0"),
        ("mamp_small", {"drop_path": -0.1}, r"drop_path is -0\.\d+; give a rate of at least 0"),
        ("transformer", {"heads": 0}, "heads is 0"),
        ("tcn", {"kernel_size": 2}, "kernel_size is 2; give an odd number"),
        ("mlp", {"segments": 0}, "segments is 0"),
        ("posec3d", {"size": 4}, "size is 4; give 8 or more"),
        ("posec3d", {"sigma": 0}, "sigma is 0; give more than 0"),
    ],
)
def test_a_backbone(name, options, message):
    on, node = setting(name), {**backbone_node(name, FRAMES), **options}
    with without_numbers(), pytest.raises(ConfigError, match=message):
        build(node, layout=load_layout(on.layout), in_channels=on.channels)


@pytest.mark.parametrize(
    ("pooling", "options", "message"),
    [
        (AttentionPooling, {"heads": 0}, "heads is 0"),
        (TransformerPooling, {"heads": 0}, "heads is 0"),
        (TCNPooling, {"kernel_size": 2}, "kernel_size is 2; give an odd number"),
    ],
)
def test_a_temporal_module(pooling, options, message):
    with pytest.raises(ConfigError, match=message):
        pooling(8, **options)

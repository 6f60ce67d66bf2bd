import pytest
import torch
from aagcn_reference import reference_aagcn
from gcn_reference import (
    check_parameters,
    check_twins,
    make_twins,
    random_people,
    two_person_macs,
)

from har.errors import ConfigError
from har.models.skeleton.aagcn import AAGCN
from har.skeleton.graph import spatial_graph
from har.skeleton.layout import load_layout

TWO_STREAM = {"similarity": "softmax", "attention": False}


@pytest.mark.parametrize(("name", "channels"), [("ntu25", 3), ("openpose18", 2)])
@pytest.mark.parametrize("options", [{}, TWO_STREAM], ids=["AAGCN", "2s-AGCN"])
def test_equals_the_plain_reference(name, channels, options):
    layout = load_layout(name)
    sizes = {"base_channels": 8, "blocks": 4, "stages": (3, 4)}
    model = AAGCN(layout, channels, **sizes, **options)
    reference = reference_aagcn(
        spatial_graph(layout), channels, 8, 4, (3, 4), bool(options), not options
    )
    make_twins(model, reference)
    check_twins(model, reference, random_people(3, 13, layout.num_joints, channels))


def test_graphs_start_at_the_body():
    layout = load_layout("coco17")
    x = torch.randn(2, 9, 17, 3)
    learned = AAGCN(layout, blocks=1).blocks[0].spatial.graph(x)
    torch.testing.assert_close(learned, spatial_graph(layout).expand(2, -1, -1, -1))


def test_similarity_of_2s_agcn_sums_to_one_over_sources():
    layout = load_layout("coco17")
    graphs = AAGCN(layout, blocks=1, **TWO_STREAM).blocks[0].spatial.graph
    added = graphs(torch.randn(2, 9, 17, 3)) - graphs.body - graphs.offset
    torch.testing.assert_close(added.sum(2), torch.ones(2, 3, 17))


def test_unknown_similarity():
    with pytest.raises(ConfigError, match="similarity is 'cosine'; give tanh or softmax"):
        AAGCN(load_layout("ntu25"), similarity="cosine")


def test_cost_is_the_published_one():
    model = AAGCN(load_layout("ntu25"))
    check_parameters(model, 3.78)
    assert two_person_macs(model, frames=100) == pytest.approx(6.47e9, rel=0.02)

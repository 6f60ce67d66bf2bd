"""Rules for MS-G3D, whose windows number the nodes by frame, then joint; here by joint, then frame.

The tables of the authors' code and of PYSKL differ in the names of graphs and offsets, and in the
index that is summed over.
"""

from collections.abc import Sequence

from torch import Tensor

from har.models.weights.graph_networks import DATA_NORM, multi_scale
from har.models.weights.rules import Change, Rule, Shape, rule, under

STAGES = (1, 2, 3)
WINDOWS = (3, 5)


def by_joint(window: int, transposed: bool) -> Change:
    """Return the change that numbers the nodes of graphs (K, N, N) by joint, then frame.

    Args:
        window: frames; 1 leaves the numbers as they are.
        transposed: swap the indices too.
    """

    def apply(parts: Sequence[Tensor], wanted: Shape) -> Tensor:
        graphs = parts[0].reshape(wanted)
        graphs = graphs.transpose(1, 2) if transposed else graphs
        nodes = (window, -1)
        split = graphs.unflatten(2, nodes).unflatten(1, nodes)
        return split.transpose(1, 2).transpose(3, 4).reshape(wanted)

    steps = ["graphs transposed"] if transposed else []
    return Change(", ".join([*steps, *(["nodes by joint"] if window > 1 else [])]), apply)


def _collapse(parts: Sequence[Tensor], wanted: Shape) -> Tensor:
    """Map a convolution (O, C, 1, window, 1) over a window to a matrix (O, window * C)."""
    return parts[0].flatten(2).transpose(1, 2).reshape(wanted)


COLLAPSE = Change("as a matrix over the frames of the window", _collapse)


def ms_g3d(graph: str | None, offset: str, transposed: bool) -> tuple[Rule, ...]:
    """Return the rules.

    Args:
        graph: published name of the fixed graphs; None where they are not published.
        offset: published name of the learned ones.
        transposed: whether ``[k, v, w]`` is the weight of joint v in joint w.
    """

    def graph_conv(own: str, published: str, window: int) -> tuple[Rule, ...]:
        change = by_joint(window, transposed)
        fixed = () if graph is None else (f"{published}{graph}",)
        return (
            rule(f"{own}graph", *fixed, change=change),
            rule(f"{own}offset", f"{published}{offset}", change=change),
            rule(f"{own}project.{{p}}", f"{published}mlp.layers.0.{{p}}"),
            rule(f"{own}norm.{{n}}", f"{published}mlp.layers.1.{{n}}"),
        )

    rules: list[Rule] = [DATA_NORM]
    for number in STAGES:
        own = f"stages.{number - 1}."
        rules += graph_conv(f"{own}factorised.0.", f"sgcn{number}.0.", 1)
        rules += multi_scale(f"{own}factorised.1.module.", f"sgcn{number}.1.", 6)
        rules += multi_scale(f"{own}factorised.2.", f"sgcn{number}.2.", 6)
        rules += multi_scale(f"{own}temporal.module.", f"tcn{number}.", 6)
        for path, window in enumerate(WINDOWS):
            published = f"gcn3d{number}.gcn3d.{path}."
            rules += graph_conv(f"{own}unified.{path}.graph_conv.", f"{published}gcn3d.1.", window)
            rules += under(
                f"{own}unified.{path}.",
                published,
                (
                    rule("collapse.weight", "out_conv.weight", change=COLLAPSE),
                    rule("collapse.bias", "out_conv.bias"),
                    rule("norm.{n}", "out_bn.{n}"),
                ),
            )
    return tuple(rules)

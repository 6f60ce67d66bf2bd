"""Rules for the graph networks, in the names that PYSKL and mmaction2 share."""

from har.models.weights.rules import (
    ADD,
    FIRST,
    JOIN,
    JOIN_INPUTS,
    JOIN_NEGATED,
    TRANSPOSE,
    Change,
    Rule,
    rule,
    under,
)

SUBSETS = range(3)
DATA_NORM = rule("data_norm.norm.{n}", "data_bn.{n}")


def conv_norm(own: str, published: str) -> tuple[Rule, ...]:
    """Return the rules of a convolution ``conv`` with its batch norm."""
    return (
        rule(f"{own}conv.{{p}}", f"{published}conv.{{p}}"),
        rule(f"{own}norm.{{n}}", f"{published}bn.{{n}}"),
    )


def frames_conv_norm(own: str, published: str) -> tuple[Rule, ...]:
    """Return the rules of a convolution over several frames with its batch norm."""
    return (
        rule(f"{own}conv.conv.{{p}}", f"{published}conv.{{p}}"),
        rule(f"{own}norm.{{n}}", f"{published}bn.{{n}}"),
    )


def numbered_conv_norm(own: str, published: str) -> tuple[Rule, ...]:
    """Return the rules of a convolution with its batch norm, published as parts 0 and 1."""
    return (
        rule(f"{own}conv.{{p}}", f"{published}0.{{p}}"),
        rule(f"{own}norm.{{n}}", f"{published}1.{{n}}"),
    )


def joined(own: str, published: list[str], kind: str, change: Change = JOIN) -> Rule:
    """Return the rule of several layers that are one here; ``kind`` is ``{p}`` or ``{n}``."""
    return rule(f"{own}.{kind}", *(f"{name}.{kind}" for name in published), change=change)


def branches(own: str, published: str, count: int) -> tuple[Rule, ...]:
    """Return the rules of ``TemporalBranches``: dilated convolutions, a max-pool, a 1x1 one."""
    opened = range(count - 1)
    return (
        joined(f"{own}open", [f"{published}{i}.0" for i in opened], "{p}"),
        joined(f"{own}open_norm", [f"{published}{i}.1" for i in opened], "{n}"),
        rule(f"{own}convolutions.{{k}}.conv.{{p}}", f"{published}{{k}}.3.conv.{{p}}"),
    )


def multi_scale(own: str, published: str, count: int) -> tuple[Rule, ...]:
    """Return the rules of the temporal module whose branches have a norm each."""
    last = count - 1
    norms = [f"{published}branches.{i}.3.bn" for i in range(count - 2)]
    norms += [f"{published}branches.{last - 1}.4", f"{published}branches.{last}.1"]
    return (
        *branches(f"{own}branches.", f"{published}branches.", count),
        rule(f"{own}branches.pointwise.conv.{{p}}", f"{published}branches.{last}.0.{{p}}"),
        joined(f"{own}norm", norms, "{n}"),
        *conv_norm(f"{own}residual.", f"{published}residual."),
    )


def merged(own: str, published: str, merge: tuple[str, str, str]) -> tuple[Rule, ...]:
    """Return the rules of what follows the branches: norm, 1x1 convolution, norm."""
    before, mix, after = merge
    return (
        rule(f"{own}{before}.{{n}}", f"{published}transform.0.{{n}}"),
        rule(f"{own}{mix}.{{p}}", f"{published}transform.2.{{p}}"),
        rule(f"{own}{after}.{{n}}", f"{published}bn.{{n}}"),
    )


STGCN = (
    DATA_NORM,
    *under(
        "blocks.{b}.",
        "gcn.{b}.",
        (
            rule("spatial.adjacency", "gcn.A"),
            rule("spatial.importance", "gcn.PA"),
            rule("spatial.project.{p}", "gcn.conv.{p}"),
            rule("spatial.norm.{n}", "gcn.bn.{n}"),
            *frames_conv_norm("temporal.0.", "tcn."),
            *conv_norm("shortcut.", "residual."),
        ),
    ),
)

STGCNPP = (
    rule("data_norm.{n}", "data_bn.{n}"),
    *under(
        "blocks.{b}.",
        "gcn.{b}.",
        (
            rule("spatial.adjacency", "gcn.A"),
            rule("spatial.project.{p}", "gcn.conv.{p}"),
            rule("spatial.norm.{n}", "gcn.bn.{n}"),
            rule("spatial.residual.0.{p}", "gcn.down.0.{p}"),
            rule("spatial.residual.1.{n}", "gcn.down.1.{n}"),
            joined(
                "temporal.reduce",
                [f"tcn.branches.{i}.0" for i in range(5)] + ["tcn.branches.5"],
                "{p}",
            ),
            joined("temporal.reduce_norm", [f"tcn.branches.{i}.1" for i in range(5)], "{n}"),
            rule("temporal.convolutions.{k}.conv.{p}", "tcn.branches.{k}.3.conv.{p}"),
            *merged("temporal.", "tcn.", ("merge_norm", "merge", "norm")),
            rule("shortcut.0.{p}", "residual.conv.{p}"),
            rule("shortcut.1.{n}", "residual.bn.{n}"),
        ),
    ),
)

ADAPTIVE_SPATIAL = (
    joined("graph.embed", [f"conv_{side}.{k}" for side in "ab" for k in SUBSETS], "{p}"),
    rule("project.weight", *(f"conv_d.{k}.weight" for k in SUBSETS), change=JOIN_INPUTS),
    rule("project.bias", *(f"conv_d.{k}.bias" for k in SUBSETS), change=ADD),
    rule("norm.{n}", "bn.{n}"),
    *numbered_conv_norm("residual.", "down."),
)
"""What AAGCN and 2s-AGCN have in common."""

AAGCN = (
    DATA_NORM,
    *under("blocks.{b}.spatial.", "gcn.{b}.gcn.", ADAPTIVE_SPATIAL),
    *under(
        "blocks.{b}.",
        "gcn.{b}.",
        (
            rule("spatial.graph.adjacency", "gcn.A"),
            rule("spatial.graph.gate", "gcn.alpha"),
            rule("spatial.attention.joints.{p}", "gcn.conv_sa.{p}"),
            rule("spatial.attention.frames.{p}", "gcn.conv_ta.{p}"),
            rule("spatial.attention.squeeze.{p}", "gcn.fc1c.{p}"),
            rule("spatial.attention.excite.{p}", "gcn.fc2c.{p}"),
            *frames_conv_norm("temporal.", "tcn."),
            *conv_norm("shortcut.", "residual."),
        ),
    ),
)


def refining_block(spatial: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the rules of a block of CTR-GCN; ``spatial`` are those that its sources differ in."""
    convolutions = (("project", "conv3"), ("refined_graph.expand", "conv4"))
    return (
        *under("spatial.", "gcn1.", spatial),
        rule("spatial.refined_graph.alpha", "gcn1.alpha"),
        *(
            joined(f"spatial.{own}", [f"gcn1.convs.{k}.{name}" for k in SUBSETS], "{p}")
            for own, name in convolutions
        ),
        rule("spatial.norm.{n}", "gcn1.bn.{n}"),
        *numbered_conv_norm("spatial.residual.", "gcn1.down."),
        *multi_scale("temporal.", "tcn1.", 4),
        *conv_norm("shortcut.", "residual."),
    )


CTRGCN = (
    DATA_NORM,
    *under(
        "blocks.{b}.",
        "net.{b}.",
        refining_block(
            (
                rule("refined_graph.adjacency", "A", change=TRANSPOSE),
                *(
                    joined(
                        f"refined_graph.{own}",
                        [f"convs.{k}.{name}" for k in SUBSETS],
                        "{p}",
                        JOIN_NEGATED,
                    )
                    for own, name in (("query", "conv2"), ("key", "conv1"))
                ),
            )
        ),
    ),
)
"""Sums over the other index than the authors: the graphs are transposed, so the differences of
joints have the other sign, and query and key change places."""

DGSTGCN = (
    DATA_NORM,
    *under(
        "blocks.{b}.",
        "gcn.{b}.",
        (
            rule("spatial.adjacency", "gcn.A"),
            rule("spatial.channel_scale", "gcn.alpha", change=FIRST),
            rule("spatial.group_scale", "gcn.beta", change=FIRST),
            rule("spatial.project.{p}", "gcn.pre.0.{p}"),
            rule("spatial.project_norm.{n}", "gcn.pre.1.{n}"),
            rule("spatial.senders.{p}", "gcn.conv1.{p}"),
            rule("spatial.receivers.{p}", "gcn.conv2.{p}"),
            rule("spatial.merge.{p}", "gcn.post.{p}"),
            rule("spatial.norm.{n}", "gcn.bn.{n}"),
            *numbered_conv_norm("spatial.residual.", "gcn.down."),
            rule("temporal.body_share", "tcn.add_coeff", change=FIRST),
            *branches("temporal.branches.", "tcn.branches.", 6),
            rule("temporal.branches.pointwise.conv.{p}", "tcn.branches.5.{p}"),
            *merged("temporal.", "tcn.", ("norm", "merge.1", "merge.2")),
            *conv_norm("shortcut.", "residual."),
        ),
    ),
)

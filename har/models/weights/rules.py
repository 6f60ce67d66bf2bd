"""Turns the tensors of a published checkpoint into those of a model of this project, by rules."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Shape = tuple[int, ...]
Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Change:
    """What is done to the published tensors that make one tensor of the model.

    Attributes:
        told: in words, for the report; empty where nothing is done.
        apply: takes the tensors, in the order of the rule, and the shape that is wanted.
    """

    told: str
    apply: Callable[[Sequence[Tensor], Shape], Tensor]


def _join(parts: Sequence[Tensor], _wanted: Shape) -> Tensor:
    return parts[0] if parts[0].ndim == 0 else torch.cat(list(parts))


SAME = Change("", lambda parts, _: parts[0])
JOIN = Change("joined along the outputs", _join)
JOIN_INPUTS = Change("joined along the inputs", lambda parts, _: torch.cat(list(parts), dim=1))
JOIN_NEGATED = Change("negated, joined along the outputs", lambda parts, s: -_join(parts, s))
ADD = Change("added up", lambda parts, _: torch.stack(list(parts)).sum(0))
TRANSPOSE = Change("graphs transposed", lambda parts, _: parts[0].transpose(-1, -2))
FIRST = Change("its first values", lambda parts, wanted: parts[0][: wanted[0]])


@dataclass(frozen=True)
class Rule:
    """Where a tensor of the model comes from.

    Names are templates: ``{b}`` and ``{k}`` stand for a number, ``{p}`` for weight or bias, ``{n}``
    for what a batch norm holds. In the published names ``{b1}`` is ``{b}`` counted from 1.

    Attributes:
        own: name in the model.
        published: names in the checkpoint; none where the checkpoint does not hold the tensor, so
            that the model keeps its own.
        change: how they become the tensor of the model.
    """

    own: str
    published: tuple[str, ...]
    change: Change = SAME

    def match(self, name: str) -> dict[str, str] | None:
        """Return what the placeholders stand for in the name of a tensor; None if it is another."""
        found = _pattern(self.own).fullmatch(name)
        if found is None:
            return None
        values = found.groupdict()
        return values | ({"b1": str(int(values["b"]) + 1)} if "b" in values else {})


_PLACEHOLDERS = {
    "b": r"\d+",
    "k": r"\d+",
    "p": "weight|bias",
    "n": "weight|bias|running_mean|running_var|num_batches_tracked",
}


def _pattern(template: str) -> re.Pattern[str]:
    text = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    groups = {key: f"(?P<{key}>{values})" for key, values in _PLACEHOLDERS.items()}
    return re.compile(text.format(**groups))


def rule(own: str, *published: str, change: Change = SAME) -> Rule:
    """Return a rule."""
    return Rule(own, published, change)


def under(own: str, published: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules with a prefix before the names of the model and of the checkpoint."""
    return tuple(
        Rule(own + r.own, tuple(published + name for name in r.published), r.change) for r in rules
    )


@dataclass(frozen=True)
class Taken:
    """A tensor of the model, and the published ones that it was made of."""

    own: str
    published: tuple[str, ...]
    how: str
    shape: Shape


@dataclass
class Conversion:
    """What became of a checkpoint.

    Attributes:
        weights: tensors of the model, by name.
        taken: how each of them was made.
        kept: tensors of the model that the checkpoint does not hold, and need not.
        unused: published tensors that the model has no place for.
        problems: what is missing or does not fit; one line each.
    """

    weights: dict[str, Tensor] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def convert(published: Weights, own: Weights, rules: Sequence[Rule]) -> Conversion:
    """Make the tensors of a model from published ones.

    Args:
        published: tensors of the checkpoint, by name.
        own: tensors of the model; their names and shapes tell what is wanted.
        rules: the first that matches a name counts.

    Returns:
        The tensors and what happened; where ``problems`` is not empty they are not complete.
    """
    result = Conversion()
    for name, tensor in own.items():
        _convert_one(name, tensor, published, rules, result)
    used = {name for taken in result.taken for name in taken.published}
    result.unused = [name for name in published if name not in used]
    return result


def _convert_one(
    name: str, own: Tensor, published: Weights, rules: Sequence[Rule], result: Conversion
) -> None:
    found, sources = _sources(name, rules)
    if found is None:
        result.problems.append(f"{name}: the published model has no such part")
        return
    if not sources:
        result.weights[name] = own
        result.kept.append(name)
        return
    if absent := [source for source in sources if source not in published]:
        others = f", and {len(absent) - 1} more" if len(absent) > 1 else ""
        result.problems.append(f"{name}: {absent[0]} is missing{others}")
        return
    parts = [published[source] for source in sources]
    tensor = _fitted(parts, found.change, tuple(own.shape))
    if tensor is None:
        shapes = ", ".join(f"{s} {tuple(published[s].shape)}" for s in sources)
        result.problems.append(f"{name} is {tuple(own.shape)}: {shapes} does not fit")
        return
    result.weights[name] = tensor.to(own.dtype).contiguous()
    how = _told(parts, found.change, tuple(own.shape))
    result.taken.append(Taken(name, sources, how, tuple(own.shape)))


def _sources(name: str, rules: Sequence[Rule]) -> tuple[Rule | None, tuple[str, ...]]:
    for candidate in rules:
        values = candidate.match(name)
        if values is not None:
            return candidate, tuple(source.format(**values) for source in candidate.published)
    return None, ()


def _fitted(parts: Sequence[Tensor], change: Change, wanted: Shape) -> Tensor | None:
    """Return the tensor in the wanted shape; None where it differs in more than axes of length 1.

    A 1x1 convolution is a matrix here: those axes carry nothing.
    """
    try:
        tensor = change.apply(parts, wanted)
    except (RuntimeError, IndexError):  # parts that do not fit each other
        return None
    if [n for n in tensor.shape if n != 1] != [n for n in wanted if n != 1]:
        return None
    return tensor.reshape(wanted)


def _told(parts: Sequence[Tensor], change: Change, wanted: Shape) -> str:
    steps = [change.told] if change.told else []
    if len(parts) == 1 and tuple(parts[0].shape) != wanted:
        steps.append(f"{tuple(parts[0].shape)} as {wanted}")
    return ", ".join(steps) or "as it is"

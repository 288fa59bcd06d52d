"""Which kinds fit the terms of a question best."""

from __future__ import annotations

from collections.abc import Sequence

from .terms import Kind, Pair, Term, spoken
from .words import stem

_VEHICLE = stem("vehicle")


def most(
    kinds: Sequence[Kind], terms: Sequence[Term], *, within: Sequence[Term] = ()
) -> list[Kind]:
    """The kinds that cover most: those whose terms are no true part of another's.

    With `within`, kinds are only compared where they cover the same of those terms.
    """
    if not terms:
        return list(kinds)
    sets: dict[Pair, frozenset[int]] = {}
    classes: dict[Pair, frozenset[int]] = {}
    for kind in kinds:
        sets[kind.pair] = frozenset(n for n, term in enumerate(terms) if term.covered(kind))
        classes[kind.pair] = frozenset(n for n, term in enumerate(within) if term.covered(kind))
    maximal: dict[frozenset[int], set[frozenset[int]]] = {}
    for pair, covered in sets.items():
        maximal.setdefault(classes[pair], set()).add(covered)
    return [
        kind
        for kind in kinds
        if not any(sets[kind.pair] < other for other in maximal[classes[kind.pair]])
    ]


def one_thing(
    kinds: Sequence[Kind], actions: Sequence[Term], joins: frozenset[int]
) -> tuple[list[Kind], list[Term]]:
    """Actions that no kind has together are one thing only where they are listed.

    "left turns and right turns" are two; "carrying a bag" is not carrying, and bags: the action
    said first stays, and the others, which are handed back, have to be looked for otherwise.
    """
    classes = {frozenset(n for n, term in enumerate(actions) if term.covered(k)) for k in kinds}
    if len(classes) < 2 or frozenset[int].intersection(*classes):
        return list(kinds), []
    spots = sorted(term.at for term in actions)
    if any(spots[0] < join < spots[-1] for join in joins):
        return list(kinds), []
    kept = min(classes, key=lambda one: (-len(one), min(one)))
    found = [
        kind
        for kind in kinds
        if frozenset(n for n, term in enumerate(actions) if term.covered(kind)) == kept
    ]
    return found, [term for n, term in enumerate(actions) if n not in kept]


def least_unsaid(
    kinds: Sequence[Kind], terms: Sequence[Term], within: Sequence[Term]
) -> list[Kind]:
    """Of kinds that cover the same actions, those with the fewest parts that nobody said."""
    said = {one for term in terms for option in term.means for one in option}
    said |= {term.subject.stem for term in terms if term.subject is not None}
    fewest: dict[frozenset[int], int] = {}
    costs: list[tuple[Kind, frozenset[int], int]] = []
    for kind in kinds:
        covered = frozenset(n for n, term in enumerate(within) if term.covered(kind))
        unsaid = len({one for one in kind.said_parts if one not in said})
        vehicles = _VEHICLE in kind.parts and kind.first != _VEHICLE and _VEHICLE not in said
        cost = unsaid + (1 if vehicles else 0)
        fewest[covered] = min(cost, fewest.get(covered, cost))
        costs.append((kind, covered, cost))
    return [kind for kind, covered, cost in costs if cost == fewest[covered]]


def grouped(
    kinds: Sequence[Kind], actions: Sequence[Term]
) -> tuple[tuple[str, frozenset[Pair]], ...]:
    """Kinds that cover different actions, as the sides of a comparison."""
    found: dict[frozenset[int], set[Pair]] = {}
    for kind in kinds:
        covered = frozenset(n for n, term in enumerate(actions) if term.covered(kind))
        found.setdefault(covered, set()).add(kind.pair)
    if len(found) < 2:
        return by_type(kinds)
    ordered = sorted(found.items(), key=lambda item: sorted(item[0]))
    return tuple(
        (" ".join(actions[n].said for n in sorted(covered)), frozenset(pairs))
        for covered, pairs in ordered
    )


def by_type(kinds: Sequence[Kind]) -> tuple[tuple[str, frozenset[Pair]], ...]:
    found: dict[str, set[Pair]] = {}
    for kind in kinds:
        found.setdefault(kind.pair[0], set()).add(kind.pair)
    return tuple((spoken(name), frozenset(pairs)) for name, pairs in sorted(found.items()))

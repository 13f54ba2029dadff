"""Mutants of Python: one node of the tree changed at a time."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from typing import TypeAlias

from tests.mutation.mutant import Mutant

Change: TypeAlias = Callable[[ast.AST], ast.AST | None]
"""Returns what takes the place of a node, `None` if it is not for such a node."""

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
ORDERED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def _comparison(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Compare):
        node.ops[0] = COMPARISONS[type(node.ops[0])]()
        return node
    return None


def _second_comparison(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Compare) and len(node.ops) > 1:
        node.ops[1] = COMPARISONS[type(node.ops[1])]()
        return node
    return None


def _boolean(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return node
    return None


def _sign(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        return node.operand
    return None


def _arithmetic(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        node.op = OPERATORS[type(node.op)]()
        return node
    return None


def _constant(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Constant):
        return None
    if isinstance(node.value, bool):
        return ast.Constant(not node.value)
    return ast.Constant(node.value + 1) if isinstance(node.value, int | float) else None


def _condition(node: ast.AST) -> ast.AST | None:
    """Turn a condition round, unless the operator that it consists of is turned round anyway."""
    if not isinstance(node, ast.If | ast.IfExp | ast.While):
        return None
    test = node.test
    if isinstance(test, ast.Constant | ast.UnaryOp):
        return None
    if isinstance(test, ast.Compare) and not isinstance(test.ops[0], ORDERED):
        return None
    node.test = ast.UnaryOp(ast.Not(), test)
    return node


def _answer(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            node.value = ast.Constant(None)
            return node
    return None


def _statement(node: ast.AST) -> ast.AST | None:
    """Drop what is done for its effect. Without a name that is bound nothing would run at all."""
    called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)
    stored = isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
    if called or stored or isinstance(node, ast.AugAssign | ast.Delete | ast.Raise):
        return ast.Pass()
    return None


CHANGES: dict[str, Change] = {
    "comparison": _comparison,
    "second comparison": _second_comparison,
    "and, or": _boolean,
    "sign": _sign,
    "arithmetic": _arithmetic,
    "constant": _constant,
    "condition": _condition,
    "return": _answer,
    "dropped": _statement,
}


def python_mutants(source: str) -> Iterator[Mutant]:
    """Return the mutants of a module, in the order of its nodes."""
    tree = ast.parse(source)
    nodes = list(_running(tree))
    for number, node in enumerate(nodes):
        for name, change in CHANGES.items():
            changed = change(copy.deepcopy(node))
            if changed is not None:
                line = getattr(node, "lineno", 0)
                yield Mutant(line, f"{name}: {_told(node, changed)}", _with(tree, number, changed))


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Return the nodes that do something, annotations not among them, always in one order."""
    yield node
    annotations = (getattr(node, "annotation", None), getattr(node, "returns", None))
    for child in ast.iter_child_nodes(node):
        if child not in annotations:
            yield from _running(child)


class _Replacement(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        """Return what stands in the place of a node."""
        return self._new if node is self._old else self.generic_visit(node)


def _with(tree: ast.Module, number: int, changed: ast.AST) -> str:
    fresh = copy.deepcopy(tree)
    target = list(_running(fresh))[number]
    return ast.unparse(ast.fix_missing_locations(_Replacement(target, changed).visit(fresh)))


def _told(old: ast.AST, new: ast.AST) -> str:
    before, after = ast.unparse(old).split("\n")[0], ast.unparse(new).split("\n")[0]
    return f"{before} -> {after}"

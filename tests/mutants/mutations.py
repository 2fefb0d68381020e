"""What is changed in a function, one thing at a time, as a programmer might have written it wrong."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

FLIPS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
SWAPS = {"any": "all", "all": "any", "min": "max", "max": "min"}
PROSE = frozenset({"have", "need", "sentence"})
"""Arguments that only people read."""


@dataclass(frozen=True)
class Mutation:
    """One change of one node.

    Attributes:
        at: Which node it is, counted as ast.walk goes.
        put: What stands there instead.
        line: In the file.
        statement: The lines of the innermost statement that it is in.
    """

    at: int
    put: ast.AST
    line: int
    statement: range
    said: str


def mutations(function: ast.FunctionDef) -> Iterator[Mutation]:
    """Yield every change of a function's body."""
    if function.returns is not None and _text(function.returns) == "Verdict":
        put, line = _allowing(function), function.lineno
        yield Mutation(0, put, line, _lines(function), "allows everything")
    spared, statements = _prose(function), _statements(function)
    for at, node in enumerate(ast.walk(function)):
        if id(node) in spared:
            continue
        for put in _changes(node):
            was, now = _text(node), _text(put)
            line = getattr(node, "lineno", function.lineno)
            yield Mutation(at, put, line, statements[id(node)], f"{was} -> {now}")


def mutated(function: ast.FunctionDef, mutation: Mutation) -> ast.FunctionDef:
    """Return the function with one change."""
    if mutation.at == 0 and isinstance(mutation.put, ast.FunctionDef):
        return mutation.put
    changed = copy.deepcopy(function)
    for at, node in enumerate(ast.walk(changed)):
        if at == mutation.at:
            _replace(changed, node, mutation.put)
            return ast.fix_missing_locations(changed)
    raise AssertionError("no such node")


def _lines(statement: ast.stmt) -> range:
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _statements(function: ast.FunctionDef) -> dict[int, range]:
    """Return for each node the lines of the innermost statement that it is in, or is.

    Of a function within, which lines of its own run is not known: all of it is one statement.
    """
    found: dict[int, range] = {}
    # As ast.walk goes, an outer statement comes before those in it.
    for statement in (one for one in ast.walk(function) if isinstance(one, ast.stmt)):
        found |= dict.fromkeys((id(one) for one in ast.walk(statement)), _lines(statement))
    for within in (one for one in ast.walk(function) if isinstance(one, ast.FunctionDef)):
        if within is not function:
            found |= dict.fromkeys((id(one) for one in ast.walk(within)), _lines(within))
    return found


def _allowing(function: ast.FunctionDef) -> ast.FunctionDef:
    """Return a guard that holds nothing."""
    blind = copy.deepcopy(function)
    blind.body = ast.parse(f'return allow("{function.name}", have="planted", need="-")').body
    return ast.fix_missing_locations(blind)


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _prose(function: ast.FunctionDef) -> set[int]:
    """Return what is only for people, and what says types or documents."""
    spared: set[int] = set()

    def spare(*nodes: ast.AST | None) -> None:
        for node in nodes:
            spared.update(id(one) for one in ast.walk(node) if node is not None)  # type: ignore[arg-type]

    for node in ast.walk(function):
        match node:
            case ast.keyword(arg=name, value=value) if name in PROSE:
                spare(value)
            case ast.JoinedStr():
                spare(node)
            case ast.arg(annotation=note) if note is not None:
                spare(note)
            case ast.AnnAssign(annotation=note):
                spare(note)
            case _:
                pass
    if function.returns is not None:
        spare(function.returns)
    for one in function.decorator_list:
        spare(one)
    return spared


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left, ops, comparators):
            for place, op in enumerate(ops):
                for flip in FLIPS.get(type(op), ()):
                    yield ast.Compare(left, [*ops[:place], flip(), *ops[place + 1 :]], comparators)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for place in range(len(values)):
                left = [*values[:place], *values[place + 1 :]]
                yield left[0] if len(left) == 1 else ast.BoolOp(op, left)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Call(ast.Name(id=name), args, keywords) if name in SWAPS:
            yield ast.Call(ast.Name(SWAPS[name], ast.Load()), args, keywords)
        case ast.Return(value) if value is not None and _text(value) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.If(test, body, orelse):
            yield ast.If(ast.Constant(False), body, orelse)
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.comprehension(target, iter_, ifs, is_async) if ifs:
            for place in range(len(ifs)):
                yield ast.comprehension(target, iter_, [*ifs[:place], *ifs[place + 1 :]], is_async)
        case ast.Expr(ast.Call()) | ast.AugAssign():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case _:
            pass


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return
            if isinstance(value, list):
                for place, one in enumerate(value):
                    if one is old:
                        value[place] = new
                        return
    raise AssertionError("no parent")

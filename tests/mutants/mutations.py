"""The mutants of a module, made by Cosmic Ray's operators.

Of its replacements of one operator by another only those are used that could go unnoticed: `+` by `-`, but not by each
of the ten others, which nearly always raise TypeError and would only make the score look better. `==` isn't replaced by
`is`, which depends on how CPython keeps its objects. How much of a value a message shows (`[:80]`) is nobody's promise,
and a cache of another size, or none, answers the same.
"""

from __future__ import annotations

import builtins
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import parso  # noqa: F401  before cosmic_ray, whose own import of it is circular
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.exceptions import CosmicRayTestingException
from cosmic_ray.mutating import mutate_code

OPERATORS = (
    *("ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add", "ReplaceBinaryOperator_Mul_FloorDiv"),
    *("ReplaceBinaryOperator_FloorDiv_Mul", "ReplaceBinaryOperator_Div_Mul", "ReplaceBinaryOperator_Mod_Add"),
    *("ReplaceBinaryOperator_Pow_Mul", "ReplaceBinaryOperator_RShift_LShift", "ReplaceBinaryOperator_LShift_RShift"),
    *("ReplaceBinaryOperator_BitOr_BitAnd", "ReplaceBinaryOperator_BitAnd_BitOr", "ReplaceBinaryOperator_BitXor_BitOr"),
    *("ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq", "ReplaceComparisonOperator_Is_IsNot"),
    *("ReplaceComparisonOperator_IsNot_Is", "ReplaceComparisonOperator_Lt_LtE", "ReplaceComparisonOperator_Lt_GtE"),
    *("ReplaceComparisonOperator_LtE_Lt", "ReplaceComparisonOperator_LtE_Gt", "ReplaceComparisonOperator_Gt_GtE"),
    *("ReplaceComparisonOperator_Gt_LtE", "ReplaceComparisonOperator_GtE_Gt", "ReplaceComparisonOperator_GtE_Lt"),
    *("ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot", "ReplaceTrueWithFalse"),
    *("ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceBreakWithContinue"),
    *("ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer", "RemoveDecorator", "ZeroIterationForLoop"),
)

# What ExceptionReplacer's mutants catch: were the name unknown, whatever is raised there would end in a NameError.
vars(builtins)[CosmicRayTestingException.__name__] = CosmicRayTestingException

_CACHE = re.compile(r"(@|\w+ = )(lru_cache|remembered)\(")
_SHOWN = re.compile(r"\[: ?(39|40|41|79|80|81)\]")


@dataclass(frozen=True)
class Mutant:
    """``source`` with one change; ``before`` and ``after`` are the changed lines, by which a mutant is known."""

    line: int
    before: str
    after: str
    source: str


def mutants_of(source: str) -> Iterator[Mutant]:
    """All mutants of a module's source."""
    nodes = list(ast_nodes(get_ast(source)))
    for name in OPERATORS:
        operator = plugins.get_operator(f"core/{name}")()
        count = sum(len(list(operator.mutation_positions(node))) for node in nodes)
        for occurrence in range(count):
            try:
                changed = mutate_code(source, operator, occurrence)
            except AttributeError:  # ExceptionReplacer doesn't know dotted names
                continue
            if changed is None or _SHOWN.sub("", changed) == _SHOWN.sub("", source):
                continue
            mutant = _mutant(source, changed)
            if not _CACHE.match(mutant.before):
                yield mutant


def _mutant(source: str, changed: str) -> Mutant:
    old, new = source.splitlines(), changed.splitlines()
    opcodes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    [(_, start, end, new_start, new_end)] = [opcode for opcode in opcodes if opcode[0] != "equal"]
    return Mutant(start + 1, _text(old[start:end]), _text(new[new_start:new_end]), changed)


def _text(lines: list[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(lines)).strip()

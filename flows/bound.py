"""What a stage's parameters are given: by the words that are the same already.

A table goes to the parameter of its name. What every round has goes by its own: `settings` is the recipe's section of
the stage's name, a role whoever that section's prompt asks, `checks` [answers], `protection` [contamination], `round`
its number. What is ambiguous is passed by keyword; no table is looked up that was not passed.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import BadInput
from schemas.manifest import StageRecord, TableRef
from tasks.roles import Role

Given = StageRecord | TableRef


def bound(stage: Any, given: Sequence[Given], named: Mapping[str, Any], ambient: Mapping[str, Any]) -> dict[str, Any]:
    """The stage's inputs. `ambient`: settings, roles and what else goes by its own name.

    Raises BadInput for what is missing, or could be two things.
    """
    tables = [_tables(each) for each in given]
    found: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(stage).parameters.items())[1:]:
        of_this_name = [each[name] for each in tables if name in each]
        if name in named:
            found[name] = named[name]
        elif len(of_this_name) > 1:
            raise BadInput(f"{stage.__name__}: it is given {name} more than once; pass one by keyword")
        elif of_this_name:
            found[name] = of_this_name[0]
        elif name in ambient:
            found[name] = ambient[name]
        elif parameter.default is inspect.Parameter.empty:
            have = ", ".join(sorted({table for each in tables for table in each})) or "no table"
            raise BadInput(f"{stage.__name__}: needs {name}; it is given {have}")
    if unknown := named.keys() - found.keys():
        raise BadInput(f"{stage.__name__}: has no input {', '.join(sorted(unknown))}")
    return found


def roles_of(stage: Any) -> list[str]:
    """The parameters that say who is asked."""
    return [name for name, each in inspect.signature(stage).parameters.items() if each.annotation is Role]


def _tables(given: Given) -> Mapping[str, TableRef]:
    """Name without its folder -> table."""
    refs = [given] if isinstance(given, TableRef) else given.tables.values()
    return {ref.table.rpartition("/")[2]: ref for ref in refs}

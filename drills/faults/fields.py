"""One field of one object, set by a fault and given back by its fix, with its owner.

No note is left in the object: what was there before is the fault's memory, and the API server's
`managedFields` say whether the field is a drill's still.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drills.application import Workload
from drills.faults.model import Means, Strike
from drills.live_objects import Conflict
from foundation import managed_fields, project
from foundation.errors import UserError
from foundation.managed_fields import Path, value_at

TRIES = 10
"""How often the owner is written back if others change the object at the same time."""


@dataclass(frozen=True)
class Field:
    """A field that a fault sets for a while."""

    kind: str
    namespace: str
    """Empty for an object of no namespace."""
    name: str
    path: Path
    owned: Path = ()
    """What the API server knows an owner of, if not of the field: a map that it takes as one."""
    is_added: bool = False
    """Whether the object does not have the field unless a fault sets it."""

    @property
    def owner_path(self) -> Path:
        """The field, or the atomic map that it is in."""
        return self.owned or self.path


def of_workload(workload: Workload, path: Path, is_added: bool = False) -> Field:
    """Return a field of a Deployment or another workload."""
    return Field(workload.kind, workload.namespace, workload.name, path, is_added=is_added)


def means(
    how: str,
    field: Callable[[Strike], Field],
    make: Callable[[Strike, Field], None],
    wait: Callable[[Strike], None],
) -> Means:
    """Return the means that set one field by `make`, and give it back and `wait` to mend."""

    def mend(strike: Strike) -> None:
        give_back(strike, field(strike))
        wait(strike)

    return Means(
        how,
        lambda strike: make(strike, field(strike)),
        mend,
        seen=lambda strike: is_put(strike, field(strike)),
        remember=lambda strike: remember(strike, field(strike)),
    )


def read(strike: Strike, field: Field) -> dict[str, Any]:
    """Return the object that has the field. Raises UserError."""
    return strike.stack.objects.read(strike.cluster, field.kind, field.namespace, field.name)


def remember(strike: Strike, field: Field) -> dict[str, str]:
    """Return what `give_back` has to know: the field's value and owners.

    Returns nothing if a drill has set it already: then the stack's state tells.
    """
    found = read(strike, field)
    managed = managed_fields.entries(found)
    if managed_fields.is_drilled(managed, field.owner_path):
        return {}
    former = {
        "value": value_at(found, field.path),
        "owners": managed_fields.owners(managed, field.owner_path),
    }
    return {"former": json.dumps(former)}


def put(strike: Strike, field: Field, value: Any) -> None:
    """Set the field in the drills' name; None removes it. Raises UserError."""
    change = _change(field.path, value)
    strike.stack.objects.patch(strike.cluster, field.kind, field.namespace, field.name, change)


def is_put(strike: Strike, field: Field) -> bool:
    """Check whether a drill has set the field, and nobody has since."""
    return managed_fields.is_drilled(managed_fields.entries(read(strike, field)), field.owner_path)


def give_back(strike: Strike, field: Field) -> None:
    """Restore the field's value and its owners; what others have set since stays.

    Value and owners take two requests: the API server makes whoever changes a value its owner. The
    second one is refused if the object has changed since it was read, and is then made anew.
    Raises UserError.
    """
    for _ in range(TRIES):
        found = read(strike, field)
        managed = managed_fields.entries(found)
        if not managed_fields.is_drilled(managed, field.owner_path):
            return
        value, owners = _former(strike, field)
        try:
            if value_at(found, field.path) != value:
                put(strike, field, value)
                continue
            rest = managed_fields.returned(managed, field.owner_path, owners)
            strike.stack.objects.set_owners(
                strike.cluster, field.kind, field.namespace, field.name, found, rest
            )
        except Conflict:
            continue
        return
    raise UserError(
        f"{strike.cluster}: {field.kind} {field.name} is changed all the time by others."
        f" Again: {project.task('heal-all', strike.stack.name)}"
    )


def _former(strike: Strike, field: Field) -> tuple[Any, list[dict[str, Any]]]:
    """Return value and owners of before, from the memory or else from the stack's state."""
    if "former" in strike.memory:
        former = json.loads(strike.memory["former"])
        return former["value"], former["owners"]
    desired = strike.stack.stack_object(strike.cluster, field.kind, field.namespace, field.name)
    owners = []
    if (
        desired is not None
        and desired.manager
        and field.owner_path not in desired.ignored
        and value_at(desired.document, field.owner_path) is not None
    ):
        owners = [
            {
                "manager": desired.manager,
                "operation": "Apply",
                "apiVersion": desired.document["apiVersion"],
                "fieldsType": "FieldsV1",
            }
        ]
    value = None if desired is None else value_at(desired.document, field.path)
    if value is None and not field.is_added:
        raise UserError(
            f"{strike.cluster}: nobody has written down what {field.kind} {field.name} had before;"
            " set it by hand: ./demo kubectl"
            f" --context {strike.cluster} -n {field.namespace} edit {field.kind} {field.name}"
        )
    return value, owners


def _change(path: Path, value: Any) -> Any:
    """Return the strategic merge patch that sets one field."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(key, tuple):
        return [{**dict(key), **_change(rest, value)}]
    return {key: _change(rest, value)}

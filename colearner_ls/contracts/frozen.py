"""``@frozen``: what ``@dataclass(frozen=True, slots=True)`` makes, where making the class costs twenty times less.

`dataclasses.dataclass` compiles six methods for every class, used or not: about 1 ms each, at every start of a program. A
command such as ``colearner status`` imports a hundred of our classes and makes objects of a few. So here the methods that
can be shared are written once, and ``__init__`` is compiled when the first object is made (docs/decisions/0021).

To everybody else it is a dataclass: ``replace``, ``fields``, ``asdict``, ``is_dataclass``, ``copy``, ``pickle`` and
``match`` work, and type checkers know it by :pep:`681`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field
from reprlib import recursive_repr
from typing import Any, Final, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T], /) -> type[T]:
    """Make the annotated names of a class its fields, for good: a change raises `FrozenInstanceError`.

    Defaults, ``field(default=…)``, ``field(default_factory=…)`` and ``__post_init__`` are as for a dataclass. Raises
    `TypeError` for what is not supported: ``ClassVar`` and other annotations that are no field, other options of
    ``field``, records as base classes, a module without ``from __future__ import annotations``.
    """
    return _made(cls, _FROZEN)


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: type[T], /) -> type[T]:
    """Like :func:`frozen`, but its fields can be assigned and it has no hash: ``@dataclass(slots=True)``."""
    return _made(cls, _CHANGING)


def _made(cls: type[T], methods: Mapping[str, Any]) -> type[T]:
    annotations = cls.__annotations__
    names = tuple(annotations)
    told = dict(vars(cls))
    defaults = {name: told.pop(name) for name in names if name in told}
    _check(cls, annotations, defaults)
    recipe = _Recipe(annotations, defaults)
    for name in ("__dict__", "__weakref__"):
        told.pop(name, None)
    for name, method in methods.items():
        told.setdefault(name, method)
    told.update(__slots__=names, __match_args__=names, __dataclass_fields__=recipe, __init__=_first_init(recipe))
    metaclass: Any = type(cls)
    made: type[T] = metaclass(cls.__name__, cls.__bases__, told)
    recipe.owner = made
    return made


def _check(cls: type, annotations: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    if any("__dataclass_fields__" in vars(base) for base in cls.__mro__[1:]):
        raise TypeError(f"{cls.__qualname__}: a record cannot be made of another one")
    optional = ""
    for name, annotation in annotations.items():
        if not isinstance(annotation, str) or annotation.partition("[")[0].endswith(("ClassVar", "InitVar", "KW_ONLY")):
            raise TypeError(f"{cls.__qualname__}.{name}: a record has plain fields, and annotations that are texts")
        if name in defaults:
            optional = name
        elif optional:
            raise TypeError(f"{cls.__qualname__}.{name}: a field without a default after {optional}, which has one")
    for name, default in defaults.items():
        if isinstance(default, list | dict | set):
            raise TypeError(f"{cls.__qualname__}.{name}: a default that can change; give a default_factory")
        if isinstance(default, Field) and not _is_plain(default):
            raise TypeError(f"{cls.__qualname__}.{name}: of field() a record knows default and default_factory")


def _is_plain(told: Field[Any]) -> bool:
    has_default = told.default is not MISSING or told.default_factory is not MISSING
    is_usual = told.init and told.repr and told.compare and told.hash is None and told.kw_only is not True
    return bool(has_default and is_usual)


# -- made when first needed -------------------------------------------------------------------------------------------


class _Recipe:
    """What a record's methods are made from; as ``__dataclass_fields__`` of the class it gives the fields themselves."""

    owner: type

    def __init__(self, annotations: Mapping[str, str], defaults: Mapping[str, Any]) -> None:
        self.annotations = annotations
        self.defaults = defaults
        self._fields: dict[str, Field[Any]] | None = None

    def __get__(self, _instance: object, _owner: type) -> dict[str, Field[Any]]:
        if self._fields is None:
            told = {**self.defaults, "__annotations__": dict(self.annotations), "__module__": self.owner.__module__}
            twin: Any = dataclass(init=False, repr=False, eq=False)(type(self.owner.__name__, (), told))
            self._fields = twin.__dataclass_fields__
        return self._fields

    def init(self) -> Callable[..., None]:
        """The ``__init__`` of the class. Slots are set by their own descriptors: twice as fast as object.__setattr__."""
        owner = self.owner
        scope: dict[str, Any] = {"_MISSING": MISSING, "__name__": owner.__module__}
        taken, body = ["_record"], []
        for name in self.annotations:
            parameter, value = name, name
            if name in self.defaults:
                default = self.defaults[name]
                if isinstance(default, Field) and default.default is MISSING:
                    scope[f"_make_{name}"], default = default.default_factory, MISSING
                    value = f"_make_{name}() if {name} is _MISSING else {name}"
                elif isinstance(default, Field):
                    default = default.default
                scope[f"_default_{name}"] = default
                parameter = f"{name}=_default_{name}"
            scope[f"_set_{name}"] = vars(owner)[name].__set__
            taken.append(parameter)
            body.append(f" _set_{name}(_record, {value})")
        if hasattr(owner, "__post_init__"):
            body.append(" _record.__post_init__()")
        exec(f"def __init__({', '.join(taken)}):\n" + "\n".join(body or [" pass"]), scope)  # noqa: S102 - names of fields
        made: Callable[..., None] = scope["__init__"]
        made.__qualname__ = f"{owner.__qualname__}.__init__"
        return made


def _first_init(recipe: _Recipe) -> Callable[..., None]:
    """An ``__init__`` that puts the real one in its place, and calls it."""

    def __init__(_record: object, /, *args: Any, **values: Any) -> None:  # noqa: N807 - the class's own
        made = recipe.init()
        recipe.owner.__init__ = made  # type: ignore[misc]  # it is on the class that this is done
        made(_record, *args, **values)

    return __init__


# -- shared by all records --------------------------------------------------------------------------------------------


def _values(told: Any) -> tuple[Any, ...]:
    return tuple([getattr(told, name) for name in told.__match_args__])


def _equal(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if other.__class__ is self.__class__ else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


@recursive_repr()
def _repr(self: Any) -> str:
    told = ", ".join([f"{name}={getattr(self, name)!r}" for name in self.__match_args__])
    return f"{self.__class__.__qualname__}({told})"


def _refuse_to_set(_record: object, name: str, _value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_record: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _set_state(self: Any, state: tuple[Any, ...]) -> None:
    for name, value in zip(self.__match_args__, state, strict=True):
        object.__setattr__(self, name, value)


_SHARED: Final[Mapping[str, Any]] = {
    "__repr__": _repr,
    "__eq__": _equal,
    "__getstate__": _values,
    "__setstate__": _set_state,
}
_CHANGING: Final[Mapping[str, Any]] = {**_SHARED, "__hash__": None}
_FROZEN: Final[Mapping[str, Any]] = {
    **_SHARED,
    "__hash__": _hash,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
}

"""Settings of a trainer, declared once: name, type, default and help make flag and argument."""

import dataclasses
import types
import typing

from absl import flags


def setting(default, help, *, choices=None, above=None, least=None):
    """A field of a settings dataclass.

    Args:
        default: the default value.
        help: one sentence, also the flag's help text.
        choices: the values allowed, if they are few.
        above, least: bounds of a number: greater than `above`, `least` or more.
    """
    rules = {"help": help, "choices": choices, "above": above, "least": least}
    return dataclasses.field(default=default, metadata=rules)


def make(cls, values):
    """`cls(**values)`, checked.

    Raises:
        ValueError: an unknown name, or a value that its setting does not allow.
    """
    known = {field.name: field for field in dataclasses.fields(cls)}
    unknown = sorted(values.keys() - known.keys())
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}, expected some of {sorted(known)}")
    for name, value in values.items():
        _check(name, value, known[name].metadata)
    return cls(**values)


def define_flags(cls):
    """Defines an absl flag for every field of a settings dataclass."""
    for field in dataclasses.fields(cls):
        text, choices = field.metadata["help"], field.metadata["choices"]
        if choices:
            flags.DEFINE_enum(field.name, typing.cast(str, field.default), choices, text)
        else:
            define = _DEFINE[_plain_type(cls, field)]
            define(field.name, field.default, text)


def from_flags(cls):
    """The parsed flags of `define_flags` as a dict."""
    return {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(cls)}


_DEFINE: dict[type, typing.Callable] = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
}


def _plain_type(cls, field):
    """T of a field annotated T or T | None."""
    hint = typing.get_type_hints(cls)[field.name]
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    return hint


def _check(name, value, rules):
    if value is None:
        return
    if rules["choices"] and value not in rules["choices"]:
        raise ValueError(f"{name} is {value!r}, expected one of {list(rules['choices'])}")
    if rules["above"] is not None and not value > rules["above"]:
        raise ValueError(f"{name} is {value}, expected a number above {rules['above']}")
    if rules["least"] is not None and not value >= rules["least"]:
        raise ValueError(f"{name} is {value}, expected {rules['least']} or more")

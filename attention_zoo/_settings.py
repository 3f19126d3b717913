"""Settings of a program, declared once: name, type, default and help make flag and argument."""

import dataclasses
import numbers
import types
import typing

from absl import flags

from attention_zoo._paths import expanded


def setting(
    default, help, *, choices=None, above=None, least=None, most=None, path=False, unset=None
):
    """A field of a settings dataclass.

    Args:
        default: the default value.
        help: one sentence, also the flag's help text.
        choices: the values allowed, if they are few.
        above, least, most: bounds of a number: greater than `above`, `least` or more, `most` or
            less.
        path: whether it is the path of a file or folder, whose `~` is expanded.
        unset: the value that None stands for, where it is no value of its own.
    """
    rules = {"help": help, "choices": choices, "above": above, "least": least, "most": most}
    return dataclasses.field(default=default, metadata=rules | {"path": path, "unset": unset})


def make(cls, values):
    """`cls(**values)`, checked, with `~` in paths expanded and numbers as Python's own.

    Raises:
        ValueError: an unknown name, or a value that its setting does not allow.
    """
    known = {field.name: field for field in dataclasses.fields(cls)}
    unknown = sorted(values.keys() - known.keys())
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}, expected some of {sorted(known)}")
    values = {k: known[k].metadata["unset"] if v is None else v for k, v in values.items()}
    return cls(**{name: _plain(cls, known[name], value) for name, value in values.items()})


def _plain(cls, field, value):
    """A value as JSON has it; raises ValueError where its setting does not allow it."""
    if value is None:
        return None
    kind = _plain_type(cls, field)
    _check_type(field.name, value, kind)
    _check_rules(field.name, value, field.metadata)
    if field.metadata["path"]:
        return expanded(value)
    return kind(value) if kind in (int, float) else value


def value_of(cls, name, text):
    """The value of a setting that a text says, as a flag of its type reads it.

    Raises:
        ValueError: no such setting, or a text that is none of its values.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    if name not in fields:
        raise ValueError(f"unknown setting {name!r}, expected some of {sorted(fields)}")
    kind = _plain_type(cls, fields[name])
    parser = {int: flags.IntegerParser, float: flags.FloatParser, bool: flags.BooleanParser}
    try:
        value = parser[kind]().parse(text) if kind in parser else text
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} is {text!r}, expected {_KINDS[kind][1]}") from error
    return getattr(make(cls, {name: value}), name)


def define_flags(cls, values):
    """Defines an absl flag for every field of a settings dataclass; returns `values`.

    Args:
        cls: the dataclass.
        values: the `absl.flags.FlagValues` to define them in, by groups for its `module_help`.
    """
    for field in dataclasses.fields(cls):
        rules, kind = field.metadata, _plain_type(cls, field)
        about = {"flag_values": values, "module_name": group_of(cls, field.name)}
        define = _DEFINE[kind]
        if rules["choices"]:
            define, about = flags.DEFINE_enum, about | {"enum_values": rules["choices"]}
        elif kind in (int, float):
            about |= {"lower_bound": rules["least"], "upper_bound": rules["most"]}
        define(field.name, default=field.default, help=rules["help"], **about)
    return values


def groups(cls):
    """The titles of the groups of a settings dataclass: of the classes that it is made of."""
    titles = {group_of(cls, field.name) for field in dataclasses.fields(cls)}
    return [title for title in map(_title, cls.__mro__) if title in titles]


def group_of(cls, name):
    """The title of the class that a setting comes from, not of one that changes its default."""
    owners = (c for c in reversed(cls.__mro__) if name in vars(c).get("__annotations__", ()))
    return _title(next(owners))


def _title(cls):
    return (cls.__doc__ or "").partition("\n")[0].rstrip(".")


def from_flags(cls, values):
    """The parsed flags of `define_flags` as a dict."""
    return {field.name: values[field.name].value for field in dataclasses.fields(cls)}


_DEFINE: dict = {
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


_KINDS = {
    int: (numbers.Integral, "a whole number"),
    float: (numbers.Real, "a number"),
    str: (str, "a string"),
    bool: (bool, "True or False"),
}


def _check_type(name, value, expected):
    kind, wording = _KINDS[expected]
    if not isinstance(value, kind) or isinstance(value, bool) and expected is not bool:
        raise ValueError(f"{name} is {value!r}, expected {wording}")


def _check_rules(name, value, rules):
    if rules["choices"] and value not in rules["choices"]:
        raise ValueError(f"{name} is {value!r}, expected one of {list(rules['choices'])}")
    if rules["above"] is not None and not value > rules["above"]:
        raise ValueError(f"{name} is {value}, expected a number above {rules['above']}")
    if rules["least"] is not None and not value >= rules["least"]:
        raise ValueError(f"{name} is {value}, expected {rules['least']} or more")
    if rules["most"] is not None and not value <= rules["most"]:
        raise ValueError(f"{name} is {value}, expected {rules['most']} or less")

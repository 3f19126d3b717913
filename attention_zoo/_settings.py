"""Settings of a program, declared once: name, type, default and help make flag and argument."""

import dataclasses
import numbers
import sys
import textwrap
import types
import typing

from absl import flags

from attention_zoo._paths import expanded


def setting(default, help, *, choices=None, above=None, least=None, most=None, path=False):
    """A field of a settings dataclass.

    Args:
        default: the default value.
        help: one sentence, also the flag's help text.
        choices: the values allowed, if they are few.
        above, least, most: bounds of a number: greater than `above`, `least` or more, `most` or
            less.
        path: whether it is the path of a file or folder, whose `~` is expanded.
    """
    rules = {"help": help, "choices": choices, "above": above, "least": least, "most": most}
    return dataclasses.field(default=default, metadata=rules | {"path": path})


def make(cls, values):
    """`cls(**values)`, checked, with `~` in paths expanded.

    Raises:
        ValueError: an unknown name, or a value that its setting does not allow.
    """
    known = {field.name: field for field in dataclasses.fields(cls)}
    unknown = sorted(values.keys() - known.keys())
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}, expected some of {sorted(known)}")
    for name, value in values.items():
        if value is not None:
            _check_type(name, value, _plain_type(cls, known[name]))
            _check_rules(name, value, known[name].metadata)
    paths = {name for name, field in known.items() if field.metadata["path"]}
    return cls(**{k: expanded(v) if k in paths else v for k, v in values.items()})


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


def define_flags(cls):
    """Defines an absl flag for every field of a settings dataclass, all listed by --help."""
    for field in dataclasses.fields(cls):
        text, choices = field.metadata["help"], field.metadata["choices"]
        if choices:
            flags.DEFINE_enum(field.name, typing.cast(str, field.default), choices, text)
        else:
            define = getattr(flags, f"DEFINE_{_FLAG[_plain_type(cls, field)]}")
            define(field.name, field.default, text)
        list_in_help(field.name)


def help_text(cls):
    """Every flag of a settings dataclass with its default, in the groups that the class is made of.

    A group is a dataclass that the class inherits from, named by its docstring.
    """
    defaults = {field.name: field for field in dataclasses.fields(cls)}
    lines = []
    for group in cls.__mro__:
        own = [name for name in vars(group).get("__annotations__", ()) if name in defaults]
        first = [name for name in own if _first_group(cls, name) is group]
        if not first:
            continue
        lines += ["", f"{(group.__doc__ or '').splitlines()[0].rstrip('.')}:"]
        for name in first:
            field = defaults[name]
            choices = field.metadata["choices"]
            about = f" One of {', '.join(map(str, choices))}." if choices else ""
            text = f"{field.metadata['help']}{about} Default: {_shown(field.default)}."
            lines.append(f"  --{name}")
            lines += textwrap.wrap(text, 96, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def _first_group(cls, name):
    """The class that a setting comes from, not one that changes its default."""
    return next(c for c in reversed(cls.__mro__) if name in vars(c).get("__annotations__", ()))


def _shown(default):
    if default is None:
        return "unset"
    return str(default).lower() if isinstance(default, bool) else str(default)


def list_in_help(name):
    """Has --help list a flag: absl lists those of the program's own module only."""
    flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[name])


def parse_flags(argv):
    """As `absl.app` parses flags, with an error of one line; for `app.run(flags_parser=...)`."""
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        reason = " ".join(str(error).split())
        sys.exit(f"error: {reason}, expected flags as --help lists them")


def from_flags(cls):
    """The parsed flags of `define_flags` as a dict."""
    return {field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(cls)}


_FLAG = {str: "string", int: "integer", float: "float", bool: "boolean"}


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

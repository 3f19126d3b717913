import dataclasses

import numpy as np
import pytest
from absl import flags

from attention_zoo._settings import define_flags, from_flags, groups, make, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """Example."""

    name: str | None = setting(None, "A name.")
    size: int = setting(3, "A size.", least=1)
    rate: float = setting(0.5, "A rate.", above=0)
    kind: str = setting("a", "A kind.", choices=("a", "b"))
    fast: bool = setting(False, "Whether.")
    seed: int = setting(0, "A seed.", most=9)
    decay: float = setting(0.1, "A decay; 0 for none.", least=0, unset=0.0)


def test_defaults_and_values():
    assert make(Example, {"size": 7}) == Example(size=7)
    assert make(Example, {}).rate == 0.5
    found = make(Example, {"size": np.int64(4), "rate": np.float32(0.5), "name": None})
    assert found == Example(size=4)
    assert [type(one) for one in (found.size, found.rate)] == [int, float]  # as JSON has them
    assert type(make(Example, {"rate": 1}).rate) is float


def test_none_stands_for_a_value_where_the_setting_says_so():
    """And is no other word for the default."""
    assert make(Example, {"decay": None}).decay == 0.0 != Example().decay


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sise": 1}, r"^unknown setting 'sise', expected some of \['decay', .*\]$"),
        ({"size": 0}, "^size is 0, expected 1 or more$"),
        ({"rate": 0.0}, "^rate is 0.0, expected a number above 0$"),
        ({"kind": "c"}, r"^kind is 'c', expected one of \['a', 'b'\]$"),
        ({"seed": 10}, "^seed is 10, expected 9 or less$"),
        ({"size": 1.5}, "^size is 1.5, expected a whole number$"),
        ({"size": "1"}, "^size is '1', expected a whole number$"),
        ({"size": True}, "^size is True, expected a whole number$"),
        ({"rate": "0.1"}, "^rate is '0.1', expected a number$"),
        ({"name": 3}, "^name is 3, expected a string$"),
        ({"fast": 1}, "^fast is 1, expected True or False$"),
        ({"rate": float("nan")}, "^rate is nan, expected a number above 0$"),
    ],
)
def test_bad_values_are_one_line_errors(values, message):
    with pytest.raises(ValueError, match=message):
        make(Example, values)


def test_flags_have_names_types_defaults_and_help():
    values = define_flags(Example, flags.FlagValues())
    values(["program", "--size=5", "--kind=b", "--fast"])
    assert from_flags(Example, values) == {
        "name": None,
        "size": 5,
        "rate": 0.5,
        "kind": "b",
        "fast": True,
        "seed": 0,
        "decay": 0.1,
    }
    assert values["rate"].help == "A rate."


@pytest.mark.parametrize(
    "argument", ["--sise=5", "--size=0", "--size=1.5", "--seed=10", "--kind=c", "--rate=fast"]
)
def test_what_a_flag_does_not_allow_is_an_error_of_absl(argument):
    values = define_flags(Example, flags.FlagValues())
    with pytest.raises(flags.Error, match=argument.partition("=")[0].lstrip("-")):
        values(["program", argument])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Base:
    """The base."""

    size: int = setting(3, "A size.")
    shape: str = setting("round", "A shape.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Child(Example, Base):
    """The child.

    It has another size.
    """

    size: int = setting(4, "Another size.")
    colour: str = setting("red", "A colour.")


def test_a_setting_is_in_the_group_of_the_class_that_it_comes_from():
    assert groups(Child) == ["The child", "Example", "The base"]
    values = define_flags(Child, flags.FlagValues())
    assert "--colour: A colour." in values.module_help("The child")
    assert "--size: Another size." in values.module_help("The base")
    assert "--size" not in values.module_help("The child")

import dataclasses
import sys

import numpy as np
import pytest

from attention_zoo._settings import define_flags, from_flags, make, parse_flags, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    name: str | None = setting(None, "A name.")
    size: int = setting(3, "A size.", least=1)
    rate: float = setting(0.5, "A rate.", above=0)
    kind: str = setting("a", "A kind.", choices=("a", "b"))
    fast: bool = setting(False, "Whether.")
    seed: int = setting(0, "A seed.", most=9)


def test_defaults_and_values():
    assert make(Example, {"size": 7}) == Example(size=7)
    assert make(Example, {}).rate == 0.5
    assert make(Example, {"size": np.int64(4), "rate": np.float32(1), "name": None}).size == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sise": 1}, r"^unknown setting 'sise', expected some of \['fast', .*\]$"),
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


def test_flags_have_names_types_defaults_and_help(own_flags):
    define_flags(Example)
    own_flags(["program", "--size=5", "--kind=b", "--fast"])
    assert from_flags(Example) == {
        "name": None,
        "size": 5,
        "rate": 0.5,
        "kind": "b",
        "fast": True,
        "seed": 0,
    }
    assert own_flags["rate"].help == "A rate."
    listed = own_flags.get_key_flags_for_module(sys.argv[0])
    assert {flag.name for flag in listed} == {"name", "size", "rate", "kind", "fast", "seed"}
    with pytest.raises(SystemExit, match="^error: .*'sise'.*, expected flags as --help lists them"):
        parse_flags(["program", "--sise=5"])

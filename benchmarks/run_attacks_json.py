"""Files of a run's folder, damaged: by hand where it is known what hurts, and at random."""

import copy
import json
import random

DEEP = "[" * 100_000
HOSTILE = [None, True, -1, 2**70, 1e308, float("nan"), "", "\ud800", "x" * 10_000, [], {}, [[]]]


def damages(text):
    """(what was done, text) of a sound JSON file, by hand."""
    yield "empty", ""
    yield "half", text[: len(text) // 2]
    yield "binary", "\x00\x01\x02"
    yield "nested too deeply", DEEP
    yield "a key nested too deeply", '{"test": ' + DEEP + "}"
    yield "a list", "[]"
    yield "null", "null"
    yield "a number of 5,000 digits", '{"test": ' + "9" * 5_000 + "}"


def mutated(text, rng):
    """The text with something in it replaced, taken out or put in, by a `random.Random`."""
    content = copy.deepcopy(json.loads(text))
    for _ in range(rng.randint(1, 2)):
        place, key = _place(content, rng)
        if place is None:
            return json.dumps(rng.choice(HOSTILE))
        if isinstance(place, dict) and rng.random() < 0.2:
            del place[key]
        else:
            place[key] = rng.choice(HOSTILE)
    return json.dumps(content)


def _place(content, rng):
    """A container in the content and a key of it; (None, None) is the whole."""
    place, key = None, None
    while isinstance(content, dict | list) and content and (place is None or rng.random() < 0.8):
        place = content
        key = rng.choice(list(content) if isinstance(content, dict) else range(len(content)))
        content = content[key]
    return place, key


def damaged_csv(text, seed):
    """`metrics.csv` with something wrong, another thing for each seed."""
    rng, lines = random.Random(seed), text.splitlines()
    cells = [line.split(",") for line in lines]
    row, column = rng.randrange(len(cells)), rng.randrange(len(cells[0]))
    kinds = [
        lambda: cells[row].pop(column),
        lambda: cells[row].append("1"),
        lambda: cells[row].__setitem__(column, rng.choice(["x", "", "nan", "inf", "\x00", '"'])),
        lambda: cells[0].__setitem__(column, rng.choice(["epoch", "", "FTPT", "loss"])),
    ]
    rng.choice(kinds)()
    return "\n".join(",".join(line) for line in cells) + "\n"

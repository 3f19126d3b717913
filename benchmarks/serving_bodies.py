"""Bodies that a server must refuse: valid ones broken by chance, and every class of wrong ones.

`malformed` makes them for a signature with one input `segments`, float32 of a given shape.
"""

import dataclasses
import io
import json
import math
import random
import zipfile

import numpy as np

JSON, NPY, NPZ = "application/json", "application/x-npy", "application/x-npz"


@dataclasses.dataclass(frozen=True)
class Body:
    """One body to send.

    Attributes:
        kind: the name of the function that made it.
        data: bytes.
        content_type: of the request.
        headers: others.
        may_pass: whether chance may have left it valid.
    """

    kind: str
    data: bytes
    content_type: str = JSON
    headers: dict = dataclasses.field(default_factory=dict)
    may_pass: bool = False


def malformed(count, shape, most_rows, most_bytes, seed=0):
    """Yields `count` bodies, as many of each kind; the same ones for the same seed.

    Args:
        count: how many.
        shape: of a row of `segments`, two axes or more.
        most_rows, most_bytes: the server's limits.
        seed: of the choices.
    """
    rng = random.Random(seed)
    for i in range(count):
        maker = KINDS[i % len(KINDS)]
        body = maker(rng, _Sizes(shape, most_rows, most_bytes))
        yield dataclasses.replace(body, kind=maker.__name__)


@dataclasses.dataclass(frozen=True)
class _Sizes:
    shape: tuple
    most_rows: int
    most_bytes: int

    def array(self, rng, rows=2):
        return np.random.default_rng(rng.getrandbits(32)).random((rows, *self.shape), np.float32)

    def json(self, rng, rows=2):
        instances = self.array(rng, rows).round(3).tolist()
        return json.dumps({"instances": instances}).encode()


def json_with_other_bytes(rng, sizes):
    return Body("", _flipped(rng, sizes.json(rng)), may_pass=True)


def json_cut_short(rng, sizes):
    data = sizes.json(rng)
    return Body("", data[: rng.randrange(len(data))])


def json_with_a_number_replaced(rng, sizes):
    """By what is no number, or none that float32 can hold."""
    words = [
        "NaN",
        "Infinity",
        "-Infinity",
        "null",
        "true",
        '"1"',
        "{}",
        "[]",
        "[1]",
        "1e999",
        "1e39",
    ]
    words += ["1" + "0" * 400, "1" * 5000, "-" + "9" * 60, "0x10", "1_000", "01", "1.", "\ud800"]
    word = rng.choice(words).encode("utf-8", "surrogatepass")
    return Body(
        "",
        sizes.json(rng).replace(b"0.", word + b", 0.", 1)
        if rng.random() < 0.2
        else _replace_a_number(rng, sizes.json(rng), word),
    )


def json_of_another_shape(rng, sizes):
    x = sizes.array(rng)
    choices = [x[..., :-1], x[0], x[..., None], x[None], x.reshape(2, -1), x[:, :0], x[0, 0, 0]]
    return Body("", json.dumps({"instances": rng.choice(choices).tolist()}).encode())


def json_ragged(rng, sizes):
    x = sizes.array(rng).tolist()
    inner = x[1]
    for _ in range(rng.randrange(len(sizes.shape))):
        inner = rng.choice(inner)
    inner.pop() if rng.random() < 0.5 else inner.append(inner[0])
    return Body("", json.dumps({"instances": x}).encode())


def json_of_another_form(rng, sizes):
    x = sizes.array(rng, 1).tolist()
    choices = [
        [], {}, None, 3, "instances", x,
        {"instances": []}, {"instances": {}}, {"instances": None}, {"inputs": []}, {"inputs": {}},
        {"instances": x, "inputs": x}, {"rows": x}, {"more": 1},
        {"instances": x, "signature_name": rng.choice(["nowhere", " ", 3, [], {}, "x" * 10_000])},
        {"instances": [{"segment": x[0]}]}, {"instances": [{}]},
        {"instances": [{"segments": x[0], "mask": [True]}]},
        {"instances": [{"segments": x[0]}, x[0]]}, {"inputs": {"segments": x, "more": x}},
        {"instances": [{"b64": "AAAA"}]}, {"inputs": {"b64": "AAAA"}}, {"inputs": "segments"},
    ]  # fmt: skip
    return Body("", json.dumps(rng.choice(choices)).encode())


def json_nested_deeply(rng, sizes):
    opening, closing = rng.choice([("[", "]"), ('{"instances":', "}"), ('[{"b64":', "}]")])
    depth = rng.choice([100, 1_000, 10_000, 100_000])
    data = opening * depth + "1" + closing * (depth if rng.random() < 0.5 else 0)
    return Body("", (b'{"instances":' + data.encode() + b"}"))


def json_in_another_encoding(rng, sizes):
    data = sizes.json(rng).decode()
    choices = [b"\xff\xfe" + data.encode(), data.encode("utf-16")[:-1], b"\x80" + data.encode()]
    return Body("", rng.choice([*choices, data.encode().replace(b"instances", b"inst\xffnces")]))


def too_many_rows(rng, sizes):
    x = np.zeros((sizes.most_rows + rng.randrange(1, 9), *sizes.shape), np.float32)
    if rng.random() < 0.5:
        return Body("", _npy(x), NPY)
    return Body("", json.dumps({"instances": x.astype(int).tolist()}).encode())


def bytes_of_chance(rng, sizes):
    return Body("", rng.randbytes(rng.randrange(400)), rng.choice([JSON, NPY, NPZ]))


def of_another_content_type(rng, sizes):
    types = ["text/html", "image/png", "application/x-pickle", "multipart/form-data", "a/b;c", "?"]
    return Body("", sizes.json(rng), rng.choice(types))


def of_another_content_encoding(rng, sizes):
    encoding = rng.choice(["gzip", "deflate", "br", "zstd", "x"])
    return Body("", sizes.json(rng), headers={"Content-Encoding": encoding})


def npy_with_other_bytes(rng, sizes):
    data = _npy(sizes.array(rng))
    return Body("", _flipped(rng, data[:128]) + data[128:], NPY, may_pass=True)


def npy_cut_short(rng, sizes):
    data = _npy(sizes.array(rng))
    return Body("", data[: rng.randrange(len(data))], NPY)


def npy_that_promises_more(rng, sizes):
    """A header of terabytes, of negative sizes, of no bytes an item."""
    shapes = ["(1099511627776,)", "(4000000000, 5, 8, 8, 1)", "(-1, 5, 8, 8, 1)", "(-1, -1)"]
    shapes += ["(1000000000, 1000000000, 1000000000)", "()", "(0,)", "1", "(1.5,)", "(1,) * 99"]
    dtype = rng.choice(["'<f4'", "'<f8'", "'|S0'", "'|V1'", "'|O'", "'<U1000000'", "'<c8'"])
    return Body("", _npy_header(dtype, rng.choice(shapes)) + bytes(rng.randrange(64)), NPY)


def npy_of_sizes_that_are_none(rng, sizes):
    """Beyond 64 bits, or no number."""
    shape = ["1", *map(str, sizes.shape)]
    shape[rng.randrange(len(shape))] = rng.choice(["0x" + "f" * 8_000, "-0x" + "f" * 99, "True"])
    size = math.prod(sizes.shape) * 4
    return Body("", _npy_header("'<f4'", f"({', '.join(shape)})") + bytes(size), NPY)


def npy_of_another_type(rng, sizes):
    x = sizes.array(rng)
    dtypes = [object, "c8", "S4", "U4", "M8[s]", "?", [("a", "f4")]]
    x = np.where(x < 0.5, np.nan, x) if rng.random() < 0.2 else x.astype(rng.choice(dtypes))
    return Body("", _npy(x), NPY)


def npy_of_another_shape(rng, sizes):
    x = sizes.array(rng)
    choices = [x[..., :-1], x[0], x[..., None], x[:0], x.reshape(2, -1), x[0, 0, 0]]
    return Body("", _npy(rng.choice(choices)), NPY)


def npz_with_other_bytes(rng, sizes):
    return Body("", _flipped(rng, _npz(segments=_npy(sizes.array(rng)))), NPZ, may_pass=True)


def npz_cut_short(rng, sizes):
    data = _npz(segments=_npy(sizes.array(rng)))
    return Body("", data[: rng.randrange(len(data) - 22)], NPZ)


def npz_of_other_names(rng, sizes):
    one = _npy(sizes.array(rng))
    choices = [{}, {"segment": one}, {"segments": one, "mask": one}, {"../segments": one}]
    choices += [{str(i): b"" for i in range(500)}, {"segments": b""}, {"segments": b"\x93NUMPY"}]
    return Body("", _npz(**rng.choice(choices)), NPZ)


def npz_that_unpacks_to_too_much(rng, sizes):
    zeros = bytes(sizes.most_bytes + rng.randrange(1, 1000))
    return Body("", _npz(segments=_npy_header("'<f4'", "(1,)") + zeros), NPZ)


def npz_packed_in_another_way(rng, sizes):
    method = rng.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    return Body("", _npz(method, segments=_npy(sizes.array(rng))), NPZ)


KINDS = [
    json_with_other_bytes,
    json_cut_short,
    json_with_a_number_replaced,
    json_of_another_shape,
    json_ragged,
    json_of_another_form,
    json_nested_deeply,
    json_in_another_encoding,
    too_many_rows,
    bytes_of_chance,
    of_another_content_type,
    of_another_content_encoding,
    npy_with_other_bytes,
    npy_cut_short,
    npy_that_promises_more,
    npy_of_sizes_that_are_none,
    npy_of_another_type,
    npy_of_another_shape,
    npz_with_other_bytes,
    npz_cut_short,
    npz_of_other_names,
    npz_that_unpacks_to_too_much,
    npz_packed_in_another_way,
]


def _flipped(rng, data):
    """With one to four bytes replaced."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _replace_a_number(rng, data, word):
    parts = data.split(b"0.")
    i = rng.randrange(1, len(parts))
    rest = parts[i].lstrip(b"0123456789e-")
    return b"0.".join(parts[:i]) + word + rest + b"".join(b"0." + part for part in parts[i + 1 :])


def _npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def _npy_header(dtype, shape):
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


def _npz(method=zipfile.ZIP_DEFLATED, /, **members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()

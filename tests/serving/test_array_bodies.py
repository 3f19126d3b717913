"""NumPy's files as bodies: read without trust."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from attention_zoo.serving.array_bodies import read_npy, read_npz, write_npz
from attention_zoo.serving.request_error import RequestError
from attention_zoo.serving.served_model import Signature

MOST = 10_000  # bytes
X = np.arange(6.0).reshape(3, 2)


def npy(array, **settings):
    file = io.BytesIO()
    np.save(file, array, **settings)
    return file.getvalue()


def header(dtype, shape, data=b""):
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def npz(members, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


@pytest.fixture
def double(kinds):
    return kinds.signature("double")


@pytest.mark.parametrize(
    "array", [X, np.float32(X), np.float16(X), np.asfortranarray(X), X.astype(">f8"), X.astype(int)]
)
def test_the_array_is_read_as_the_type_of_the_input(double, array):
    read = read_npy(npy(array), double, MOST).arrays["x"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, X)


def test_bytes_go_to_the_signature_that_takes_them(kinds):
    own = Signature("double", kinds._loaded.signatures["double"], of_bytes="double_bytes")
    np.testing.assert_array_equal(read_npy(npy(X), own, MOST).arrays["x"], X)
    expected = "^x has the type uint8, expected float32, or signature double_bytes$"
    with pytest.raises(RequestError, match=expected):
        read_npy(npy(np.uint8(X)), own, MOST)
    with pytest.raises(RequestError, match=expected):
        read_npz(npz([("x.npy", npy(np.uint8(X)))]), own, MOST)
    for dtype in ("int64", "int32", "uint16"):  # that may be pixels, too
        expected = f"^x has the type {dtype}, expected float32, or signature double_bytes$"
        with pytest.raises(RequestError, match=expected):
            read_npy(npy(X.astype(dtype)), own, MOST)


@pytest.mark.parametrize(
    "array", [np.array(["é", "b"]), np.array(["é".encode(), b"b"]), np.array([["é"], ["b"]])[:, 0]]
)
def test_strings_are_utf_8(kinds, array):
    read = read_npy(npy(array), kinds.signature("texts"), MOST).arrays["text"]
    assert read.tolist() == ["é".encode(), b"b"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_by_name(kinds, save):
    file = io.BytesIO()
    save(file, i=np.array([[1], [2]]), n=np.array([0, 255]), t=np.array([True, False]))
    arrays = read_npz(file.getvalue(), kinds.signature("types"), 1_000).arrays
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "i": [[1], [2]],
        "n": [0, 255],
        "t": [True, False],
    }
    assert [arrays[name].dtype for name in "int"] == [np.int32, np.uint8, np.bool_]


def test_outputs_are_written_by_name():
    outputs = {"a": np.float32([[0.1]]), "b": np.array([b"one", b"\xff"], object)}
    read = np.load(io.BytesIO(write_npz(outputs, 6)), allow_pickle=False)
    assert set(read) == {"a", "b"}
    assert read["a"] == np.float32(0.1)
    assert read["b"].tolist() == [b"one", b"\xff"]


BAD_NPY = [
    (b"", "x is not npy"),
    (b"\x93NUMPY", "x is not npy"),
    (npy(X)[:100], "x is not npy"),
    (b"\x93NUMPY\x03\x00" + npy(X)[8:], r"x is not npy: \(3, 0\)"),
    (npy(X)[:-1], "x has 47 bytes of data, expected 48"),
    (npy(X) + b"\0", "x has 49 bytes of data, expected 48"),
    (npy(X.astype(object)), "x has the type object, expected float32"),
    (npy(X.astype(complex)), "x has the type complex128"),
    (npy(X.astype(bool)), "x has the type bool, expected float32"),
    (npy(X.astype("U3")), "x has the type <U3, expected float32"),
    (npy(X[0]), r"x has shape \(2,\), expected \(b, 2\)"),
    (npy(X[:0]), r"x has shape \(0, 2\), expected \(b, 2\)"),
    (npy(X.T), r"x has shape \(2, 3\), expected \(b, 2\)"),
    (npy(X * np.nan), "x has a number that is not finite"),
    (npy(X * 1e39), "x has a number that is not finite, expected float32"),
    (header("'<f4'", "(-1, 2)"), r"x has shape \(-1, 2\)"),
    (header("'<f4'", "(-1, -1)"), "x has shape"),
    (header("'<f4'", "(1.5, 2)"), "x is not npy: shape is not valid"),
    (header("'<f4'", "[1] * 9"), "x is not npy"),
    (header("'nothing'", "(1, 2)"), "x is not npy"),
    (header("[[[", "(1, 2)"), "x is not npy"),
    (header("'<f4'", "(True, 2)", bytes(8)), "x is not npy: its shape has what is no whole"),
    (header("'<f4'", f"(0x{'f' * 8_000}, 2)"), "x is not npy: its shape has what is no whole"),
    (header("'<f4'", f"(-0x{'f' * 8_000}, 2)"), "x is not npy: its shape has what is no whole"),
    (header("'<f4'", f"(1, 0x{'f' * 8_000})"), "x is not npy: its shape has what is no whole"),
    (header("'<f4'", f"({2**63}, 2)"), "x is not npy: its shape has what is no whole"),
    (header("'<f4'", f"({2**63 - 1}, 2)"), "x has 0 bytes of data, expected"),
    (header("'|S0'", "(1, 2)"), r"x has the type \|S0"),
]


@pytest.mark.parametrize(("body", "reason"), BAD_NPY)
def test_a_bad_npy_is_refused_with_the_reason(double, body, reason):
    with pytest.raises(RequestError, match=reason) as refused:
        read_npy(body, double, MOST)
    assert refused.value.status == 400 and "\n" not in str(refused.value)


@pytest.mark.parametrize("dtype", ["S0", "U0"])
def test_strings_of_no_length_are_refused(kinds, dtype):
    body = header(f"'{dtype}'", "(1000000000000,)")
    with pytest.raises(RequestError, match="text has 0 bytes of data"):
        read_npy(body, kinds.signature("texts"), MOST)


def test_letters_that_are_none_are_refused(kinds):
    body = header("'<U1'", "(1,)", b"\xff\xff\xff\xff")
    with pytest.raises(RequestError, match="text has strings that are not Unicode"):
        read_npy(body, kinds.signature("texts"), MOST)


def test_nothing_is_unpickled(double):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("it was unpickled",)

    body = npy(np.array([Bomb(), 1], object), allow_pickle=True)
    with pytest.raises(RequestError, match="x has the type object"):
        read_npy(body, double, MOST)


def test_memory_is_not_taken_for_what_a_header_promises(double):
    body = header("'<f4'", f"({2**40}, 2)", bytes(64))
    tracemalloc.start()
    with pytest.raises(RequestError, match=f"x has 64 bytes of data, expected {2**43}"):
        read_npy(body, double, MOST)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_an_archive_is_not_unpacked_beyond_the_limit(double):
    body = npz([("x.npy", bytes(10**8))])
    assert len(body) < 10**6
    tracemalloc.start()
    with pytest.raises(
        RequestError, match="arrays have 100000000 bytes unpacked, expected"
    ) as refused:
        read_npz(body, double, 10**6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status == 413 and peak < 2 * 10**6


def test_an_archive_that_lies_about_its_size_is_not_unpacked_beyond_it(double):
    body = npz([("x.npy", bytes(10**7))])
    small = body.replace((10**7).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    tracemalloc.start()
    with pytest.raises(RequestError, match="body is not npz: Bad CRC-32"):
        read_npz(small, double, 10**6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 10**6


ONE = ("x.npy", npy(X))
BAD_NPZ = [
    (b"", "body is not npz: File is not a zip file"),
    (npz([ONE])[:-30], "body is not npz"),
    (npz([ONE])[:50] + b"!" + npz([ONE])[51:], "body is not npz"),
    (npz([]), r"inputs are \[\], expected \['x'\]"),
    (npz([("y.npy", npy(X))]), r"inputs are \['y'\], expected \['x'\]"),
    (npz([ONE, ("../x.npy", b"")]), "inputs are"),
    (npz([ONE, ("x", npy(X))]), "body names an array twice"),
    (npz([ONE], zipfile.ZIP_LZMA), "packed in another way"),
    (npz([("x.npy", b"text")]), "x is not npy"),
    (npz([ONE]).replace(b"\0\0\x08\0", b"\1\0\x08\0"), "body is not npz: .* encrypted"),
]


@pytest.mark.parametrize(("body", "reason"), BAD_NPZ)
def test_a_bad_npz_is_refused_with_the_reason(double, body, reason):
    with pytest.raises(RequestError, match=reason) as refused:
        read_npz(body, double, 10_000)
    assert refused.value.status == 400


def test_one_array_is_not_enough_for_two_inputs(kinds):
    with pytest.raises(RequestError, match=r"one array, expected npz of \['i', 'n', 't'\]"):
        read_npy(npy(X), kinds.signature("types"), MOST)


def test_an_array_counts_as_the_type_of_its_input(double):
    """Else zeros of one byte, packed to nearly nothing, would be held as four."""
    x = np.zeros((100, 2), np.uint8)
    body = npz([("x.npy", npy(x))])
    assert read_npz(body, double, 800).arrays["x"].nbytes == 800
    for read, data in ((read_npz, body), (read_npy, npy(x))):
        with pytest.raises(
            RequestError, match="x has 800 bytes as float32, expected 799"
        ) as refused:
            read(data, double, 799)
        assert refused.value.status == 413


def test_strings_that_one_would_make_all_wide_are_refused_as_npz():
    outputs = {"words": np.array([b"a" * 10_000] + [b""] * 10_000, object)}
    reason = "words has strings of 100010000 bytes as npz, expected 1000000: accept JSON"
    with pytest.raises(RequestError, match=reason) as refused:
        write_npz(outputs, 10**6)
    assert refused.value.status == 406

"""Word vectors from a text file, for an embedding to begin with."""

import numpy as np

from attention_zoo._paths import expanded


def read_word_vectors(path, vocabulary, seed=0):
    """The vectors of a vocabulary out of a file with a line "token number number …" a token.

    The files of GloVe and fastText have this form; a first line of two numbers is skipped. A token
    may hold blanks: the last d pieces of a line are its numbers, d those of the first line. Tokens
    of the vocabulary that are not in the file, and the unknown token, get small random vectors.

    Args:
        path: the file, UTF-8, with or without a byte order mark.
        vocabulary: list of tokens; its ids begin at 2.
        seed: int, of the random vectors.

    Returns:
        float32 (len(vocabulary) + 2, d).

    Raises:
        ValueError: the file is no such file, or has none of the tokens.
    """
    row = {token: i + 2 for i, token in enumerate(vocabulary)}
    found = {}
    try:
        with open(expanded(path), encoding="utf-8-sig") as file:
            for token, numbers in _entries(file):
                if token in row:
                    found[row[token]] = np.asarray(numbers, "float32")
    except (OSError, ValueError) as error:
        raise ValueError(f"word vectors {path} cannot be read ({error}), {_EXPECTED}") from error
    sizes = {len(vector) for vector in found.values()}
    if len(sizes) != 1:
        raise ValueError(
            f"word vectors {path} has vectors of sizes {sorted(sizes)} for {len(vocabulary)} "
            f"tokens of the vocabulary, {_EXPECTED}"
        )
    if not all(np.isfinite(vector).all() for vector in found.values()):
        raise ValueError(f"word vectors {path} has numbers that are not finite, {_EXPECTED}")
    shape = len(vocabulary) + 2, sizes.pop()
    vectors = np.random.default_rng(seed).uniform(-0.05, 0.05, shape).astype("float32")
    for i, vector in found.items():
        vectors[i] = vector
    return vectors


def _entries(file):
    """(token, numbers as strings) of every line with two numbers or more."""
    size = 0
    for line in file:
        if size < 2:
            size = len(line.split()) - 1
        token, *numbers = line.rstrip("\n ").rsplit(" ", size) if size > 1 else [""]
        if numbers:
            yield token, numbers


_EXPECTED = "expected lines of a token and its numbers, separated by blanks"

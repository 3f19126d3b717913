"""Word vectors from a text file, for an embedding to begin with."""

import numpy as np


def read_word_vectors(path, vocabulary, seed=0):
    """The vectors of a vocabulary out of a file with a line "token number number …" a token.

    The files of GloVe and fastText have this form; a first line of two numbers is skipped. Tokens
    of the vocabulary that are not in the file, and the unknown token, get small random vectors.

    Args:
        path: the file, UTF-8.
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
        with open(path, encoding="utf-8") as file:
            for token, *numbers in (line.rstrip().split(" ") for line in file):
                if token in row and len(numbers) > 1:
                    found[row[token]] = np.asarray(numbers, "float32")
    except (OSError, ValueError) as error:
        raise ValueError(f"word vectors {path} cannot be read ({error}), {_EXPECTED}") from error
    sizes = {len(vector) for vector in found.values()}
    if len(sizes) != 1:
        raise ValueError(
            f"word vectors {path} has vectors of sizes {sorted(sizes)} for {len(vocabulary)} "
            f"tokens of the vocabulary, {_EXPECTED}"
        )
    shape = len(vocabulary) + 2, sizes.pop()
    vectors = np.random.default_rng(seed).uniform(-0.05, 0.05, shape).astype("float32")
    for i, vector in found.items():
        vectors[i] = vector
    return vectors


_EXPECTED = "expected lines of a token and its numbers, separated by blanks"

"""The words of captions as ids: four that mean something by themselves, then a vocabulary."""

PADDING, UNKNOWN, START, END = range(4)
NUM_SPECIAL = 4


def checked_vocabulary(vocabulary):
    """The vocabulary as a tuple of distinct words; ValueError where it is none."""
    if isinstance(vocabulary, str):
        raise ValueError(f"vocabulary is {vocabulary!r}, expected a list of words")
    vocabulary = tuple(vocabulary)
    if not vocabulary:
        raise ValueError("vocabulary has 0 words, expected 1 or more")
    for word in vocabulary:
        if not isinstance(word, str) or not word:
            raise ValueError(f"vocabulary has {word!r}, expected words: strings that are not empty")
    if len(set(vocabulary)) < len(vocabulary):
        seen: set[str] = set()
        twice = next(word for word in vocabulary if word in seen or seen.add(word))  # type: ignore[func-returns-value]
        raise ValueError(f"vocabulary has {twice!r} more than once, expected distinct words")
    return vocabulary


def text_of(words, vocabulary):
    """Captions as strings.

    Args:
        words: int (b, t): ids, the first END and what follows it left out, as are PADDING and
            START; UNKNOWN reads "<unknown>".
        vocabulary: list of words; their ids begin at 4.

    Returns:
        List of b strings, the words separated by blanks.
    """
    spelled = spellings(vocabulary)
    return [" ".join(_until_end(row, spelled)) for row in words]


def spellings(vocabulary):
    """What stands in a text for each id: nothing for padding, start and end."""
    return ["", "<unknown>", "", "", *vocabulary]


def _until_end(row, spelled):
    for word in map(int, row):
        if word == END:
            return
        if spelled[word]:
            yield spelled[word]

r"""One rule for text, in the graph: what a word is, and which words are the same.

1. Blanks of any kind, control characters, zero-width spaces and byte order marks separate words.
2. Addresses stay whole (`https://a.b/c?d=e`, `www.a.b`, `me@a.b`), as do numbers with marks inside
   (`$1,000.50`, `10:30`) and abbreviations (`u.s.`); marks around them are words of their own.
3. In any other word each of these is a word of its own: . , ! ? ; : " and their kin in other
   scripts, brackets, quotation marks, emoji and other symbols (of Unicode's kind "So").
4. An apostrophe (' or ’) belongs to the word between letters or digits, and is a word at its ends.
5. Words are the same if they are so in lower case, of all of Unicode.

Nothing is left out, replaced or normalised. Scripts without blanks between words need a tokenizer
of their own.
"""


def is_text(value):
    """Whether this is a string that UTF-8 can hold: JSON can name half of a surrogate pair."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def lower(strings):
    """Strings in lower case, of all of Unicode, not of ASCII alone."""
    import tensorflow as tf  # slow, and not there for models on another backend

    return tf.strings.lower(strings, encoding="utf-8")


def split_words(texts):
    """Texts (b,) -> their words by the rule, as they are written, ragged (b, m).

    Args:
        texts: strings, a tensor or a list.
    """
    import tensorflow as tf

    texts = tf.strings.regex_replace(tf.convert_to_tensor(texts, tf.string), _BLANKS, " ")
    words = tf.strings.split(texts)
    spaced = words.with_flat_values(_spaced(words.flat_values))
    pieces = tf.strings.split(tf.strings.reduce_join(spaced, axis=1, separator=" "))
    edges = pieces.with_flat_values(_edges_apart(pieces.flat_values))
    return tf.strings.split(tf.strings.reduce_join(edges, axis=1, separator=" "))


def tokens_of(texts):
    """The tokens of texts (b,) -> strings (b, m), "" for padding, m 1 or more."""
    import tensorflow as tf

    tokens = split_words(texts).to_tensor("")
    return tf.pad(
        tokens, [[0, 0], [0, tf.cast(tf.shape(tokens)[1] == 0, tf.int32)]], constant_values=""
    )


_BLANKS = r"[\p{Z}\p{Cc}\s\x{200B}\x{FEFF}]+"
_STOPS = r".,!?;:…‥¡¿‽。、！？；：，．؟،؛।॥"
_CLOSING = r"\p{Pe}»”›⸃⸅⸊⸍⸝⸡\""  # ’ is an apostrophe as well: see rule 4
_OPENING = r"\p{Ps}\p{Pi}\""
_FLAG = r"[\x{1F1E6}-\x{1F1FF}]{2}"
_SYMBOL = r"\p{So}[\x{FE0F}\x{1F3FB}-\x{1F3FF}]*"  # with its variant and skin tone
_MARKS = rf"{_FLAG}|{_SYMBOL}(?:\x{{200D}}{_SYMBOL})*|[{_STOPS}{_OPENING}{_CLOSING}]"
_URL = r"(?i:[a-z][a-z0-9+.-]*://|www\.)\S*?"
_MAIL = r"[\p{L}\p{N}._%+-]+@[\p{L}\p{N}.-]+\.\p{L}{2,}"
_NUMBER = r"\p{Sc}?\p{Nd}+(?:[.,:]\p{Nd}+)+(?:\p{Sc}|%|\p{L}+)?"
_WHOLE = rf"{_URL}|{_MAIL}|{_NUMBER}|(?:\p{{L}}\.){{2,}}"
_AROUND = rf"^([{_OPENING}'’]*)({_WHOLE})([{_STOPS}{_CLOSING}'’]*)$"


def _spaced(words):
    """Words (n,) with blanks around their marks."""
    import tensorflow as tf

    before, whole, after = (
        tf.strings.regex_replace(words, _AROUND, part) for part in (r"\1", r" \2 ", r"\3")
    )
    kept = tf.strings.join([_marks_apart(before), whole, _marks_apart(after)])
    is_whole = tf.strings.regex_full_match(words, _AROUND)
    return tf.where(is_whole, kept, _marks_apart(words))


def _marks_apart(words):
    import tensorflow as tf

    return tf.strings.regex_replace(words, _MARKS, r" \0 ")


def _edges_apart(words):
    """Words (n,) with blanks between them and the apostrophes at their ends."""
    import tensorflow as tf

    return tf.strings.regex_replace(words, r"^(['’]*)(.*?)(['’]*)$", r"\1 \2 \3")


def words_of(text):
    """The words of a text, as they are written; case is ignored later, where ids are looked up.

    docs/data.md has the rule. An exported model of texts splits by it; so tokens of one's own are
    found again if they are made by it.

    Args:
        text: a string, or a list of them.

    Returns:
        A list of strings, or a list of such lists.

    Raises:
        ValueError: what is no string, or a string that UTF-8 cannot hold.
    """
    texts = [text] if isinstance(text, str) else list(text)
    for one in texts:
        if not is_text(one):
            raise ValueError(f"text is {one!r}, expected a string that UTF-8 can hold")
    if not texts:
        return []
    found = [[word.decode() for word in words] for words in split_words(texts).to_list()]
    return found[0] if isinstance(text, str) else found


def num_cut(tokens):
    """How many of some strings the rule would cut, or take for nothing."""
    return int((split_words(tokens).row_lengths().numpy() != 1).sum()) if tokens else 0

"""Texts as lists of words, by the rule that exported models split them by."""

from attention_zoo._text import is_text, split_words


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

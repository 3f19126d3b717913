"""The vocabulary of posts."""

import collections

from attention_zoo._text import lower


def vocabulary(posts, min_count=1):
    """The tokens of `Posts` in lower case, the most frequent first, equals in alphabetical order.

    Args:
        posts: `Posts` of strings; take the training posts only.
        min_count: Tokens that come less often are left to the unknown token, which is trained by
            them.

    Returns:
        A list of strings.
    """
    counts = collections.Counter(lower(posts.tokens.flat_values).numpy().tolist())
    counts.pop(b"", None)
    frequent = [token for token, count in counts.items() if count >= min_count]
    return [token.decode() for token in sorted(frequent, key=lambda t: (-counts[t], t))]

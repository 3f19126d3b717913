"""JSON that others may have damaged, or made: whatever is wrong with it is a ValueError."""

import json


def loads(data):
    """As `json.loads`; what is nested deeper than Python follows is a ValueError too.

    Args:
        data: bytes in UTF-8, with or without a byte order mark, or a string.
    """
    try:
        return json.loads(data.decode("utf-8-sig") if isinstance(data, bytes) else data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None

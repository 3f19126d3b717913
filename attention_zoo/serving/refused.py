"""Refused: why a request gets no answer."""

LONGEST = 400  # letters of a reason: what came in is quoted, and may be long


class Refused(Exception):
    """A request that cannot be answered.

    Args:
        status: the HTTP status, 4xx where the request is to blame.
        reason: one line: what came in and what was expected.
    """

    def __init__(self, status, reason):
        super().__init__(reason if len(reason) <= LONGEST else reason[: LONGEST - 3] + "...")
        self.status = status

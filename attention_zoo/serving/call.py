"""Call: what a body asks for."""

import dataclasses

from attention_zoo.serving.signature import Signature


@dataclasses.dataclass(frozen=True)
class Call:
    """Inputs to a signature.

    Attributes:
        signature: the `Signature`.
        arrays: its inputs by name, checked.
        in_rows: whether the answer is a list with an item for each row, or a tensor an output.
    """

    signature: Signature
    arrays: dict
    in_rows: bool = False

    @property
    def rows(self):
        """How many."""
        return len(next(iter(self.arrays.values())))

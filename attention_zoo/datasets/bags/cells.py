"""Cells of tables that users bring."""

_MISSING = ("nan", "na", "<na>")


def stripped(cell):
    """The text of a cell without blanks around it; "" where it is missing.

    Missing is what is empty, what a short row does not have (None), and what stands for it in
    tables of pandas (nan, <NA>) and R (NA), in capitals or not.
    """
    text = (cell or "").strip()
    return "" if text.lower() in _MISSING else text

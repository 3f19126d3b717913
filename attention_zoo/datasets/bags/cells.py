"""Cells of tables that users bring."""


def stripped(cell):
    """The text of a cell without blanks around it; "" where it is missing.

    Missing is what is empty, what a short row does not have (None), and nan, by which pandas writes
    what it does not know.
    """
    text = (cell or "").strip()
    return "" if text.lower() == "nan" else text

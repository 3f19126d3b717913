"""What an error says, in a line."""


def first_line(error):
    """The first line of an exception's text; the name of its class where it has none."""
    return (str(error) or type(error).__name__).splitlines()[0]

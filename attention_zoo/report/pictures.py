"""Pictures of a page, as data in it."""

import base64
import dataclasses
import io

import matplotlib

# Colours stay as drawn in print and in the light; the page inverts a plot's lightness in the dark.
PLOT, PHOTO = "plot", "photo"


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        uri: its data.
        alt: what it shows, in words.
        kind: `PLOT` or `PHOTO`.
        wide: whether it must not shrink to a phone's width, and scrolls there.
        title: to stand over it, or "".
    """

    uri: str
    alt: str
    kind: str = PLOT
    wide: bool = False
    title: str = ""


def plot(figure, alt, **options):
    """The `Picture` of a matplotlib figure, the same bytes for the same figure."""
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "attention_zoo"}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return Picture(data_uri("image/svg+xml", file.getvalue()), alt, **options)


def file_picture(path, alt, **options):
    """The `Picture` of a PNG file, or None where there is no such file."""
    if not path.is_file():
        return None
    return Picture(data_uri("image/png", path.read_bytes()), alt, **options)


def data_uri(media_type, data):
    """Bytes as an address that holds them."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"

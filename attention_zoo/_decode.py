"""Pictures out of the bytes of their files: decoded, turned upright, resized; all in the graph.

Which way is up is what the EXIF data say of how the camera was held. A JPEG file is a chain of
segments, of which the one marked APP1 may begin with "Exif"; a PNG file is a chain of chunks, of
which one may be called eXIf. Either holds a TIFF header and a directory of entries of 12 bytes;
that with the tag 0x0112 is the orientation, 1 to 8. What is damaged, cut short or of another kind
counts as upright.

A BMP file of 8 bits a pixel has numbers of entries in a palette, which TensorFlow takes for greys:
where they are none it counts as no picture.

There is no control flow in it: a `tf.while_loop` in `tf.data` can lock up with a thread that
destroys an iterator.

Reference: CIPA DC-008 (Exif 2.3), section 4.5; PNG 3, section 11.3.2.7; for
BMP, Windows' BITMAPINFOHEADER.
"""

import tensorflow as tf

HOPS = 12  # segments or chunks that are looked at: EXIF data stand near the beginning
COLOURS = 256  # of a palette, at most
ENTRIES = 128  # of a directory that are looked at; they are in the order of their tags


def decoded(data, size):
    """The picture of JPEG, PNG, GIF or BMP bytes as a viewer shows it, resized.

    Args:
        data: the bytes of a file, a string.
        size: height and width (h, w).

    Returns:
        float32 (h, w, 3), whole numbers from 0 to 255.
    """
    turn = orientation(data)
    data = tf.where(has_palette(data), "no picture", data)  # which TensorFlow then says
    return upright(lying(data, size, turn), turn, size)


def lying(data, size, turn=None):
    """The picture as it lies in its file, of the size that it has to have before it is turned.

    Of a file that `has_palette` these are no colours.

    Args:
        data, size: as of `decoded`.
        turn: its orientation; None where all sizes are square.

    Returns:
        float32 (h, w, 3), or (w, h, 3) where it lies on its side.
    """
    x = tf.io.decode_image(data, channels=3, expand_animations=False)
    h, w = size
    size = (h, w) if h == w else tf.where(turn >= 5, (w, h), (h, w))
    x = tf.image.resize(tf.ensure_shape(x, (None, None, 3)), size, antialias=True)
    return tf.clip_by_value(tf.round(x), 0.0, 255.0)


def upright(x, turn, size=(None, None)):
    """A picture as a viewer shows it.

    Args:
        x: (h, w, c), as it lies in its file.
        turn: its orientation, 1 to 8.
        size: the height and width that it has afterwards, as far as known.
    """
    channels = x.shape[2]
    x = tf.transpose(x, tf.where(turn >= 5, (1, 0, 2), (0, 1, 2)))
    flipped = [_among(turn, 3, 4, 7, 8), _among(turn, 2, 3, 6, 7)]  # upside down, left to right
    return tf.ensure_shape(tf.reverse(x, tf.boolean_mask([0, 1], flipped)), (*size, channels))


def orientation(data):
    """The orientation that the bytes of a picture name, int32 (): 1, upright, to 8."""
    is_jpeg = _is(data, 0, b"\xff\xd8\xff")
    found = _in_tiff(data, tf.where(is_jpeg, _in_jpeg(data), _in_png(data)))
    return tf.where((found >= 1) & (found <= 8), found, 1)


def head(data):
    """The bytes that `has_palette` looks at: of a BMP file header and palette."""
    return tf.strings.substr(data, 0, 14 + 124 + 4 * COLOURS)


def has_palette(data):
    """Whether these are a BMP file of 8 bits a pixel, but one whose entry i is the grey i.

    Args:
        data: the bytes of a file, or their `head`.
    """
    is_8_bit = _is(data, 0, b"BM") & tf.equal(_number(data, 28, 2, big=False), 8)
    is_compressed = tf.not_equal(_number(data, 30, 4, big=False), 0)
    count = _length(data, 46, big=False)
    count = tf.where(tf.equal(count, 0), COLOURS, count)
    start = 14 + _length(data, 14, big=False)  # of the palette: blue, green, red, 0 an entry
    block = tf.io.decode_raw(_bytes(data, start, 4 * COLOURS), tf.uint8, fixed_length=4 * COLOURS)
    entries = tf.cast(tf.reshape(block, (COLOURS, 4)), tf.int32)
    numbers = tf.range(COLOURS)[:, None]
    are_grey = tf.reduce_all(tf.equal(entries[:, :3], numbers) | (numbers >= count))
    return is_8_bit & (is_compressed | ~are_grey)


def _among(value, *values):
    return tf.reduce_any(tf.equal(value, values))


def _bytes(data, at, size):
    """These bytes, a string; shorter where the data end."""
    return tf.strings.substr(data, tf.clip_by_value(at, 0, tf.strings.length(data)), size)


def _is(data, at, text):
    """Whether these bytes stand there."""
    return tf.equal(_bytes(data, at, len(text)), text)


def _number(data, at, size, big=True):
    """An unsigned number of `size` bytes, most significant first or last; 0s beyond the end."""
    found = tf.io.decode_raw(_bytes(data, at, size), tf.uint8, fixed_length=size)
    found = tf.cast(found if big is True else tf.where(big, found, found[::-1]), tf.int32)
    return tf.reduce_sum(found * 256 ** tf.range(size - 1, -1, -1))


def _length(data, at, big=True):
    """A number of 4 bytes, none beyond the end of the data, so that no sum of them overflows."""
    return tf.clip_by_value(_number(data, at, 4, big), 0, tf.strings.length(data))


def _in_jpeg(data):
    """Where the TIFF header begins; the end of the data if there is none."""
    at, found = 2, tf.strings.length(data)
    for _ in range(HOPS):
        is_exif = _is(data, at, b"\xff\xe1") & _is(data, at + 4, b"Exif\0\0")
        found = tf.where(is_exif, tf.minimum(found, at + 10), found)
        marker = _number(data, at, 2)  # Exif stands among other applications' data and comments
        goes_on = tf.equal(marker // 16, 0xFFE) | tf.equal(marker, 0xFFFE)
        at = tf.where(goes_on, at + 2 + _number(data, at + 2, 2), tf.strings.length(data))
    return found


def _in_png(data):
    """Where the TIFF header begins; the end of the data if there is none."""
    at, found = 8, tf.strings.length(data)
    for _ in range(HOPS):
        found = tf.where(_is(data, at + 4, b"eXIf"), tf.minimum(found, at + 8), found)
        at = tf.minimum(at + 12 + _length(data, at), tf.strings.length(data))
    return tf.where(_is(data, 0, b"\x89PNG\r\n\x1a\n"), found, tf.strings.length(data))


def _in_tiff(data, start):
    """The orientation in the first directory; 0 if there is none."""
    big = _is(data, start, b"MM")
    directory = start + _length(data, start + 4, big)
    block = tf.io.decode_raw(
        _bytes(data, directory + 2, 12 * ENTRIES), tf.uint8, fixed_length=12 * ENTRIES
    )
    entries = tf.cast(tf.reshape(block, (ENTRIES, 12)), tf.int32)
    tags, values = (_short(entries[:, i], entries[:, i + 1], big) for i in (0, 8))
    there = tf.range(ENTRIES) < _number(data, directory, 2, big)
    return tf.reduce_max(tf.where(there & tf.equal(tags, 0x0112), values, 0))


def _short(first, second, big):
    """Numbers of 2 bytes."""
    return tf.where(big, 256 * first + second, first + 256 * second)

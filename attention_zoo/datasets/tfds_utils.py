"""Builders of `tensorflow_datasets` whose data is on disk, fetched if it may be."""


def prepared(builder, download, *, remedy=None):
    """The builder, its data prepared.

    Args:
        builder: A `tfds.core.DatasetBuilder`.
        download: Whether to fetch and prepare what is not there.
        remedy: What the error tells to do; None names the command that prepares the data.

    Raises:
        FileNotFoundError: The data is neither there nor to be had. ValueError: It is there, and
        not what it should be.
    """
    if builder.is_prepared():
        return builder
    if not download:
        raise FileNotFoundError(_missing(builder, "download=False", remedy))
    try:
        _download(builder)
    except ValueError:
        raise
    except Exception as error:  # what tfds raises of its own is neither OSError nor all public
        raise FileNotFoundError(_missing(builder, f"{type(error).__name__}", remedy)) from error
    return builder


def _download(builder):
    """Fetches and prepares a data set; fails at once, and writes nothing, without a network."""
    if not getattr(builder, "has_manual_files", False):
        import requests

        # Without a network download_and_prepare goes on trying for minutes.
        requests.head(next(iter(builder.url_infos)), timeout=10).raise_for_status()
    builder.download_and_prepare()


def _missing(builder, reason, remedy):
    command = (
        f"import tensorflow_datasets as tfds; "
        f"tfds.builder('{builder.name}', data_dir='{builder.data_dir_root}').download_and_prepare()"
    )
    remedy = remedy or f'prepare it with: python -c "{command}"'
    return (
        f"{builder.name} is not in {builder.data_dir} and was not downloaded ({reason}); {remedy}"
    )

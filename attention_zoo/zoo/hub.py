"""Presets on the Hugging Face Hub: `hf://user/name`, with or without `@revision`.

A repository holds the files of a preset's folder as they are, and its card as README.md. The
endpoint is that of the variable HF_ENDPOINT, the cache and the token are huggingface_hub's own.
"""

import contextlib
import os
import re
from pathlib import Path

from attention_zoo._errors import one_line
from attention_zoo._sums import SUMS
from attention_zoo.zoo.preset_folder import FILES, check

PREFIX = "hf://"
_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@(\S+))?")


def is_address(preset):
    """Whether a preset is named by its address on the hub."""
    return isinstance(preset, str) and preset.startswith(PREFIX)


def fetch(address):
    """The folder of a preset of the hub, in the cache; what is there already is not fetched again.

    Without a network it is the one that was fetched last.

    Args:
        address: "hf://user/name", or "hf://user/name@revision" for a branch, tag or commit.

    Raises:
        ValueError: no address, no such repository or revision, or one that may not be read.
        ConnectionError: the hub is not reached, and the preset is not in the cache.
        ImportError: huggingface_hub is not installed.
    """
    repository, revision = _parts(address)
    api = _api()
    with _failures(address, "fetched"):
        folder = api.snapshot_download(repository, revision=revision, allow_patterns=[*FILES, SUMS])
    return Path(folder)


def upload(folder, address, readme):
    """Puts the files of a preset, checked first, into a repository, as one commit.

    The repository is made, public, if it is not there. A revision must be a branch of it.

    Args:
        folder: of the preset.
        address: as of `fetch`.
        readme: Markdown for README.md; None leaves README.md alone.

    Returns:
        The address of the commit, "hf://user/name@commit".

    Raises:
        ValueError, ConnectionError, ImportError: as of `fetch`, a damaged preset among them.
    """
    repository, revision = _parts(address)
    names, api = sorted({*check(folder), SUMS}), _api()
    from huggingface_hub import CommitOperationAdd

    content = {name: (folder / name).read_bytes() for name in names}
    if readme is not None:
        content["README.md"] = readme.encode()
    with _failures(address, "uploaded"):
        api.create_repo(repository, exist_ok=True)
        commit = api.create_commit(
            repository,
            [CommitOperationAdd(name, data) for name, data in content.items()],
            commit_message=f"Preset {folder.name}",
            revision=revision,
        )
    return f"{PREFIX}{repository}@{commit.oid}"


def _parts(address):
    """(repository, revision or None) of an address."""
    match = _ADDRESS.fullmatch(str(address))
    if match is None:
        raise ValueError(
            f"preset is {str(address)!r}, expected hf://user/name or hf://user/name@revision"
        )
    return match.groups()


def _api():
    """The client of the hub."""
    try:
        from huggingface_hub import HfApi
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise ImportError(
            "presets of the hub need huggingface_hub, which is not installed, expected it: "
            "pip install 'attention-zoo[hub]'"
        ) from None
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="attention_zoo")


@contextlib.contextmanager
def _failures(address, done):
    """Has what the hub, its client and the network raise be an error of one line."""
    from huggingface_hub import errors

    try:
        yield
    except errors.RevisionNotFoundError:
        raise ValueError(
            f"preset {address!r} has no such revision, expected a branch, tag or commit"
        ) from None
    except errors.RepositoryNotFoundError:
        raise ValueError(
            f"preset {address!r} is not on the hub, expected a repository that you may "
            f"{'read' if done == 'fetched' else 'write to'}: if it is, set HF_TOKEN"
        ) from None
    except errors.LocalEntryNotFoundError:  # in the cache, where the hub is not reached
        raise ConnectionError(
            f"preset {address!r} is not in the cache and no hub answers, expected a network"
        ) from None
    except errors.HfHubHTTPError as error:
        raise ValueError(
            f"preset {address!r} cannot be {done} ({one_line(error)}), expected leave to: is "
            "HF_TOKEN set?"
        ) from error
    except Exception as error:  # of the HTTP client, which changed with huggingface_hub's versions
        raise ConnectionError(
            f"preset {address!r} cannot be {done} ({one_line(error)}), expected a hub that answers"
        ) from error

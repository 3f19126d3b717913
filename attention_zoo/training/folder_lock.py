"""FolderLock: one process at a time works in a folder."""

import os
import weakref

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"


class FolderLock:
    """Keeps other processes out of a folder, for as long as the object or its process lives.

    The system locks the open file `.lock` and frees it with the process, however that ends. To
    take the lock twice within one process, share the object: see `hold`. Where the system or the
    file system has no locks there is none.

    Args:
        folder: the folder, a `pathlib.Path`.

    Raises:
        BlockingIOError: another process holds it.
    """

    def __init__(self, folder):
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        weakref.finalize(self, os.close, descriptor)
        if fcntl is None:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a network file system without locks
            return


_held: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # by folder


def hold(folder):
    """The `FolderLock` of a folder, this process's own if it has one. It is held while kept."""
    folder = folder.resolve()
    lock = _held.get(folder)
    if lock is None:
        lock = _held[folder] = FolderLock(folder)
    return lock

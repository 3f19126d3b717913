"""Pages from templates, and files that are whole or not there."""

import os
import platform
import re
import urllib.parse
from pathlib import Path

import jinja2


def environment(*packages):
    """Templates of the packages' folders `templates`; all but Markdown escape what they are given.

    What a template names and is not given is an error. The filter `parts` says
    where a name may break.
    """
    found = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in packages]),
        autoescape=jinja2.select_autoescape(disabled_extensions=["md"], default=True),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["parts"] = parts
    return found


def parts(name):
    """The parts of a name, which may break after each.

    Between settings where it has some, "attention=soft,seed=0", else within one, "learning_rate".
    """
    joints = "/," if "=" in str(name) else "/,_"
    return re.findall(rf"[^{joints}]*[{joints}]+|[^{joints}]+", str(name))


PACKAGE = "attention_zoo.report"  # its base.html has the style
_TEMPLATES = environment(PACKAGE)


def render(template, **values):
    """The page of a template's file; all that `values` hold is escaped."""
    return _TEMPLATES.get_template(template).render(**values)


def relative_link(target, folder):
    """The address of a file, for a page in `folder`."""
    path = os.path.relpath(Path(target).resolve(), Path(folder).resolve())
    return "./" + urllib.parse.quote(Path(path).as_posix())


def write_whole(path, text):
    """Makes a text file under a temporary name and moves it into place."""
    writer = f"{platform.node()}-{os.getpid()}"  # a folder may be that of several machines
    temporary = path.with_name(f".writing-{writer}-{path.name}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            f"{path} cannot be written ({error.strerror or error}), expected a disk that takes it"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)

"""A server as a process of its own, on a model of digits mosaics."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile

SHAPE = (5, 8, 8, 1)  # of a row: five digits


@contextlib.contextmanager
def process(saved_model, *flags, **settings):
    """(process, port, file of its log) of a server; it is killed if it runs at the end."""
    command = [sys.executable, "-m", "attention_zoo.serving", f"--saved_model={saved_model}"]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3"} | os.environ
    with tempfile.TemporaryFile("w+") as log:
        found = subprocess.Popen(
            [*command, "--port=0", *flags],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            **settings,
        )
        with found:
            try:
                line = re.search(r":(\d+)/v1/", found.stdout.readline())
                yield found, int(line[1]) if line else 0, log
            finally:
                found.kill()


@contextlib.contextmanager
def server(saved_model, *flags):
    """The port of a server that runs while the context lasts; it must end with exit code 0."""
    with process(saved_model, *flags) as (found, port, log):
        try:
            yield port
        finally:
            found.terminate()
        if found.wait() != 0:
            log.seek(0)
            sys.exit(f"the server ended with {found.returncode}: {log.read()[-2000:]}")


def digits_model(folder):
    """Exports the preset of digits to a folder; returns its name."""
    import attention_zoo as az

    name = "sdc_digits_hybrid"
    az.export(az.FocusClassifier.from_preset(name), folder)
    return name

"""A server as a process of its own, on a model of digits mosaics."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile

SHAPE = (5, 8, 8, 1)  # of a row: five digits


@contextlib.contextmanager
def server(saved_model, *flags):
    """The port of a server that runs while the context lasts; it must end with exit code 0."""
    command = [sys.executable, "-m", "attention_zoo.serving", f"--saved_model={saved_model}"]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3"} | os.environ
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*command, "--port=0", *flags],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        with process:
            try:
                line = process.stdout.readline()
                yield int(re.search(r":(\d+)/v1/", line)[1])
            finally:
                process.terminate()
            if process.wait() != 0:
                log.seek(0)
                sys.exit(f"the server ended with {process.returncode}: {log.read()[-2000:]}")


def digits_model(folder):
    """Exports the preset of digits to a folder; returns its name."""
    import attention_zoo as az

    name = "sdc_digits_hybrid"
    az.export(az.FocusClassifier.from_preset(name), folder)
    return name

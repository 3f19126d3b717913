"""Contestants of a benchmark in processes of their own, which work only when asked."""

import subprocess
import sys
import time


class Worker:
    """A contestant: the same script, told by flags which one it is and where files go."""

    def __init__(self, name, folder):
        command = [sys.executable, *sys.argv, f"--worker={name}", f"--folder={folder}"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)
        self.ask("ready")

    def ask(self, word):
        print(word, file=self.process.stdin, flush=True)
        while not (answer := self.process.stdout.readline()).startswith("= "):
            if not answer:
                sys.exit("a worker ended")
        return float(answer[2:])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def answer(answers):
    """Answers words on the standard input until it ends.

    Args:
        answers: functions -> a number, by word.
    """
    answers = {"ready": lambda: 0.0} | answers
    for word in map(str.strip, sys.stdin):
        print(f"= {answers[word]()}", flush=True)


def timed(function):
    """Function -> the seconds that the given one takes."""

    def seconds():
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return seconds

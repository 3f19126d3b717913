"""`python -m attention_zoo.serving`."""

from attention_zoo.serving.main import COMMAND

if __name__ == "__main__":
    COMMAND.run()

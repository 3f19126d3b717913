"""`python -m attention_zoo.serving`."""

from attention_zoo.serving.main import run

if __name__ == "__main__":
    run()

"""Reports: one self-contained HTML page a run, and pages that lay runs side by side.

python -m attention_zoo.report RUN
python -m attention_zoo.report RUN RUN ... --output=compare.html

A page loads nothing: its pictures are in it, it has no scripts, and what it says of classes, posts
and settings is escaped.
"""

from attention_zoo.report.compare import compare
from attention_zoo.report.load import load
from attention_zoo.report.page import write
from attention_zoo.report.sweep import write_sweep

__all__ = ["compare", "load", "write", "write_sweep"]

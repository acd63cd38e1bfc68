"""The context, for those who leave it: into threads, processes and other services.

Its law: names only; `promptscribe.inject` and `promptscribe.extract` are the same.
"""

from promptscribe._capture.binding import propagate
from promptscribe._capture.propagation import extract, inject

__all__ = ["extract", "inject", "propagate"]

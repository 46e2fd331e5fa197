"""Conditions over readings: an allow-listed part of Python's grammar, with three-valued logic.

Nothing is evaluated by Python itself: the text is cut into known tokens, parsed to a tree, every node is
checked against a short list, and what remains becomes functions of columns. Unknown (a missing or NaN
reading, a division by zero) is never true and never an error.
"""

from __future__ import annotations

from mirante.alerts.expression.expression import Expression, Outcome

__all__ = ["Expression", "Outcome"]

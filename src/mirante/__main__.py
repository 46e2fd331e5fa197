"""The command ``mirante``, also as ``python -m mirante``."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command; Ctrl-C while it is still being loaded ends it without a traceback."""
    try:
        from mirante.cli import main as command  # takes most of the start
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    command(prog_name="mirante")


if __name__ == "__main__":
    main()

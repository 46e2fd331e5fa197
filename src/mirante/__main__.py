"""``python -m mirante`` is the command ``mirante``."""

from mirante.cli import main

main(prog_name="mirante")

"""Settings of the documentation: ``make docs``. It builds without a network."""

from __future__ import annotations

from sphinx.application import Sphinx

import mirante
from mirante.app.template import CONFIG_TEMPLATE

project = "Mirante"
author = "the authors of Mirante"
project_copyright = author
version = release = mirante.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Mirante {release}"
html_show_copyright = False
exclude_patterns = ["build"]

# names in docstrings are links where the name is in the reference, and plain text where it is not
default_role = "any"
suppress_warnings = ["ref.any"]
nitpicky = False

autodoc_typehints = "none"  # the docstrings name shape, unit and range, which says more
autodoc_member_order = "bysource"
autoclass_content = "class"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def put_in_template(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Put in the config that ``mirante init`` writes, so that the page cannot differ from it."""
    source[0] = source[0].replace("@CONFIG_TEMPLATE@", CONFIG_TEMPLATE.strip())


def setup(app: Sphinx) -> None:
    """Tell Sphinx."""
    app.connect("source-read", put_in_template)

"""Settings of the site, for Sphinx; what `site/` makes is made before the pages are read."""

import os
import sys
from pathlib import Path
from typing import Any

from quietscope.version import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "site"))
# What the gallery takes: short trainings, one core.
os.environ.setdefault("QUIETSCOPE_REDUCED", "site")
os.environ.setdefault("OMP_NUM_THREADS", "1")

project, author, copyright = "QuietScope", "the QuietScope authors", "the QuietScope authors"
release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]
html_theme = "furo"
html_title = f"QuietScope {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
# README.md is for who looks at the folder; the site has index.md.
exclude_patterns = ["_build", "README.md", "site"]
default_role = "literal"  # as docstrings have it: `name`
smartquotes = False  # --option is no dash
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_timeout = 1200
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_use_ivar = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True


def setup(app: Any) -> None:
    """Make what is made of the code, and mend what docstrings and Sphinx read differently."""
    import docstrings
    import notebooks
    import pages
    import pictures

    pages.write(HERE / "reference" / "made")
    notebooks.write(HERE.parent / "examples", HERE / "gallery" / "made")
    app.connect("autodoc-process-docstring", docstrings.mend)
    app.connect("autodoc-process-signature", docstrings.shorten)
    app.connect("doctree-resolved", pictures.describe)

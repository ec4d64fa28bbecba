"""Settings of Sphinx, which makes the site and the man pages. Pages from the program are written first."""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_ROOT))

from docs.tools.commands import command_pages  # noqa: E402 (it is found once the path is set)
from docs.tools.drawings import write_drawings  # noqa: E402
from docs.tools.pages import write_pages  # noqa: E402
from inception import __version__  # noqa: E402

write_pages(_ROOT / "docs/reference/commands")
write_drawings(_ROOT / "docs/_static/drawn")

project = "inception"
author = "inception contributors"
project_copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["tools", "reference/commands/*.inc"]
nitpicky = True
smartquotes_action = "q"  # Dashes and dots stay: two dashes begin an option.
# Types of annotations that have no page here: those of other packages, and our own that a reader meets as text.
nitpick_ignore_regex = [("py:.*", r"(?!inception\.(api|errors|chain\.level_clients|pytest_plugin)\b).*")]

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
copybutton_prompt_text = r"(?:\[\d/\d\] \S+:\S*)?[#$] "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"inception {release}"
html_static_path = ["_static"]
html_css_files = ["manual.css"]
html_show_sourcelink = False
html_copy_source = False

man_pages = [
    ("reference/man", "inception", "nest Docker engines to any depth", [], 1),
    *((f"reference/commands/{it.stem}", it.stem, it.summary, [], 1) for it in command_pages()),
]
man_show_urls = True


def setup(app: Sphinx) -> None:
    """Have the dash between a parameter and its meaning be one: Sphinx writes two, and options keep theirs."""
    app.connect("doctree-read", _dash_of_parameters)


def _dash_of_parameters(_app: Sphinx, page: nodes.document) -> None:
    for text in [it for it in page.findall(nodes.Text) if it == " -- "]:
        text.parent.replace(text, nodes.Text(" \N{EN DASH} "))

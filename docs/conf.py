"""Sphinx settings of the site; `make site` runs `pages.py` first, then Sphinx on what it wrote."""

import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402


def _folder(package: str) -> Path:
    """Where an installed package lies."""
    found = importlib.util.find_spec(package)
    assert found is not None and found.origin is not None, f"{package} is not installed"
    return Path(found.origin).parent


project = "Deep learning for computer vision"
project_copyright = "the course's authors; text and pictures CC BY 4.0, code BSD 3-Clause"
language = "en"
extensions = [
    "docstrings",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.githubpages",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_design",
]

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
myst_heading_slug_func = "pages.notebook_anchor"
myst_update_mathjax = False
autodoc_typehints = "signature"
napoleon_use_ivar = True
default_role = "py:obj"
python_use_unqualified_type_names = True
suppress_warnings = ["ref.python"]  # a word such as `images` names fields of several classes

# MathJax and Plotly are served from here: a page asks nothing of the network.
html_static_path = [
    str(HERE / "static"),
    str(_folder("sphinx-mathjax-offline") / "static"),
    str(_folder("plotly") / "package_data" / "plotly.min.js"),
]
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {
    "loader": {"load": ["a11y/assistive-mml"]},
    "options": {"enableMenu": False, "processHtmlClass": "math", "ignoreHtmlClass": ".*"},
}

html_theme = "pydata_sphinx_theme"
html_title = "Deep learning for computer vision"
html_favicon = "static/favicon.svg"
html_context = {"default_mode": "auto"}
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"index": []}
html_theme_options = {
    "collapse_navigation": True,
    "show_prev_next": False,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "icon_links": (
        [{"name": "Source", "url": pages.repository(), "icon": "fa-solid fa-code"}]
        if pages.repository()
        else []
    ),
}

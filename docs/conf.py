"""How Sphinx makes the site. `workbook/pages.py` puts the pages together before it starts.

Nothing is run and nothing is fetched: the notebooks are shown with the outputs that are stored in them, and the
finished pages ask for no file but their own.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from pygments.lexers.sql import PostgresLexer

project = "The event store workbook"
copyright = "the event store workbook contributors"
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
nitpicky = True
# Only names of our own are looked up: for those of others one would have to ask the network. The last
# ones are types that stand in signatures and have no entry of their own.
nitpick_ignore_regex = [
    (r"py:obj", r".*"),
    (r"py:.*", r"(?!eventstore|poker).*"),
    (r"py:class", r"eventstore\.replay\.State|poker\.ledger\.(HoleCards|Board|Discard|Shown)"),
]

nb_execution_mode = "off"
nb_merge_streams = True
myst_heading_anchors = 3

default_role = "py:obj"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_domain_indices = False
# Colours whose contrast suffices, by light and in the dark.
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"


def readable(app: Any, what: str, name: str, thing: Any, options: Any, signature: str, returns: str) -> Any:
    """A default such as `<factory>` is no Python: Sphinx would not understand the signature, and show it as it is."""
    shown = re.sub(r"<factory>|<function (\w+|<lambda>)>", "...", signature or "")
    return (shown, returns) if shown else None


def public_name(app: Any, env: Any, node: Any, shown: Any) -> Any:
    """Find `eventstore.events.DomainEvent`, as Python calls it, where it is documented: as `eventstore.DomainEvent`."""
    package, _, rest = node.get("reftarget", "").partition(".")
    name = rest.rpartition(".")[2]
    if package in ("eventstore", "poker") and name in importlib.import_module(package).__all__:
        domain = env.domains["py"]
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", f"{package}.{name}", node, shown)
    return None


def heading_levels(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The theme's captions in the list of pages are headings, but do not say of which level."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app: Any) -> None:
    app.add_lexer("sql", PostgresLexer)  # which knows $$, as the other one does not
    app.connect("autodoc-process-signature", readable)
    app.connect("missing-reference", public_name)
    app.connect("html-page-context", heading_levels, priority=900)  # after the theme has made the list

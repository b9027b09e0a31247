"""What the report's page and the index share: templates, style and script."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """Return the template environment; everything that is put into a page is escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {
        "sort_keys": False,
        "ensure_ascii": False,
        "separators": (",", ":"),
    }
    return made


def assets(style: str, script: str) -> dict[str, Any]:
    """Return a page's style and script, and the hash by which the page's policy lets this script
    run and no other."""
    code = (TEMPLATES / script).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    # Both files are the project's own.
    return {
        "style": Markup((TEMPLATES / style).read_text(encoding="utf-8")),  # noqa: S704
        "script": Markup(code),  # noqa: S704
        "script_hash": digest,
    }

"""Reading what our markup shows in an AppTest."""

import json


def shown(app) -> str:
    """All of our markup on the page."""
    return "\n".join(json.loads(element.proto.json).get("html", "") for element in app.get("bidi_component"))


def part(app, key: str) -> str:
    """The markup at one place."""
    found = [element for element in app.get("bidi_component") if element.key == key]
    return json.loads(found[0].proto.json)["html"] if found else ""

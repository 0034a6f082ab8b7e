"""Keep items out of recommendations: python scripts/hide_items.py SKU … [--reason WHY] [--show] [--workspace NAME]

Without items: lists what is hidden, why, by whom and when. It takes effect with the next list that is made.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from engine.errors import counted
from engine.hiding import Hiding
from engine.settings import load_settings, person
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Hide, show or list items."""
    made = parser(__doc__)
    made.add_argument("items", nargs="*", metavar="SKU")
    made.add_argument("--reason", default="", metavar="WHY", help="kept beside the item")
    made.add_argument("--show", action="store_true", help="let them be recommended again")
    made.add_argument("--who", default=None, metavar="NAME", help="who decides (default: you)")
    arguments = made.parse_args(argv)
    hiding = Hiding(find_workspace(load_settings().home, chosen_workspace(arguments.workspace)))
    who = arguments.who or person()
    if arguments.items and arguments.show:
        hiding.show(arguments.items, who=who)
    elif arguments.items:
        hiding.hide(arguments.items, who=who, reason=arguments.reason)
    hidden = hiding.current()
    print(f"{counted(len(hidden), 'item')} hidden")
    for item in hidden:
        print(f"  {item.item_id:<20} {item.decided[:10]} by {item.who}" + (f": {item.reason}" if item.reason else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())

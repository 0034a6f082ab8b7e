"""Keys of the service: python scripts/api_keys.py [--add NAME --scopes read events metrics | --withdraw ID]

Without an option: lists the keys that work. A new key is shown once, only its hash is kept. One that is withdrawn opens
nothing after ten seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from engine.errors import MissingExtraError, counted
from engine.settings import load_database_url, load_settings
from engine.workspace import find_workspace
from scripts.cli import chosen_workspace, parser, run


@run
def main(argv: Sequence[str] | None = None) -> int:
    """Make, withdraw or list keys."""
    made = parser(__doc__)
    made.add_argument("--add", metavar="NAME", help="whom the new key is for")
    made.add_argument("--scopes", nargs="+", default=["read"], metavar="SCOPE", help="read, events, metrics")
    made.add_argument("--withdraw", metavar="ID", help="the part of a key between its two underscores")
    arguments = made.parse_args(argv)
    if find_spec("sqlalchemy") is None:
        raise MissingExtraError("The service", "sqlalchemy", "ops")
    from engine.serve.keys import Keys
    from engine.serve.storage import Database, database_url

    workspace = find_workspace(load_settings().home, chosen_workspace(arguments.workspace))
    database = Database(database_url(workspace.path, load_database_url()))
    database.create()
    keys = Keys(database, remember=0)
    if arguments.withdraw:
        keys.withdraw(arguments.withdraw)
    if arguments.add:
        print(keys.make(arguments.add, arguments.scopes))
    else:
        working = keys.list()
        print(counted(len(working), "key"))
        for caller in working:
            print(f"  {caller.key_id}  {caller.name}: {', '.join(sorted(caller.scopes))}")
    database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

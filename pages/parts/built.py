"""What is built in a workspace and what is not, with the exact command for each."""

from engine.workspace import Workspace
from pages.parts import cache
from pages.parts.markup import html, icon, join, show


def show_built(workspace: Workspace) -> None:
    """Tables, taggers and runs."""
    from engine.schema import TABLES

    stored = workspace.tables
    rows = []
    for name, table in TABLES.items():
        info = stored.get(name)
        rows.append(
            _row(
                name,
                table.about,
                f"{info.rows:,} rows" if info else "",
                info.written[:16].replace("T", " ") if info else "",
                "" if info else workspace.import_command,
            )
        )
    trained = cache.taggers(workspace)
    for name in ("prior", "linear"):
        tagger = trained.get(name)
        rows.append(
            _row(
                f"tagger {name}",
                "",
                tagger.version if tagger else "",
                tagger.card.created[:16].replace("T", " ") if tagger else "",
                "" if tagger else cache.TRAIN_COMMAND.format(workspace=workspace.name, model=name),
            )
        )
    head = "<th></th><th>What</th><th>State</th><th>When (UTC)</th>"
    table = html(
        '<div class="sw-scroll"><table class="sw-table"><thead><tr>'
        + head
        + "</tr></thead><tbody>{}</tbody></table></div>",
        join(rows),
    )
    show(
        html(
            '<div class="sw-section"><h2>What is built</h2><p>What is missing has the command that makes it</p></div>{}',
            table,
        ),
        key="built",
    )


def _row(name: str, about: str, state: str, when: str, command: str) -> object:
    mark = icon("check_circle", "built") if not command else icon("radio_button_unchecked", "not built")
    return html(
        "<tr><td>{}</td><td><b>{}</b> <span class='sw-quiet'>{}</span></td><td>{}</td><td class='sw-num'>{}</td></tr>",
        mark,
        name,
        about,
        html("<code>{}</code>", command) if command else state,
        when,
    )

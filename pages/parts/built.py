"""What is built in a workspace and what is not, with the exact command for each; runs with their headline figure."""

from markupsafe import Markup

from engine.errors import ShelfwiseError, counted
from engine.schema import TABLES
from engine.tags.predictor import train_command
from engine.tags.registry import TAGGERS
from engine.workspace import Workspace
from pages.parts import cache, compare, links
from pages.parts.markup import html, icon, join, show

_TITLE = '<div class="sw-section"><h2>{}</h2><p>{}</p></div>'
_TABLE = '<div class="sw-scroll"><table class="sw-table"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'


def show_built(workspace: Workspace) -> None:
    """Tables and taggers: rows or version and when, or else the command that makes them."""
    rows = [_table(workspace, name) for name, table in TABLES.items() if table.usual or name in workspace.tables]
    found = cache.taggers(workspace)
    rows += [_tagger(workspace, name, found.whole.get(name), found.damaged.get(name)) for name in TAGGERS.parts]
    head = html('<th></th><th>What</th><th>State</th><th class="sw-when">When (UTC)</th>')
    title = html(_TITLE, "What is built", "What is missing has the command that makes it")
    show(html("{}{}", title, html(_TABLE, head, join(rows))), key="built")


def show_runs(workspace: Workspace) -> None:
    """The newest run of each tagger: its micro-F1, and in words how far it is from the prior's."""
    lines = cache.tag_runs(workspace)
    if not lines:
        return
    head = html('<th>Run</th><th class="sw-r">Micro-F1</th><th>Beside the prior</th><th class="sw-r">SKUs</th>')
    body = join(
        html(
            '<tr><td><b>{}</b> <span class="sw-quiet">{}</span></td><td class="sw-r"><b>{:.3f}</b></td><td>{}</td>'
            '<td class="sw-r"><a class="sw-link" href="{}">{:,}</a></td></tr>',
            line.model,
            line.id,
            line.figure,
            _beside(line),
            links.link(rows=f"run:{line.id}"),
            line.rows,
        )
        for line in lines
    )
    said = "Each tagger's newest run on its held-out SKUs; the number of SKUs opens to what was predicted for each"
    show(html("{}{}", html(_TITLE, "How well the taggers do", said), html(_TABLE, head, body)), key="runs")


def _beside(line: cache.RunLine) -> Markup:
    if line.better is None:
        return html('<span class="sw-quiet">{}</span>', line.words)
    return compare.badge("up" if line.better > 0 else "down" if line.better < 0 else "same", line.words)


def _table(workspace: Workspace, name: str) -> Markup:
    info = workspace.tables.get(name)
    if info is None:
        return _row(name, TABLES[name].about, command=workspace.import_command)
    return _row(name, TABLES[name].about, state=counted(info.rows, "row"), when=info.written)


def _tagger(workspace: Workspace, name: str, tagger: cache.Tagger | None, error: ShelfwiseError | None) -> Markup:
    about, command = TAGGERS.parts[name].about, train_command(workspace, name)
    if error is not None:
        return _row(f"{name} tagger", str(error), command=command, mark=icon("error", "damaged"))
    if tagger is None:
        return _row(f"{name} tagger", about, command=command)
    if not tagger.current:
        stale = icon("history", "outdated")
        return _row(f"{name} tagger", "learned from tables that have changed since", command=command, mark=stale)
    return _row(f"{name} tagger", about, state=f"version {tagger.version}", when=tagger.card.created)


def _row(
    name: str, about: str, *, state: str = "", when: str = "", command: str = "", mark: Markup | None = None
) -> Markup:
    plain = icon("radio_button_unchecked", "not built") if command else icon("check_circle", "built")
    return html(
        '<tr><td>{}</td><td><b>{}</b> <span class="sw-quiet">{}</span></td><td>{}</td>'
        '<td class="sw-num sw-when">{}</td></tr>',
        mark or plain,
        name,
        about,
        html("<code>{}</code>", command) if command else state,
        when[:16].replace("T", " "),
    )

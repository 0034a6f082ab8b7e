"""The members side by side: what each reaches on test, how well its chances hold, how train was balanced."""

from functools import partial

import pandas as pd
from markupsafe import Markup

from engine.errors import counted
from engine.figures import Spec, sourced
from engine.metrics.definitions import definition
from engine.metrics.significance import PairedDifference
from engine.rank.plots import calibration
from engine.rank.registry import RANKERS
from engine.ranking.cache import ENSEMBLE
from engine.ranking.decisions import BASE
from engine.ranking.lines import METRICS, Figure, Line, digits
from engine.ranking.opening import Counts
from pages.parts import compare, links, picture, ranking_cache
from pages.parts.charts import meter, percent
from pages.parts.markup import html, icon, join, show
from pages.parts.ranking_room import Room, label, section, table

_HEADS = {"ndcg@5": "NDCG@5", "auc": "AUC", "log_loss": "Log loss", "ece": "Calibration error"}
OF_CANDIDATES = ("log_loss", "ece")  # means over candidates; the others are means over lists


def show_members(room: Room) -> None:
    """What the ensemble reaches, its members beside it, and what they learned from."""
    lines = ranking_cache.lines(room.opened)
    show(_tiles(room), key="tiles")
    show(_verdict(room, lines), key="verdict")
    show(_figures(room, lines), key="figures")
    show(_reliability(room), key="reliability")
    name = links.get("by", ENSEMBLE)
    picture.save(partial(_pictured, room, name), name=f"{room.workspace.name}-{name}-chances", key="picture-chances")
    show(_balance(room), key="balance")


def _tiles(room: Room) -> Markup:
    lists, found = room.lab.lists, int(room.lab.lists.known.sum())
    wanted = int(lists.sought.sum())
    tiles = (
        (len(lists), "lists of test", "users with something wanted", links.link(rows="lists")),
        (
            len(lists.items),
            "candidates",
            f"{len(lists.items) / max(len(lists), 1):.0f} a list",
            links.link(rows="lists"),
        ),
        (
            found,
            "wanted candidates",
            f"{percent(found / max(wanted, 1))} of {wanted:,} wanted SKUs",
            links.link(rows="wanted"),
        ),
        (wanted - found, "lost before ranking", "no ranker can help there", links.link(rows="lost")),
    )
    return html(
        '<div class="sw-tiles">{}</div>',
        join(
            html('<a class="sw-tile" href="{}"><b>{:,}</b><span>{}</span><small>{}</small></a>', to, n, name, said)
            for n, name, said, to in tiles
        ),
    )


def _verdict(room: Room, lines: list[Line]) -> Markup:
    """The ensemble beside its best member and the baseline, in words."""
    whole = next(line for line in lines if line.name == ENSEMBLE)
    rows = join(
        html("<li>{} <span>{} <b>{}</b>: NDCG@5 {}.</span></li>", *_judged(found), room.label(other), found.words())
        for other, found in whole.beside.items()
    )
    return html('<div class="sw-verdict"><h3>The ensemble</h3><ul class="sw-compared">{}</ul></div>', rows)


def _judged(found: PairedDifference) -> tuple[Markup, str]:
    if not found.clear:
        return compare.badge("same", "no clear difference"), "Beside"
    return (compare.badge("up", "better"), "Than") if found.difference > 0 else (compare.badge("down", "worse"), "Than")


def _figures(room: Room, lines: list[Line]) -> Markup:
    singles = [name for name in lines[0].beside if name != BASE] or [
        name for line in lines for name in line.beside if name != BASE
    ]
    best = singles[0] if singles else ""
    heads = [html("<th>Ranker</th>"), html('<th class="sw-r">Weight</th>')]
    heads += [html('<th class="sw-r" title="{}">{}</th>', _about(metric), _HEADS[metric]) for metric in METRICS]
    heads += [html('<th class="sw-r">µs a candidate</th>')]
    heads += [html("<th>Beside {}</th>", room.label(name)) for name in (BASE, best) if name]
    rows = join(_row(room, line, best) for line in lines)
    said = (
        "On the same lists, best first; below each figure its 95 % interval over lists. The last columns are of NDCG@5"
    )
    note = html('<ul class="sw-compared">{}</ul>', _absent(room))
    return html("{}{}{}", section("Members side by side", said), table(join(heads), rows, "sw-figures"), note)


def _absent(room: Room) -> Markup:
    """The members that have no weight or weren't trained, each with why; and the command that trains the others."""
    opening, ensemble = room.opened.opening, room.lab.panel.ensemble
    said = [(name, f"has no weight: {why}") for name, why in ensemble.off.items()]
    said += [(name, f"was left out: {why}") for name, why in opening.card.config["left_out"].items()]
    said += [(name, f"can’t be opened here: {why}") for name, why in opening.missing.items()]
    lines = [
        html("<li>{} <span><b>{}</b> {}.</span></li>", icon("block"), label(name), why.removesuffix("."))
        for name, why in said
    ]
    known = {*ensemble.members, *(name for name, _ in said)}
    others = [name for name in RANKERS.parts if name not in known]
    if others:
        names = " and ".join(label(name) for name in others)
        chosen = ",".join([*ensemble.members, others[0]])
        command = f"{ranking_cache.command(room.workspace)} --set ensemble.members={chosen}"
        text = "Not in this ensemble: {}. This trains it with {}, in minutes: <code>{}</code>"
        lines.append(html("<li>{} <span>{}</span></li>", icon("add"), html(text, names, label(others[0]), command)))
    return join(lines)


def _about(metric: str) -> str:
    found = definition(metric)
    return "" if found is None else f"{found.about} {'Higher' if found.higher_is_better else 'Lower'} is better."


def _row(room: Room, line: Line, best: str) -> Markup:
    weight = room.lab.panel.weights.get(line.name)
    micros = room.opened.opening.micros.get(line.name)
    cells = [html("<td><b>{}</b></td>", room.label(line.name))]
    cells += [html('<td class="sw-r">{}</td>', "" if weight is None else percent(weight))]
    cells += [_figure(line.figures.get(metric), metric, line.name) for metric in METRICS]
    cells += [html('<td class="sw-r">{}</td>', "" if micros is None else f"{micros:,.1f}")]
    cells += [_beside(line, other) for other in (BASE, best) if other]
    return html('<tr class="{}">{}</tr>', "sw-whole" if line.name == ENSEMBLE else "", join(cells))


def _figure(found: Figure | None, metric: str, name: str) -> Markup:
    if found is None:
        return html('<td class="sw-r sw-quiet">–</td>')
    return html(
        '<td class="sw-r"><a class="sw-link" href="{}">{:.{}f}</a><small>{:.{}f} to {:.{}f}</small></td>',
        links.link(rows=f"{'chances' if metric in OF_CANDIDATES else 'ranker'}:{name}"),
        *(part for value in (found.value, found.low, found.high) for part in (value, digits(metric))),
    )


def _beside(line: Line, other: str) -> Markup:
    found = line.beside.get(other)
    if found is None:
        return html('<td class="sw-quiet">{}</td>', "the baseline" if line.name == BASE else "the best member")
    where = ("up" if found.difference > 0 else "down") if found.clear else "same"
    number, _, counts = found.words().partition("), ")
    return html("<td>{}<small>{}</small></td>", compare.badge(where, f"{number})"), counts)


def _reliability(room: Room) -> Markup:
    """Chances that a ranker gives, beside how often they came true."""
    names = [name for name in room.lab.names if name != BASE]
    chosen = links.get("by", ENSEMBLE)
    chips = join(
        html(
            '<a class="sw-chip {}" href="{}"{}>{}</a>',
            "sw-on" if name == chosen else "",
            links.link(by=None if name == ENSEMBLE else name),
            Markup(' aria-current="true"') if name == chosen else "",
            label(name),
        )
        for name in names
    )
    bins = ranking_cache.reliability(room.opened, chosen)
    longest = max((max(one.said, one.wanted) for one in bins), default=1.0) or 1.0
    rows = join(
        html(
            '<a class="sw-bar sw-said-so" href="{}" aria-label="{}, open the candidates"><span>{}</span>{}'
            '<span class="sw-num">{} <small>of {:,}</small></span></a>',
            links.link(rows=f"bin:{chosen}:{number}"),
            f"said {percent(one.said)}, came true {percent(one.wanted)}",
            f"said {_chance(one.said)}",
            meter(one.wanted / longest, mark=one.said / longest),
            _chance(one.wanted),
            one.n,
        )
        for number, one in enumerate(bins)
    )
    said = "Candidates in parts of like chance: the bar is the share that was wanted, the line what the ranker had said"
    nav = html('<nav class="sw-chips sw-ask" aria-label="Rankers">{}</nav>', chips)
    return html('{}{}<div class="sw-bars">{}</div>', section("Do chances hold?", said), nav, rows)


def _pictured(room: Room, name: str) -> Spec:
    """The chances that a ranker gives, as a picture."""
    bins = ranking_cache.reliability(room.opened, name)
    rows = pd.DataFrame({"member": label(name), "said": one.said, "wanted": one.wanted, "n": one.n} for one in bins)
    card = room.opened.opening.card
    return sourced(calibration(rows), picture.source(room.workspace, f"ensemble {card.version}"))


def _chance(share: float) -> str:
    """A small chance to two digits, where whole per cents would all be 0."""
    return f"{100 * share:.2g} %" if share < 0.1 else percent(share)


def _balance(room: Room) -> Markup:
    """How many candidates of train were wanted, before and after balancing."""
    found, n_lists = room.opened.opening.balance, len(room.opened.opening.train)
    most = max(found.before.total, found.after.total, 1)
    rows = join(
        html(
            '<tr><td>{}</td><td class="sw-r"><a class="sw-link" href="{}">{:,}</a></td><td class="sw-r">{:,}</td>'
            '<td class="sw-wide-cell">{}</td><td class="sw-r">{}</td></tr>',
            name,
            links.link(rows="train"),
            part.wanted,
            part.others,
            meter(part.total / most, mark=None) if not part.total else _shares(part, most),
            percent(part.wanted / max(part.total, 1)),
        )
        for name, part in (("Before", found.before), ("After", found.after))
    )
    head = html(
        '<th>Train</th><th class="sw-r">Wanted</th><th class="sw-r">Others</th><th></th>'
        '<th class="sw-r">Share wanted</th>'
    )
    said = f"{counted(n_lists, 'list')} of train; valid and test stay as they are"
    note = html('<p class="sw-note">{} {}</p>', icon("balance"), found.note)
    return html("{}{}{}", section("Class balance", said), table(head, rows, "sw-figures"), note)


def _shares(part: Counts, most: int) -> Markup:
    return html(
        '<span class="sw-track sw-two" style="width:{:.1f}%"><i class="sw-fill" style="width:{:.2f}%"></i></span>',
        100 * part.total / most,
        100 * part.wanted / max(part.total, 1),
    )

"""What the members go by: the importance of each feature, and how far the members agree on it and on orders."""

from functools import partial

import pandas as pd
from markupsafe import Markup

from engine.figures import Spec, sourced
from engine.rank.plots import importance
from pages.parts import export, links, picture, ranking_cache
from pages.parts.charts import meter, percent
from pages.parts.markup import html, join, show
from pages.parts.ranking_export import stamped
from pages.parts.ranking_room import Room, feature_label, label, section, table

SHOWN = 15


def show_features(room: Room) -> None:
    """Importances beside each other, then agreement."""
    shares = room.lab.importances
    if shares.empty:
        said = "None of the members reads features."
        show(html("{}", section("Feature importance", said)), key="importance")
    else:
        _show_importances(room, shares)
    found = ranking_cache.agreement(room.opened)
    show(_agreements(found.importance, found.orders), key="agreement")


def _show_importances(room: Room, shares: pd.DataFrame) -> None:
    shown = shares if links.get("all") else shares.head(SHOWN)
    most = float(shares.to_numpy().max()) or 1.0
    about = {column.name: column.about for column in room.lab.lists.columns}
    head = html("<th>Feature</th>{}", join(html('<th class="sw-r">{}</th>', label(name)) for name in shares))
    body = join(_feature(name, row, about.get(str(name), ""), most) for name, row in shown.iterrows())
    rest = float(shares.iloc[len(shown) :].sum().mean())
    more = (
        html(
            '<p class="sw-note"><a class="sw-link" href="{}">Show all {:,}</a>; the others carry {} together.</p>',
            links.link(all=1),
            len(shares),
            percent(rest),
        )
        if len(shown) < len(shares)
        else ""
    )
    said = (
        "Shares of each member’s own importance: what its trees gain by splitting on a feature. One opens to its values"
    )
    show(
        html("{}{}{}", section("Feature importance", said), table(head, body, "sw-breakdown sw-shares"), more),
        key="importance",
    )
    name = f"{room.workspace.name}-importance"
    picture.save(partial(_pictured, room, shares), name=name, key="picture-importance")
    export.button("Export", lambda: stamped(room, _frame(shares, about)), name=name, key="export-importance")


def _pictured(room: Room, shares: pd.DataFrame) -> Spec:
    """The importances as a picture: those of the first features, as everywhere."""
    rows = shares.rename(index=feature_label, columns=label).rename_axis("feature").reset_index()
    long = rows.melt(id_vars="feature", var_name="member", value_name="share").dropna()
    return sourced(importance(long), picture.source(room.workspace, f"ensemble {room.opened.opening.card.version}"))


def _frame(shares: pd.DataFrame, about: dict[str, str]) -> pd.DataFrame:
    frame = shares.rename_axis("feature").reset_index()
    return frame.assign(about=[about.get(name, "") for name in frame["feature"]])


def _feature(name: object, row: pd.Series, about: str, most: float) -> Markup:
    cells = join(
        html(
            '<td><span class="sw-share">{}<span class="sw-num">{}</span></span></td>',
            meter(share / most),
            percent(share),
        )
        for share in row
    )
    return html(
        '<tr><td><a class="sw-link" href="{}">{}</a><small>{}</small></td>{}</tr>',
        links.link(rows=f"feature:{name}"),
        feature_label(str(name)),
        about,
        cells,
    )


def _agreements(importance: pd.DataFrame, orders: pd.DataFrame) -> Markup:
    parts = []
    if len(importance) > 1:
        said = "Spearman’s rank correlation of the features’ importance: 1 the same order, 0 none, -1 the reverse"
        parts.append(html("{}{}", section("Agreement on what matters", said), _matrix(importance)))
    if len(orders) > 1:
        said = (
            "The mean over lists of the rank correlation between two members’ orders of the candidates. Members that "
            "agree everywhere add nothing to each other"
        )
        way = html(
            '<p class="sw-note"><a class="sw-link" href="{}">Lists on which they agree least</a></p>',
            links.link(see="decision", ask="disagree", all=None),
        )
        parts.append(html("{}{}{}", section("Agreement on orders", said), _matrix(orders), way))
    return join(parts)


def _matrix(values: pd.DataFrame) -> Markup:
    head = html("<th></th>{}", join(html('<th class="sw-r">{}</th>', label(name)) for name in values))
    body = join(
        html("<tr><td><b>{}</b></td>{}</tr>", label(str(name)), join(_cell(value) for value in row))
        for name, row in values.iterrows()
    )
    return table(head, body, "sw-breakdown sw-matrix")


def _cell(value: float) -> Markup:
    if value != value:
        return html('<td class="sw-r sw-quiet">can’t be told</td>')
    return html(
        '<td class="sw-r"><span class="sw-tint" style="--much:{:.0f}%">{:.2f}</span></td>', 100 * max(value, 0), value
    )

"""Shelfwise in the browser: the list of pages, the workspace picker and the frame around errors.

`streamlit run app.py` imports this file once as a server and then runs it once per view.
"""

import streamlit as st

from pages.parts import links, shell, states


def main() -> None:
    """One view: the page that the address names, with what surrounds it."""
    st.set_page_config(page_title="Shelfwise", page_icon=shell.MARK, layout="wide")
    overview = st.Page(
        links.PAGES[""],
        title="Overview",
        icon=":material/dashboard:",
        default=True,
        help="What is in this workspace, what is built and what isn't. Every number opens to its rows.",
    )
    explorer = st.Page(
        links.PAGES["sku"],
        title="SKU explorer",
        icon=":material/search:",
        url_path="sku",
        help="Find a SKU, read its reviews, see its predicted tags and the sentences behind each.",
    )
    review = st.Page(
        links.PAGES["review"],
        title="Tag review",
        icon=":material/rate_review:",
        url_path="review",
        help="Confirm or reject predicted tags, one at a time with its evidence. Decisions can train the next tagger.",
    )
    search = st.Page(
        links.PAGES["search"],
        title="Product search",
        icon=":material/manage_search:",
        url_path="search",
        help="What shoppers find and why: the words, sentences and scores of a hit. Judge hits; compare retrievers.",
    )
    recommend = st.Page(
        links.PAGES["recommend"],
        title="Recommendations",
        icon=":material/recommend:",
        url_path="recommend",
        help="What each user is shown and why, why not another SKU, and what would change; who is shown a SKU.",
    )
    rank = st.Page(
        links.PAGES["rank"],
        title="Ranking lab",
        icon=":material/format_list_numbered:",
        url_path="rank",
        help="The ensemble beside its members, other weights tried, and why one candidate is above another.",
    )
    rescue = st.Page(
        links.PAGES["rescue"],
        title="Rescue queue",
        icon=":material/healing:",
        url_path="rescue",
        help="What to mend today, by how many people it touches: SKUs nobody is shown, vain searches, disputed tags.",
    )
    metrics = st.Page(
        links.PAGES["metrics"],
        title="Metrics",
        icon=":material/monitoring:",
        url_path="metrics",
        help="How well tags, search, recommendations and ranking work, by curve and slice, down to the rows.",
    )
    compare = st.Page(
        links.PAGES["compare"],
        title="Compare",
        icon=":material/compare_arrows:",
        url_path="compare",
        help="Runs beside a baseline: curves, differences with intervals and verdicts, and the rows that flipped.",
    )
    leaks = st.Page(
        links.PAGES["leaks"],
        title="Leak map",
        icon=":material/water_drop:",
        url_path="leaks",
        help="Which stage lost each wanted item of a search or a recommendation, and what mends it.",
    )
    runs = st.Page(
        links.PAGES["runs"],
        title="Runs",
        icon=":material/history:",
        url_path="runs",
        help="Every run with its notes, and every version of every artifact: which serves, and letting another serve.",
    )
    tour = st.Page(
        links.PAGES["tour"],
        title="Tour",
        icon=":material/tour:",
        url_path="tour",
        help="Five stories on this workspace's own data, with notes for who presents them.",
    )
    page = st.navigation(
        {
            "Shelf": [overview, explorer, review, search, recommend, rank, rescue],
            "Measure": [metrics, compare, leaks, runs],
            "Show": [tour],
        }
    )
    shell.start(page.url_path)
    with states.frame():
        shell.workspace_picker()
        page.run()
        shell.trust_strip(shell.workspace())


if __name__ == "__main__":
    main()
else:
    shell.declare_pages()
    app = st.App(__file__)

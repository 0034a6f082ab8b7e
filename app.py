"""Shelfwise in the browser: the list of pages, the workspace picker and the frame around errors.

`streamlit run app.py` imports this file once as a server and then runs it once per view.
"""

import streamlit as st

from pages.parts import links, shell, states

PAGES = {  # by section: address, title, icon, what it is for
    "Shelf": (
        (
            "",
            "Overview",
            "dashboard",
            "What is in this workspace, what is built and what isn't. Every number opens to its rows.",
        ),
        (
            "sku",
            "SKU explorer",
            "search",
            "Find a SKU, read its reviews, see its predicted tags and the sentences behind each.",
        ),
        (
            "review",
            "Tag review",
            "rate_review",
            "Confirm or reject predicted tags, one at a time with its evidence. Decisions can train the next tagger.",
        ),
        (
            "search",
            "Product search",
            "manage_search",
            "What shoppers find and why: the words, sentences and scores of a hit. Judge hits; compare retrievers.",
        ),
        (
            "recommend",
            "Recommendations",
            "recommend",
            "What each user is shown and why, why not another SKU, and what would change; who is shown a SKU.",
        ),
        (
            "rank",
            "Ranking lab",
            "format_list_numbered",
            "The ensemble beside its members, other weights tried, and why one candidate is above another.",
        ),
        (
            "rescue",
            "Rescue queue",
            "healing",
            "What to mend today, by how many people it touches: SKUs nobody is shown, vain searches, disputed tags.",
        ),
    ),
    "Measure": (
        (
            "metrics",
            "Metrics",
            "monitoring",
            "How well tags, search, recommendations and ranking work, by curve and slice, down to the rows.",
        ),
        (
            "compare",
            "Compare",
            "compare_arrows",
            "Runs beside a baseline: curves, differences with intervals and verdicts, and the rows that flipped.",
        ),
        (
            "leaks",
            "Leak map",
            "water_drop",
            "Which stage lost each wanted item of a search or a recommendation, and what mends it.",
        ),
        (
            "runs",
            "Runs",
            "history",
            "Every run with its notes, and every version of every artifact: which serves, and letting another serve.",
        ),
        (
            "service",
            "Service",
            "monitor_heart",
            "Whether the service runs, how fast and well it answers, what users do with it, and what trains it anew.",
        ),
    ),
    "Show": (("tour", "Tour", "tour", "Five stories on this workspace's own data, with notes for who presents them."),),
}


def main() -> None:
    """One view: the page that the address names, with what surrounds it."""
    st.set_page_config(page_title="Shelfwise", page_icon=shell.MARK, layout="wide")
    page = st.navigation({section: [_page(*one) for one in pages] for section, pages in PAGES.items()}, expanded=True)
    shell.start(page.url_path)
    with states.frame():
        shell.workspace_picker()
        page.run()
        shell.trust_strip(shell.workspace())


def _page(address: str, title: str, icon: str, about: str) -> object:
    """One line of PAGES for Streamlit; the page at the empty address is the one that opens."""
    named = {"url_path": address} if address else {"default": True}
    return st.Page(links.PAGES[address], title=title, icon=f":material/{icon}:", help=about, **named)


if __name__ == "__main__":
    main()
else:
    shell.declare_pages()
    app = st.App(__file__)

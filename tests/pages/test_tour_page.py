"""The tour: stories with links into the app, and notes only for who asks."""

import re

from conftest import run
from reading import part

TOUR = "pages/views/tour.py"


def test_stories_link_into_the_app_and_hide_their_notes(shop):
    stories = part(run(TOUR, {}), "stories")
    assert stories.count("<section") == 5 and "co_present" not in stories
    assert re.search(r'href="\./sku\?workspace=demo&amp;sku=SK-\d+&amp;tag=warm"', stories)
    assert "./recommend?workspace=demo&amp;user=new+visitor&amp;see=what-if" in stories
    assert part(run(TOUR, {"see": "1"}), "stories").count("co_present") == 5


def test_the_toggle_shows_the_notes(shop):
    app = run(TOUR, {})
    app.toggle[0].set_value(True).run()
    assert part(app, "stories").count("co_present") == 5

"""The rescue queue on screen: tasks with their fix, marks that are kept, and what isn't built."""

from conftest import run
from reading import part, shown

from engine.asked import Asked
from engine.handled import Handled

RESCUE = "pages/views/rescue_queue.py"


def test_tasks_have_their_gain_and_a_way_to_their_fix(shop):
    for _ in range(4):
        Asked(shop).note("<b>nothing</b> like it", found=0, weak=False)
    app = run(RESCUE, {"ask": "no answer"})
    line = part(app, "line-no answer: <b>nothing</b> like it")
    assert ">4</b>" in line and "asked 4 times; 4 found nothing" in line
    assert "./search?workspace=demo&amp;q=%3Cb%3Enothing" in line and "<b>nothing" not in shown(app)
    assert "Queries that find nothing <b>1</b>" in part(app, "kinds")


def test_a_task_is_marked_and_taken_back(shop):
    Asked(shop).note("nothing", found=0, weak=False)
    app = run(RESCUE, {"ask": "no answer"})
    app.button(key="mark-no answer: nothing").click().run()
    assert "no answer: nothing" in Handled(shop).current() and "Marked as handled" in part(app, "said")
    app = run(RESCUE, {"see": "handled"})
    assert "handled by" in part(app, "line-no answer: nothing")
    app.button(key="mark-no answer: nothing").click().run()
    assert Handled(shop).current() == {}


def test_what_is_not_built_is_said_with_its_command(shop):
    app = run(RESCUE, {})
    assert "Not looked at" in shown(app)
    assert any("scripts/train_recommender.py --workspace demo" in code.value for code in app.code)
    assert "Nothing to do here" in shown(run(RESCUE, {"ask": "disputed"}))

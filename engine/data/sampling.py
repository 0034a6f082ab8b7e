"""The tag pipeline's sample: at most n review rows per good type, then only SKUs with enough of them."""

from __future__ import annotations

from engine.data.base import ImportReport
from engine.data.staging import Stage
from engine.errors import SettingsError, counted


def sample_reviews(stage: Stage, report: ImportReport, *, rows: int | None, min_reviews: int | None, seed: int) -> None:
    """Drop all but `rows` random reviews of each category, then every SKU left with fewer than `min_reviews` (1).

    Which reviews stay follows from `seed` and their ids alone, not from the order of files. SKUs without a review left
    go too, with their rows in other tables. Raises SettingsError when there are no reviews to sample.
    """
    if "reviews" not in stage.tables or "items" not in stage.tables:
        raise SettingsError(
            "Sampling needs reviews, and this source brings none; leave out --sample and --min-reviews."
        )
    if rows is not None:
        stage.query(
            """CREATE TABLE chosen AS
               SELECT unnest(arg_min(reviews._row, md5(? || review_id), ?)) AS _row
               FROM alive_reviews AS reviews LEFT JOIN alive_items AS items USING (item_id) GROUP BY category""",
            f"{seed}:",
            rows,
        )
        dropped = stage.drop("reviews", "SELECT _row FROM alive_reviews ANTI JOIN chosen USING (_row)")
        report.notes.append(
            f"sample of at most {rows:,} reviews per category, seed {seed}: {counted(dropped, 'review')} left out"
        )
    least = min_reviews or 1
    stage.query(
        "CREATE TABLE sampled AS SELECT item_id FROM alive_reviews GROUP BY item_id HAVING count(*) >= ?", least
    )
    rest = "SELECT _row FROM alive_{table} ANTI JOIN sampled USING (item_id)"
    few = {table: stage.drop(table, rest.format(table=table)) for table in stage.tables}
    if min_reviews is not None or few["items"]:
        skus, reviews = counted(few["items"], "SKU"), counted(few["reviews"], "review")
        report.notes.append(f"{skus} with fewer than {counted(least, 'review')} left out, with {reviews}")

"""The table of datasets in README.md says what the cards say."""

from har.cli.listing import list_datasets
from har.paths import project_root


def test_the_table_is_that_of_the_cards():
    text = (project_root() / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- datasets -->")[2].partition("<!-- datasets end -->")[0]
    rows = [line.strip("| ").split(" | ") for line in table.strip().splitlines()[2:]]
    assert rows == [_row(dataset) for dataset in list_datasets()]


def _row(dataset):
    size = dataset["size"]
    kind = {"pose3d": "3D", "pose2d": "2D", "video": "video"}[dataset["modality"]]
    clips = size.get("clips") or size.get("videos")
    return [
        f"[{dataset['title']}](datasets/{dataset['name']}/card.yaml)",
        f"`{dataset['name']}`",
        f"{kind} {dataset['layout'] or ''}".strip(),
        f"{clips:,}" if clips else "?",
        str(size.get("subjects", "?")),
        str(dataset["classes"]),
        dataset["licence"],
    ]

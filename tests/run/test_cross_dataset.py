"""One model for the generated clips and for a user's own dataset with coarser labels."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from run_helper import TINY, make_config, read_results

from har.config.compose import compose, to_plain
from har.data.cards import load_card
from har.data.store_writer import write_store
from har.errors import CheckpointError, ConfigError, HarError
from har.run import evaluate, train
from har.run.assemble import assemble, open_store
from har.run.checkpoints import CheckpointFiles, make_record, read_checkpoint
from har.run.exports.bundle import export
from har.samples import Clip
from har.skeleton.convert import conversion
from har.skeleton.layout import load_layout

COARSE = {"walk": 0, "stagger": 0, "drink": 2, "wave": 2}
CARD = {
    "name": "clinic",
    "modality": "pose3d",
    "layout": "kinect20",
    "unit": "m",
    "fps": 20,
    "labels": ["on foot", "down", "something else", "no idea"],
    "adapter": "generic",
    "protocols": {
        "people": {"train": {"subject": ["s01", "s02", "s04"]}, "test": {"subject": ["s03"]}}
    },
}
MAPPING = """
reasons: {unclear: Nobody could tell}
labels:
  - {id: 0, label: on foot, narrow: [walking, staggering]}
  - {id: 1, label: down, exact: [falling]}
  - {id: 2, label: something else, narrow: [drinking, waving]}
  - {id: 3, label: no idea, unmapped: unclear}
"""


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> Path:
    """Return the folder of the dataset: the generated clips, told in three words."""
    folder = tmp_path_factory.mktemp("own") / "clinic"
    folder.mkdir()
    (folder / "dataset.yaml").write_text(yaml.safe_dump(CARD))
    (folder / "mapping.yaml").write_text(MAPPING)
    store = open_store(load_card("synthetic_home"), make_config()["data"])
    recipe = conversion(load_layout(store.layout), load_layout("kinect20"))

    def convert(row: int) -> Clip:
        clip = store.clip(row)
        name = store.labels[clip.record.label]
        label = COARSE.get(name, 1 if "fall" in name else 3)
        joints, confidence = recipe.apply(clip.joints, clip.confidence)
        record = replace(clip.record, dataset="clinic", layout="kinect20", label=label)
        return Clip(record, joints, confidence)

    description = replace(
        store.meta.description,
        dataset="clinic",
        layout="kinect20",
        joint_count=20,
        labels=tuple(CARD["labels"]),
        adapter="generic",
    )
    write_store(folder / "store", description, (convert(row) for row in range(len(store))))
    return folder


def config(clinic: Path, *overrides: str) -> dict:
    paths = f"card: {clinic / 'dataset.yaml'}, store: {clinic / 'store'}"
    own = f"{{{paths}, protocol: {{name: people}}}}"
    sizes = [word for word in TINY if not word.startswith(("experiment", "data.adapter"))]
    first = ["~data.sources.nwucla", "~data.sources.utd_mhad", f"+data.sources.clinic={own}"]
    generated = "data.sources.synthetic_home.adapter_options.clips=80"
    held_out = "+data.sources.synthetic_home.protocol.validation={count: 1}"
    words = ["experiment=cross_dataset", *first, *sizes, generated, held_out, *overrides]
    return to_plain(compose([*words, "model.backbone.base_channels=8", "trainer.max_epochs=2"]))


@pytest.fixture(scope="module")
def shared(clinic):
    return train(config(clinic, "name=shared"))


@pytest.mark.slow
def test_each_dataset_has_results_of_its_own(shared):
    results = read_results(shared.folder)
    assert set(results["datasets"]) == {"synthetic_home", "clinic"}
    assert results["datasets"]["synthetic_home"]["metrics"]["classes"] == 20
    own = results["datasets"]["clinic"]
    assert own["metrics"]["classes"] == 3
    assert set(own["uncovered"]) == {"no idea"}
    clips = results["split"]["clinic"]["test"]["clips"]
    assert own["metrics"]["clips"] + own["uncovered"]["no idea"] == clips
    assert results["dataset_name"] == "synthetic_home+clinic"
    tops = [part["metrics"]["top1"] for part in results["datasets"].values()]
    assert results["top1"] == pytest.approx(sum(tops) / 2)
    assert own["taxonomy"]["falls"]["fall_or_fallen"]["true_positives"] >= 0


def test_pictures_and_predictions_lie_by_dataset(shared):
    for dataset in ("synthetic_home", "clinic"):
        for name in ("predictions.parquet", "confusion_matrix.png", "model_card.md", "skipped.csv"):
            assert (shared.folder / dataset / name).exists(), (dataset, name)
    assert "clinic" in (shared.folder / "clinic" / "model_card.md").read_text()


@pytest.mark.slow
def test_the_checkpoint_alone_gives_the_same_numbers(shared, tmp_path):
    again = evaluate(shared.folder / "checkpoints/best.ckpt", out=tmp_path / "again")
    assert again.results["metrics"] == shared.results["metrics"]
    assert again.results["datasets"] == json.loads(json.dumps(shared.results["datasets"]))


def test_a_checkpoint_of_another_taxonomy_is_refused(shared, tmp_path):
    content = read_checkpoint(shared.folder / "checkpoints/best.ckpt")
    content["har"]["outputs"][0] = "juggling"
    CheckpointFiles().save_checkpoint(content, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="the taxonomy and its mappings gave other outputs"):
        evaluate(tmp_path / "other.ckpt")


def test_clips_that_nobody_could_tell_do_not_train(clinic, capsys):
    experiment = assemble(config(clinic), make_record({}))
    untaught = experiment.store.labels.index("clinic/no idea")
    assert untaught not in experiment.store.index.label[experiment.split.train]
    assert "clips are left out, because no concept stands for their label: clinic/no idea" in (
        capsys.readouterr().out
    )


@pytest.mark.slow
def test_a_dataset_left_out_of_training_only_tests(clinic):
    run = train(config(clinic, "name=left_out", "protocol.leave_out=clinic"))
    parts = run.results["split"]["clinic"]
    assert parts["train"]["clips"] == 0
    assert parts["test"]["clips"] > 0
    names = [row["name"] for row in run.results["datasets"]["clinic"]["per_class"]]
    assert names == ["on foot", "down", "something else"]
    assert run.results["left_out"] == "clinic"


@pytest.mark.slow
def test_a_head_for_each_dataset(clinic):
    run = train(config(clinic, "name=heads", "labels=separate", "trainer.max_epochs=1"))
    assert run.results["datasets"]["clinic"]["metrics"]["classes"] == 4


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("protocol.leave_out=clinik",), "no such source. Did you mean 'clinic'"),
        (("labels=own",), "2 datasets have no labels in common"),
        (("labels=separate", "protocol.leave_out=clinic"), "clinic is left out of training"),
        (("loss=cross_entropy",), "choose loss=marginalised"),
        (("data.card=nwucla",), "both sources and a card"),
        (("data.layout=kinect21",), "Did you mean 'kinect20'"),
        (("data.sources.clinic.protocol.name=peple",), "Did you mean 'people'"),
    ],
)
def test_what_does_not_fit_is_told(clinic, overrides, message):
    with pytest.raises(HarError, match=message):
        assemble(config(clinic, *overrides), make_record({}))


def test_a_typo_in_a_source_is_told_with_its_path(clinic):
    with pytest.raises(
        ConfigError, match=r"data\.sources\.clinic\.stor: no such key.*'store'|stor"
    ):
        config(clinic, "+data.sources.clinic.stor=x")


def test_a_source_is_named_after_its_dataset(clinic):
    plain = config(clinic)
    plain["data"]["sources"]["hospital"] = plain["data"]["sources"].pop("clinic")
    with pytest.raises(ConfigError, match="hospital is the dataset clinic: name it so"):
        assemble(plain, make_record({}))


def test_export_gives_concepts_or_the_labels_of_one_dataset(shared, tmp_path):
    ckpt = shared.folder / "checkpoints" / "best.ckpt"
    concepts = export(ckpt, tmp_path / "concepts", clips=8).manifest
    assert all(label["leaves"] for label in concepts["labels"])
    own = export(ckpt, tmp_path / "clinic", clips=8, labels="clinic").manifest
    assert [label["name"] for label in own["labels"]] == CARD["labels"][:3]
    assert own["labels"][1]["risk"] == "urgent"
    assert own["parity"]["max_difference"] <= 1e-4
    with pytest.raises(ConfigError, match="labels=ward: the model knows"):
        export(ckpt, tmp_path / "ward", labels="ward")

import pytest
from edge_bundle import facts, read_manifest, write_bundle, write_manifest

from har.edge.bundle import BundleError, load_bundle
from har.edge.engine import ClipModel, StepModel


@pytest.fixture
def folder(tmp_path):
    return write_bundle(tmp_path / "bundle")


def change(folder, edit):
    manifest = read_manifest(folder)
    edit(manifest)
    write_manifest(folder, manifest)


def test_a_good_bundle_is_read(folder):
    bundle = load_bundle(folder)
    assert bundle.joints == ("pelvis", "head", "left_hand")
    assert bundle.edges == ((0, 1), (1, 2))
    assert bundle.labels[1].leaves == {"fall_forward"}
    assert bundle.window_s == 0.4


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda m: m.update(schema_version=9), "schema version 9, this runtime reads 1"),
        (lambda m: m["model"].update(opset=11), "model.opset is 11: not 17 to 23"),
        (lambda m: m["model"].update(kind="magic"), "model.kind is 'magic'"),
        (lambda m: m["model"].update(kind="video"), "this runtime runs models of poses"),
        (lambda m: m["model"].update(in_place=["state.x"]), "in_place names 'state.x'"),
        (lambda m: m["labels"].pop(), "there are 2 labels"),
        (lambda m: m["labels"][0].update(risk="high"), "upright has risk 'high'"),
        (lambda m: m["labels"][0].update(name="fall"), "a name comes twice"),
        (lambda m: m["labels"][0].pop("name"), "each needs a name"),
        (lambda m: m["layout"]["joints"].append("tail"), "the layout 4 joints"),
        (lambda m: m["layout"]["edges"].append(["head", "foot"]), "must be pairs of joints"),
        (lambda m: m.pop("fps"), "lacks, or has of a wrong type: fps"),
        (lambda m: m.update(fps=0), "fps is 0"),
        (lambda m: m["window"].update(frames="all"), "window.frames is 'all'"),
        (lambda m: m["files"].update({"../x": {"sha256": "", "bytes": 0}}), "'../x' is a path"),
        (lambda m: m["files"].update({"/etc/x": {"sha256": "", "bytes": 0}}), "is a path"),
        (lambda m: m["model"].update(file="../model.onnx"), "is not among the files"),
        (lambda m: m["files"].update({"gone": {"sha256": "", "bytes": 0}}), "lacks gone"),
    ],
)
def test_a_wrong_bundle_is_refused(folder, edit, told):
    change(folder, edit)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert told in str(caught.value)


def test_a_changed_file_is_refused(folder):
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BundleError, match="not the file that was exported"):
        load_bundle(folder)


def test_a_link_in_place_of_a_file_is_refused(folder, tmp_path):
    (folder / "model.onnx").rename(tmp_path / "elsewhere.onnx")
    (folder / "model.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(BundleError, match="or it is a link"):
        load_bundle(folder)


def test_what_is_no_bundle_is_told(tmp_path, folder):
    with pytest.raises(BundleError, match="is no bundle"):
        load_bundle(tmp_path)
    (folder / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(folder)
    (folder / "bundle.json").write_text("[]")
    with pytest.raises(BundleError, match="must be a JSON object"):
        load_bundle(folder)


def test_a_graph_that_is_none_and_a_provider_that_is_not_there(folder):
    (folder / "model.onnx").write_bytes(b"no graph")
    change(folder, lambda m: m["files"].update({"model.onnx": facts(folder / "model.onnx")}))
    bundle = load_bundle(folder)
    with pytest.raises(BundleError, match="cannot load"):
        ClipModel(bundle)
    with pytest.raises(BundleError, match="has no MagicProvider here"):
        ClipModel(bundle, providers=("MagicProvider",))
    with pytest.raises(BundleError, match="of kind clip, not step"):
        StepModel(bundle)

"""An experiment on videos, from files to run folder, and a probe on its features."""

import numpy as np
import pytest
from run_helper import read_results

from har.config.compose import compose, to_plain
from har.data.cards import load_card
from har.data.video_prepare import prepare_videos
from har.errors import ConfigError, StoreError
from har.run import train
from har.run.evaluating import evaluate
from har.run.video_features import extract_features

av = pytest.importorskip("av", reason="needs har[video]")
pytest.importorskip("timm", reason="needs har[video]")
HEADER = "File Name,Length (seconds),Time of Recording,Attire,Description, Classes\n"


def write_video(path, shade):
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(20):
            frame = np.full((48, 64, 3), shade + 3 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    raw = tmp_path_factory.mktemp("raw")
    for subject in (1, 2):
        place = raw / f"Subject {subject}"
        for number in (1, 2):
            write_video(place / "ADL" / f"0{number}.mp4", 40 * number)
        (place / "ADL.csv").write_text(
            HEADER
            + "01.mp4,02,Day,Shirt,Sits,Sitting[0 to 1]; Falling (BW)[1 to 2]\n"
            + "02.mp4,02,Day,Shirt,Walks,Walking[0 to 1]; Sitting[1 to 2]\n"
        )
    out = tmp_path_factory.mktemp("stores") / "gmdcsa24"
    prepare_videos(load_card("gmdcsa24"), raw, out, {"short_edge": 32}, progress=False)
    return out


def make_config(store, *overrides):
    return to_plain(
        compose(
            [
                "experiment=gmdcsa24_video",
                "model/backbone=tsn",
                "protocol.fold='1'",
                f"data.store={store}",
                "data.video.size=32",
                "data.batch_size=2",
                "data.repeat=1",
                "sampling.frames=2",
                "trainer.max_epochs=1",
                "trainer.accelerator=cpu",
                "trainer.progress_bar=false",
                "evaluation.bootstrap=0",
                "evaluation.examples=1",
                *overrides,
            ]
        )
    )


@pytest.mark.slow
def test_train_and_evaluate_leave_a_run_folder(store):
    run = train(make_config(store))
    results = read_results(run.folder)
    assert results["split"]["test"]["subjects"] == ["1"]
    assert results["split"]["test"]["clips"] == 4
    assert list((run.folder / "examples").rglob("*.png"))
    again = evaluate(run.folder / "checkpoints" / "last.ckpt")
    assert again.results["top1"] == results["top1"]


@pytest.mark.slow
def test_a_probe_trains_on_features(store, tmp_path):
    shape = extract_features(make_config(store), tmp_path / "features")
    assert shape[0] == 8
    config = make_config(store, f"data.video.features={tmp_path / 'features'}")
    assert read_results(train(config).folder)["cost"]["parameters"] < 10_000
    other = make_config(store, f"data.video.features={tmp_path / 'none'}")
    with pytest.raises(StoreError, match="Make them with: har features"):
        train(other)


def test_parts_for_joints_are_refused_together(store):
    config = make_config(store, "stream=joint", "mixing=mixup")
    with pytest.raises(ConfigError, match=r"(?s)stream\.names are made of joints.*mixing mixes"):
        train(config)

"""What is measured of a cell, on hand-made curves and records."""

import sys

import pytest

from har.benchmark import peers
from har.benchmark.clocks import read_clocks
from har.benchmark.faults import by_corruption, mean_corruption_error
from har.benchmark.peers import Peer, PeerBackbone, check_peer
from har.benchmark.target import cost_to_target
from har.errors import ConfigError
from har.skeleton.layout import load_layout

CURVE = """epoch,train/seconds,train/top1,val/top1
0,10,0.5,0.4
1,20,0.9,0.7
2,30,0.99,0.85
"""


def test_cost_to_a_target_counts_whole_epochs_of_the_validation_curve(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(CURVE)
    found = cost_to_target(path, 0.6, joules=600.0)
    assert found["part"] == "val"
    assert (found["epochs"], found["seconds"], found["joules"]) == (2, 30.0, 300.0)
    missed = cost_to_target(path, 0.9)
    assert missed["reached"] is False
    assert missed["seconds"] is missed["joules"] is None
    assert missed["best"] == 0.85


def test_without_validation_the_target_is_looked_for_in_training(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(CURVE.replace("val/top1", "val/none"))
    found = cost_to_target(path, 0.9)
    assert (found["part"], found["epochs"], found["joules"]) == ("train", 2, None)


def test_mean_corruption_error_is_over_that_of_the_baseline():
    base = [{"joint_jitter": 0.5, "frame_rate": 0.8}]
    own = [{"joint_jitter": 0.75, "frame_rate": 0.6}]
    assert mean_corruption_error(own, base) == pytest.approx((0.5 + 2.0) / 2)
    assert mean_corruption_error(base, base) == pytest.approx(1.0)
    assert mean_corruption_error(own, [{"joint_jitter": 0.5}]) is None
    assert mean_corruption_error([], base) is None


def test_accuracy_by_corruption_is_the_mean_over_datasets():
    tested = {
        name: {"by_corruption": {"scale": {"top1": top1}}}
        for name, top1 in (("a", 0.2), ("b", 0.6))
    }
    assert by_corruption({"robustness": {"datasets": tested}}) == {"scale": pytest.approx(0.4)}
    assert by_corruption({}) == {}


def test_clocks_are_read_where_the_system_tells_them(tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text("cpu MHz : 2000.0\ncpu MHz : 3000.0\nmodel name : x\n")
    assert read_clocks(told)["cpu_mhz"] == {"lowest": 2000.0, "median": 2500.0, "highest": 3000.0}
    assert read_clocks(tmp_path / "none")["cpu_mhz"] is None


def test_a_peer_that_is_not_there_tells_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(peers.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv(peers.FOLDER_VARIABLE, raising=False)
    peers.load_mmaction2.cache_clear()
    with pytest.raises(ConfigError, match=r"mmaction2 is not installed.*set HAR_PEERS to its"):
        check_peer(Peer("mmaction2", "stgcnpp"))
    monkeypatch.setenv(peers.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ConfigError, match=f"no package mmaction in {tmp_path}"):
        PeerBackbone(load_layout("ntu25"))
    with pytest.raises(ConfigError, match=r"model.backbone.model=stgcnp: .*Did you mean"):
        PeerBackbone(load_layout("ntu25"), model="stgcnp")
    assert check_peer(None) is None
    assert "mmaction.models" not in sys.modules

"""The record of the picture, and its metrics."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import pytest

from drills import live_picture
from drills.journal import Entry
from drills.traffic import EventKind
from foundation.errors import UserError
from tests.support.pictures import ADDRESSES, EAST, WEST, answering, told
from topology import metrics, recording
from topology.history import History
from topology.picture import picture


def recorded(folder: Path, count: int = 3) -> Path:
    """A record of some pictures, with an event in the second and in the third."""
    history, file = History("west"), folder / live_picture.FILE
    history.add(picture(answering(99.0, 1, 1), 99.0), [told(98.0, EventKind.FAULT)])
    recorder = recording.Recorder(file)
    for number in range(count):
        kind = [EventKind.FAULT, EventKind.FIX][number % 2]
        events = [told(100.0 + number, kind)] if number else []
        recorder.add(
            history.add(picture(answering(101.0 + number, 50, 50), 101.0 + number), events)
        )
    recorder.close()
    return file


def test_a_record_has_each_event_once_and_none_from_before(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in recorded(tmp_path).read_text().splitlines()]
    assert [line["at"] for line in lines] == [101.0, 102.0, 103.0]
    assert [[e["kind"] for e in line["events"]] for line in lines] == [[], ["mended"], ["struck"]]
    assert all("points" not in line for line in lines)


def test_what_is_recorded_is_what_a_page_that_looks_live_is_told(tmp_path: Path) -> None:
    history = History("west")
    first = history.add(picture(answering(101.0, 50, 50), 101.0))
    second = history.add(picture(answering(102.0, 70, 30), 102.0), [told(101.5, EventKind.FAULT)])
    recorder = recording.Recorder(tmp_path / "x.jsonl")
    recorder.add(first)
    recorder.add(second)
    recorder.close()
    written = json.loads((tmp_path / "x.jsonl").read_text().splitlines()[1])
    assert json.loads(json.dumps(recording.news(second, 0))) == written


def test_the_page_of_a_record_holds_it_whole(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    text = recording.write_page(file).read_text()
    packed = text.partition('id="record">')[2].partition("<")[0]
    assert gzip.decompress(base64.b64decode(packed)).decode() == file.read_text()
    assert recording.text(tmp_path) == file.read_text()


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    whole = file.read_text()
    file.write_text(whole + '{"at": 104.0, "clus')
    assert recording.text(file) == whole
    file.write_text('{"at": 99.0, "clus' + '{"at": 99.5}\n' + whole)  # a disk was full for a while
    assert recording.text(file) == whole


@pytest.mark.parametrize("text", [None, "", "no JSON\n", '{"type": "header"}\n', "[]\n", "1\n"])
def test_what_is_no_record_is_said(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / live_picture.FILE
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=live_picture.FILE):
        recording.text(tmp_path)


def test_a_record_is_never_written_over(tmp_path: Path) -> None:
    file = recorded(tmp_path)
    with pytest.raises(UserError, match="choose another"):
        recording.Recorder(file)


DASHBOARD = Path(recording.__file__).parent / "grafana.json"


def exported() -> str:
    gateway = answering(101.0, 60, 40)
    gateway[0].latencies = {EAST: 0.004}
    found = History("west").add(
        picture(gateway, 101.5), broken=[Entry("workload-gone", EAST, 100.0)]
    )
    return metrics.exposition(lambda: found, lambda: gateway)().decode()


def test_metrics_say_states_shares_silence_and_counts() -> None:
    text = exported()
    for line in (
        f'topology_cluster_state{{cluster="{EAST}",topology_cluster_state="serving"}} 1.0',
        f'topology_cluster_share_ratio{{cluster="{EAST}"}} 0.6',
        f'topology_cluster_due_share_ratio{{cluster="{WEST}"}} 0.5',
        f'topology_cluster_latency_p99_seconds{{cluster="{EAST}"}} 0.004',
        f'topology_proxy_silence_seconds{{cluster="{EAST}",pod="g"}} 0.5',
        f'topology_fault_in_force{{cluster="{EAST}",fault="workload-gone"}} 1.0',
        f'topology_link_requests_total{{address="{ADDRESSES[EAST]}",destination="{EAST}",'
        'pod="edge-1",source="corp-edge"} 60.0',
    ):
        assert line in text


def test_every_metric_of_the_dashboard_is_exported() -> None:
    used = set(re.findall(r"topology_[a-z0-9_]+", DASHBOARD.read_text()))
    names = set(re.findall(r"^(topology_[a-z0-9_]+)", exported(), re.MULTILINE))
    assert len(used) >= 5 and used <= names

"""The order of stopping."""

from penstockctl.cluster.process_spec import ProcessSpec, stop_waves
from penstockctl.gates import GrpcServing
from penstockctl.spawn import Command


def spec(name: str, *after: str) -> ProcessSpec:
    return ProcessSpec(name, Command(("true",)), GrpcServing("unix:/none"), after)


def test_who_waits_for_others_is_stopped_before_them_and_equals_together() -> None:
    specs = [
        spec("postgres"),
        spec("valkey"),
        spec("authsvc", "postgres", "valkey"),
        spec("configsvc", "postgres"),
        spec("edge", "authsvc", "configsvc"),
        spec("upstream"),
    ]
    assert stop_waves(specs) == [("edge",), ("authsvc", "configsvc"), ("postgres", "valkey", "upstream")]


def test_nothing_needs_no_wave() -> None:
    assert stop_waves([]) == []

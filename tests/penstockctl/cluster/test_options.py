"""What follows from an operator's choices."""

from pathlib import Path

from penstockctl.cluster.options import ClusterOptions


def test_a_gateway_with_certificates_is_spoken_to_over_https() -> None:
    assert ClusterOptions(Path("/data")).edge_scheme == "http"
    assert ClusterOptions(Path("/data"), tls_certificates="a.crt", tls_keys="a.key").edge_scheme == "https"

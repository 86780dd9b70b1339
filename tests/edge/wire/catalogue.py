"""All cases by family, and the ids under which tests run them."""

from tests.edge.wire.case import Case
from tests.edge.wire.cases import (
    bodies,
    chunks,
    codings,
    expectations,
    fields,
    hops,
    hosts,
    identities,
    lengths,
    lines,
    paths,
    pipelines,
    sizes,
    targets,
    trailers,
    upgrades,
)

FAMILIES: dict[str, tuple[Case, ...]] = {
    "codings": codings.CASES,
    "lengths": lengths.CASES,
    "bodies": bodies.CASES,
    "chunks": chunks.CASES,
    "trailers": trailers.CASES,
    "fields": fields.CASES,
    "sizes": sizes.CASES,
    "hosts": hosts.CASES,
    "targets": targets.CASES,
    "paths": paths.CASES,
    "lines": lines.CASES,
    "hops": hops.CASES,
    "upgrades": upgrades.CASES,
    "expectations": expectations.CASES,
    "identities": identities.CASES,
    "pipelines": pipelines.CASES,
}
CASES = tuple(case for cases in FAMILIES.values() for case in cases)
IDS = tuple(f"{family}: {case.name}" for family, cases in FAMILIES.items() for case in cases)

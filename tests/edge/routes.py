"""Routes for tests: made one by one, and generated for the router and for who explains it."""

from dataclasses import replace

from hypothesis import strategies as st

from edge.routing import Route, Service, Target, Timeouts

SERVICE = Service("upstream", (Target("127.0.0.1", 9001),))


def route(name: str, prefix: str, **conditions: object) -> Route:
    return Route(name, prefix, SERVICE, Timeouts(), **conditions)  # type: ignore[arg-type]


segments = st.sampled_from(["a", "b", "ab"])
paths = st.lists(segments, max_size=3).map(lambda parts: "/" + "/".join(parts))
methods = st.sampled_from(["GET", "POST", "PUT"])
hosts = st.sampled_from(["x.test", "a.x.test", "b.a.x.test", "y.test"])
fields = st.dictionaries(st.sampled_from([b"p", b"q"]), st.sampled_from([b"1", b"2"]), max_size=2)


def generated(prefixes: st.SearchStrategy[str], hosts: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[Route]]:
    """Up to twelve routes, named by their place."""
    each = st.builds(
        lambda prefix, methods, hosts, headers: route(
            "r", prefix, methods=methods, hosts=tuple(hosts), headers=tuple(sorted(headers.items()))
        ),
        prefixes,
        st.frozensets(methods, max_size=2),
        hosts,
        fields,
    )
    return st.lists(each, max_size=12).map(
        lambda routes: [replace(each, name=str(index)) for index, each in enumerate(routes)]
    )


scattered = generated(
    paths, st.lists(hosts | st.sampled_from(["*.x.test", "*.a.x.test", "*.test"]), max_size=2, unique=True)
)
crowded = generated(st.just("/a"), st.just([]))
"""All at one host and prefix, where conditions, methods and the order of the document decide."""

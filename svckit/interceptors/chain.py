"""The order of the interceptors."""

from svckit.identity import TrustedKeys
from svckit.interceptors.capacity import shedding
from svckit.interceptors.deadline import with_deadline
from svckit.interceptors.faults import translating_faults
from svckit.interceptors.identity import MethodTable, guarding
from svckit.interceptors.observe import observing
from svckit.interceptors.request_id import with_request_id
from svckit.interceptors.shape import Interceptor
from svckit.interceptors.tenant_id import with_tenant_id
from svckit.metrics import RpcMetrics


def chain(
    *,
    name: str,
    table: MethodTable,
    trusted: TrustedKeys,
    metrics: RpcMetrics,
    max_calls: int,
    away: tuple[type[Exception], ...] = (),
) -> tuple[Interceptor, ...]:
    """The interceptors of the process `name`, outermost first; they hold what the process counts: one chain for all
    its methods."""
    return (
        with_request_id,  # first: every line and answer below carries the id
        observing(metrics),  # outside the translation: counts the code that the caller sees
        translating_faults(away),  # outside all that may refuse: a refusal is a catalogue status too
        shedding(max_calls),  # before all that costs: a full process answers at once
        with_deadline,  # before the guard: expired work is not worth a signature check
        guarding(table, trusted, name),  # before all that reads the request: nothing of it counts from a stranger
        with_tenant_id,
    )

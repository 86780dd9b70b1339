"""What the processes of a cluster take over from the command."""

from penstockctl.cluster.run import environment_of_processes


def test_no_credential_of_an_administrator_is_handed_on() -> None:
    inherited = {
        "PATH": "/bin",
        "PENSTOCK_ADMIN_DATABASE_URL": "postgresql://root:hush@db/postgres",
        "PENSTOCK_REDIS_URL": "redis://:hush@cache/0",
        "PGPASSWORD": "hush",
        "PGPASSFILE": "/hush",
    }
    assert environment_of_processes(inherited, pretty=True) == {"PATH": "/bin", "PENSTOCK_LOG_PRETTY": "true"}


def test_the_operators_own_choice_of_lines_stands() -> None:
    assert environment_of_processes({"PENSTOCK_LOG_PRETTY": "true"}, pretty=False) == {"PENSTOCK_LOG_PRETTY": "true"}


def test_so_it_does_by_the_name_that_other_gateways_read() -> None:
    inherited = {"STRUCTLOG_PRETTY_PRINT": "true"}
    assert environment_of_processes(inherited, pretty=False) == inherited
    assert "PENSTOCK_LOG_PRETTY" in environment_of_processes({"STRUCTLOG_PRETTY_PRINT": ""}, pretty=False)

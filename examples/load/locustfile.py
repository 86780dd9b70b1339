"""Load for a running gateway, by Locust: users with an API key, each one request after another over a kept connection.

What it is told by its environment: PENSTOCK_LOAD_KEY, an API key (else the demo's, in `.data/demo.key`), and
PENSTOCK_LOAD_PATH, the path to call (default `/demo/hello`). Locust says how many users, how long, and which host.
"""

import os
from pathlib import Path
from typing import ClassVar

from locust import FastHttpUser, constant_pacing, task
from locust.contrib.fasthttp import ResponseContextManager

PATH = os.environ.get("PENSTOCK_LOAD_PATH") or "/demo/hello"
KEY = os.environ.get("PENSTOCK_LOAD_KEY") or Path(".data/demo.key").read_text().strip()


class Consumer(FastHttpUser):
    """Calls one route, ten times a second at most, mostly to read."""

    host = "http://127.0.0.1:8000"
    wait_time = constant_pacing(0.1)
    default_headers: ClassVar = {"X-API-Key": KEY}

    @task(9)
    def read(self) -> None:
        """Reads with a query."""
        with self.client.get(f"{PATH}?page=1", name="read", catch_response=True) as answer:
            judge(answer)

    @task(1)
    def write(self) -> None:
        """Sends a small document."""
        with self.client.post(PATH, json={"items": [1, 2, 3]}, name="write", catch_response=True) as answer:
            judge(answer)


def judge(answer: ResponseContextManager) -> None:
    """Takes a limit that says when to come back for the gateway's work well done, under a name of its own."""
    if answer.status_code == 429 and "Retry-After" in answer.headers:
        answer.request_meta["name"] += ", limited"
        answer.success()

"""A small process in place of a service: tells its process id, answers GET on an inherited listening socket
and ends as it is told. `stand_in.py FD [stubborn|dies|refuses|silent [MARK]]`: with the path MARK the first start is an
ordinary one that makes this file, and only later ones are as told. A descriptor READY_FD is told when it is ready."""

import os
import signal
import socket
import sys
from pathlib import Path


def main(descriptor: int, manner: str, mark: Path | None) -> None:
    print(f"pid {os.getpid()}", flush=True)
    if mark is not None and not mark.exists():
        mark.touch()
        manner = ""
    if manner == "dies":
        sys.exit(3)
    if manner == "refuses":
        sys.exit(2)
    if manner == "stubborn":
        signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
    else:
        signal.signal(signal.SIGTERM, lambda *_: leave())
    listener = socket.socket(fileno=descriptor)
    if "READY_FD" in os.environ and manner != "silent":
        os.write(int(os.environ["READY_FD"]), b"ready\n")
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            if manner != "silent":
                body = str(os.getpid())
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


def leave() -> None:
    print(f"bye {os.getpid()}", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), "".join(sys.argv[2:3]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)

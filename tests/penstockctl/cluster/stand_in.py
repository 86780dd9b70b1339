"""A small process in place of a service: tells its process id, answers GET on an inherited listening socket
and ends as it is told. `stand_in.py FD [stubborn|dies|refuses|silent]`."""

import os
import signal
import socket
import sys


def main(descriptor: int, manner: str) -> None:
    print(f"pid {os.getpid()}", flush=True)
    if manner == "dies":
        sys.exit(3)
    if manner == "refuses":
        sys.exit(2)
    if manner == "stubborn":
        signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
    else:
        signal.signal(signal.SIGTERM, lambda *_: leave())
    listener = socket.socket(fileno=descriptor)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            if manner != "silent":
                body = str(os.getpid())
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


def leave() -> None:
    print("bye", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")

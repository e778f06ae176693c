"""A client of rexec: runs a command and prints what comes by both channels.

    _rexec.py HOST USER PASSWORD COMMAND

Ends with 1 if the server does not call back for the second one.
"""

import socket
import sys


def everything(channel):
    parts = []
    while part := channel.recv(4096):
        parts.append(part)
    return b"".join(parts).decode().strip()


host, *names = sys.argv[1:]
control = socket.create_connection((host, 512), 8)
control.settimeout(8)
listener = socket.create_server((control.getsockname()[0], 0))
listener.settimeout(8)
# The port comes alone: the server reads on when it has called back.
control.sendall(b"%d\0" % listener.getsockname()[1])
try:
    errors, _ = listener.accept()
except TimeoutError:
    sys.exit("nobody called back")
errors.settimeout(8)
control.sendall(b"".join(name.encode() + b"\0" for name in names))
answer = control.recv(1)
if answer != b"\0":
    sys.exit("refused: " + everything(control))
print("output:", everything(control))
print("errors:", everything(errors))

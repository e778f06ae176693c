"""An FTP client that sends every command in segments of one byte, and fetches a file by PORT.

  _ftp_parts.py OWN SERVER FILE    writes the file to standard output

Ends with 1 if the server refuses a command or does not come.
"""

import socket
import sys
import time

OWN, SERVER, FILE = sys.argv[1:]
PATIENCE = 20

control = socket.create_connection((SERVER, 21), timeout=PATIENCE)
control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
replies = control.makefile("rb")


def reply(wanted):
    """The last line of a reply, which must begin with one of these digits."""
    line = replies.readline()
    first = line[:3]
    while line[3:4] == b"-" or line[:3] != first:
        line = replies.readline()
    print(line.decode().strip(), file=sys.stderr)
    if chr(line[0]) not in wanted:
        sys.exit(1)


def command(text, wanted):
    for byte in f"{text}\r\n".encode():
        control.sendall(bytes([byte]))
        time.sleep(0.002)
    reply(wanted)


reply("2")
command("USER anonymous", "23")
command("PASS me@example.org", "2")
command("TYPE I", "2")
for _ in range(2):
    listener = socket.create_server((OWN, 0))
    listener.settimeout(PATIENCE)
    port = listener.getsockname()[1]
    command(f"PORT {OWN.replace('.', ',')},{port >> 8},{port & 255}", "2")
    command(f"RETR {FILE}", "1")
    data, _ = listener.accept()
    data.settimeout(PATIENCE)
    got = b""
    while piece := data.recv(1 << 16):
        got += piece
    data.close()
    listener.close()
    reply("2")
command("QUIT", "2")
sys.stdout.buffer.write(got)

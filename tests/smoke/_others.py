"""What is not the protocol, on the ports of gateways.

    _others.py serve web|tls|first|echo ADDRESS DIRECTORY PORT...
    _others.py stream|datagrams ADDRESS PORT

web and tls serve DIRECTORY/www; first greets with bytes, then echoes a stream; echo echoes
datagrams on ports 53, 69 and 5060. The clients send random bytes and want them back.
"""

import functools
import http.server
import os
import socket
import socketserver
import ssl
import sys
import threading

DATAGRAM_PORTS = 53, 69, 5060
GREETING = bytes(range(255, -1, -1)) + b"\x4a\0\0\0\x0a8.0.36\0"


class Web(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"


class First(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(GREETING)
        while data := self.request.recv(4096):
            self.request.sendall(data)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        sock.sendto(data, self.client_address)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve(kind, address, directory, *ports):
    servers = []
    if kind == "echo":
        servers = [socketserver.UDPServer((address, port), Echo) for port in DATAGRAM_PORTS]
    elif kind == "first":
        servers = [Server((address, int(port)), First) for port in ports]
    else:
        web = functools.partial(Web, directory=directory + "/www")
        servers = [Server((address, int(port)), web) for port in ports]
    if kind == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory + "/tls.pem")
        for server in servers:
            server.socket = context.wrap_socket(server.socket, server_side=True)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()


def exactly(sock, count):
    got = b""
    while len(got) < count:
        data = sock.recv(count - len(got))
        if not data:
            sys.exit(f"closed after {len(got)} of {count} bytes")
        got += data
    return got


def stream(address, port):
    with socket.create_connection((address, int(port)), timeout=10) as sock:
        if exactly(sock, len(GREETING)) != GREETING:
            sys.exit("another greeting")
        for size in [1, 7, 100, 1000, 10000] * 3:
            # A digit could be the beginning of rsh's, had the server not spoken.
            sent = b"1" + os.urandom(size - 1)
            sock.sendall(sent)
            if exactly(sock, size) != sent:
                sys.exit("other bytes came back")


def datagrams(address, port):
    for _ in range(20):
        # Each from its own port.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.connect((address, int(port)))
            for size in [1, 4, 100, 1400]:
                # What begins so is no message of any of them.
                sent = b"\xff" + os.urandom(size)
                sock.send(sent)
                if sock.recv(2000) != sent:
                    sys.exit("other bytes came back")


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    {"serve": serve, "stream": stream, "datagrams": datagrams}[what](*arguments)

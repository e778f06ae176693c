"""A server that tells everybody who it sees: over HTTP (port 80), HTTPS (7001) and
UDP (7003), and on port 7005 one that speaks to its peer once more, later.

    _peer.py ADDRESS CERTIFICATE KEY

HTTP answers `/who` with the peer's endpoint and `/big` with 4 MiB. UDP answers with
the peer's endpoint. The late one prints whether its second packet was refused (by an
ICMP error). A connection that is reset is printed as well.
"""

import http.server
import socket
import ssl
import sys
import threading
import time

BIG = bytes(range(256)) * (4 << 12)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = BIG if self.path == "/big" else "{}:{}\n".format(*self.client_address).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self):
        try:
            super().handle()
        except ConnectionResetError:
            print("reset by {}:{}".format(*self.client_address), flush=True)

    def log_message(self, *_):
        pass


def web(port, context=None):
    server = http.server.ThreadingHTTPServer((address, port), Handler)
    if context:
        # The handshake is the connection's own thread's, so nobody waits for another.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server.serve_forever


def udp_socket(port):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((address, port))
    return one


def udp():
    server = udp_socket(7003)
    while True:
        _, peer = server.recvfrom(2048)
        server.sendto("{}:{}".format(*peer).encode(), peer)


def late():
    server = udp_socket(7005)
    _, peer = server.recvfrom(2048)
    server.connect(peer)
    server.send(b"now")
    time.sleep(0.5)
    server.send(b"later")
    server.settimeout(5)
    try:
        server.recv(2048)
    except ConnectionRefusedError:
        print("refused by {}:{}".format(*peer), flush=True)


address, certificate, key = sys.argv[1:]
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(certificate, key)
threads = [threading.Thread(target=each) for each in (web(80), web(7001, tls), udp, late)]
for thread in threads:
    thread.start()

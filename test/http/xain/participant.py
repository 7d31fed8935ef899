"""A participant written for XAIN's HTTP API of 2020, as a plain script: python3 participant.py COORDINATOR INDEX DTYPE COUNTED

The same as participant.mjs, with the threads that such participants had, and the standard library alone.
"""
import http.client
import json
import struct
import sys
import threading
import urllib.parse

coordinator, index, dtype, counted = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
heartbeat_s = 0.015
code, size, shape = ("d", 8, (5,)) if dtype == "<f8" else ("f", 4, (2, 3))
length = shape[0] * (shape[1] if len(shape) > 1 else 1)


def call(method, base, path, body=None):
    # Paths of URLs are dropped; a connection per call; any status but 200 is the end.
    connection = http.client.HTTPConnection(urllib.parse.urlparse(base).netloc)
    connection.request(method, "/" + path, body=body)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{method} /{path}: {response.status} {data}")
    if method == "POST" and response.getheader("content-type") == "application/json":
        raise RuntimeError("an empty answer that says it is JSON")
    return data


def ask(path):
    return json.loads(call("GET", coordinator, path))


def read_weights(data):
    if not data:
        return None
    (header_bytes,) = struct.unpack_from("<H", data, 8)
    header = data[10 : 10 + header_bytes].decode("latin1")
    if f"'descr': '{dtype}'" not in header or "'fortran_order': False" not in header:
        raise RuntimeError(header)
    values = data[10 + header_bytes :]
    return list(struct.unpack(f"<{len(values) // size}{code}", values))


def write_weights(weights):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    values = struct.pack(f"<{len(weights)}{code}", *weights)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header.encode("latin1") + values


class Participant:
    def __init__(self):
        self.changed = threading.Condition()
        self.state = "waiting"
        self.round = -1
        self.is_over = threading.Event()
        self.error = None
        self.id = None
        self.aggregator = None

    def set_state(self, state):
        with self.changed:
            self.state = state
            self.changed.notify()

    def beat(self):
        try:
            while True:
                heard = ask(f"heartbeat/{self.id}")
                if heard["state"] == "reject":
                    raise RuntimeError("rejected")
                with self.changed:
                    if heard["state"] == "round":
                        self.round = heard["round"]
                self.set_state({"round": "training", "stand_by": "waiting"}.get(heard["state"], "done"))
                if self.is_over.wait(heartbeat_s):
                    return
        except Exception as error:
            self.error = error
            self.set_state("done")

    def train(self):
        started = ask(f"start_training/{self.id}")
        if started["ok"]:
            self.aggregator = started
        else:
            self.set_state("waiting")
        url, token = self.aggregator["url"], self.aggregator["token"]
        received = read_weights(call("GET", url, f"{self.id}/{token}"))
        trained = self.round
        weights = [trained * 8 + index + at / 8 for at in range(length)]
        count = 1 + index * 3 + trained if counted == "yes" else 0
        line = {"index": index, "id": self.id, "token": token, "round": trained}
        print(json.dumps({**line, "received": received, "sent": weights, "count": count}), flush=True)
        call("POST", url, f"{self.id}/{token}", count.to_bytes(4, byteorder="big") + write_weights(weights))
        self.set_state("waiting")

    def run(self):
        self.id = ask("rendez_vous")["id"]
        beating = threading.Thread(target=self.beat, daemon=True)
        beating.start()
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.state != "waiting")
                state = self.state
            if state == "done":
                break
            self.train()
        self.is_over.set()
        beating.join()
        if self.error:
            raise self.error


Participant().run()

"""Calls a freshly started wrapper as the platform does: /init while the port is refused, then one /run.

build.sh feeds this to the Python inside the container, so that it needs none outside and no published port, which
engines in a virtual machine or on another host answer differently. It prints one ``key value`` line for each finding
and, where the wrapper fails, a last line ``fault REASON``. ``smoke.py PATH TIMEOUT [good|any]``: the path that the
model is asked for, the seconds that /init may take, and whether its answer must be a 2xx or may be any that it gives to
a request that it wasn't made for. MODELPROXY_TOKEN, where the container has it, is what the wrapper must be shown.
"""

import http.client
import json
import os
import socket
import sys
import time

PORT = 8080
RUN_SECONDS = 60  # the platform's default time limit
GATEWAY_STATUSES = (502, 503, 504)  # the proxy's, of a model that is dead or deaf


class Fault(Exception):
    pass


def tell(key, value):
    print(key, " ".join(str(value).split()))


def own_address():
    """The address that the platform uses: a proxy that listens on the loopback only would be of no use to it."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"


def connect(deadline):
    """A connection to the proxy. Like the platform, tries again only while the connection is refused."""
    while True:
        connection = http.client.HTTPConnection(own_address(), PORT, timeout=max(0.1, deadline - time.time()))
        try:
            connection.connect()
        except ConnectionRefusedError:
            if time.time() > deadline:
                raise Fault("nothing listens on port {} of {}".format(PORT, own_address()))
            time.sleep(0.05)
        else:
            return connection


def post(path, message, seconds):
    """The JSON text that the proxy answers with 200, held to what the platform demands of any reply."""
    deadline = time.time() + seconds
    connection = connect(deadline)
    body = json.dumps(message, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if os.environ.get("MODELPROXY_TOKEN"):
        headers["Modelproxy-Token"] = os.environ["MODELPROXY_TOKEN"]
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    except socket.timeout:
        raise Fault("{} gave no answer in {} s".format(path, seconds))
    except (OSError, http.client.HTTPException) as error:
        raise Fault("{}: the connection broke: {!r}".format(path, error))
    if response.getheader("Content-Length") is None:
        raise Fault("{} answered without Content-Length, which the platform takes for no answer".format(path))
    if response.status != 200:
        raise Fault("{} answered {}: {}".format(path, response.status, reason(text)))
    return text


def reason(text):
    """The sentence in an answer that reports an error."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    while isinstance(value, dict) and ("error" in value or "body" in value):
        value = value.get("error", value.get("body"))
    return value if isinstance(value, str) else json.dumps(value)


def environment(seconds):
    """What the platform says of an activation, by the names that /run has for it."""
    return {
        "namespace": "guest",
        "action_name": "/guest/smoke",
        "action_version": "0.0.1",
        "activation_id": "0" * 32,
        "transaction_id": "smoke",
        "deadline": str(int((time.time() + seconds) * 1000)),
    }


def init(seconds):
    variables = {"__OW_" + name.upper(): value for name, value in environment(seconds).items()}
    started = time.time()
    post("/init", {"value": {"name": "smoke", "main": "main", "binary": False, "env": variables}}, seconds)
    tell("init_ms", round(1000 * (time.time() - started)))


def run(path, wanted):
    value = {
        "__ow_method": "get",
        "__ow_path": path,
        "__ow_query": "",
        "__ow_body": "",
        "__ow_headers": {"accept": "*/*", "host": "localhost", "user-agent": "modelwhisk-build"},
    }
    text = post("/run", dict(environment(RUN_SECONDS), value=value), RUN_SECONDS)
    try:
        result = json.loads(text)
    except ValueError:
        raise Fault("/run answered what isn't JSON: {}".format(text))
    if not isinstance(result, dict):
        raise Fault("/run answered a JSON value that isn't an object: {}".format(text))
    answer = result.get("error", result)
    status = answer.get("statusCode") if isinstance(answer, dict) else None
    if wanted == "any" and status is None:
        return
    if not isinstance(status, int):
        raise Fault("/run answered without a statusCode: {}".format(reason(text)))
    tell("run_status", status)
    for name, value in (answer.get("headers") or {}).items():
        if name.lower() == "model-drift":
            tell("drift", value)
    answered = "GET {} was answered {}: {}".format(path, status, reason(text)[:200])
    if wanted == "any" and status not in GATEWAY_STATUSES:
        if status >= 400:
            tell("unhappy", answered)
    elif not 200 <= status < 300:  # a redirect would be followed by a browser only
        raise Fault(answered)


def peak_memory():
    """The most that the container's processes have held, in MB, but for this one, which is the test's own."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            with open("/proc/{}/status".format(pid), encoding="utf-8") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
        except OSError:
            pass  # ended meanwhile
    return -(-total // 1024)


def main(path, seconds, wanted="good"):
    try:
        init(seconds)
        run(path, wanted)
    except Fault as fault:
        tell("fault", str(fault)[:500])
    tell("memory_mb", peak_memory())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])

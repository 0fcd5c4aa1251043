"""A program that keeps the container contract, and does what the `do` query parameter of a call says."""

import http.server
import json
import os
import subprocess
import sys
import time

MARKER = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = 200, {}
        if self.path == "/run":
            status, answer = self.run(message)
            for stream in (sys.stdout, sys.stderr):
                print(MARKER, file=stream, flush=True)
        elif "fail" in message["value"]["env"]:
            status, answer = 502, {"error": "told to fail"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def run(self, message):
        do = message["value"]["__ow_query"]
        print(f"doing {do}")
        print("grumble", file=sys.stderr)
        if do == "exit":
            os._exit(3)
        if do == "child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            return 200, {"body": {"pid": os.getpid(), "child": child.pid}}
        return 200, {"body": {"pid": os.getpid(), "cwd": os.getcwd(), "env": dict(os.environ), "time": time.time()}}

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if os.environ.get("LITTLE_MODEL") == "refuse":
        sys.exit("no weights found")
    print("starting up", flush=True)
    server = http.server.HTTPServer(("127.0.0.1", int(os.environ["MODELPROXY_PORT"])), Handler)
    print(f"modelproxy: listening on 0.0.0.0:{server.server_address[1]}", flush=True)
    server.serve_forever()

"""What OpenWhisk's docker skeleton does, from its documentation (docs/actions-docker.md): a program is started for each
call, gets the parameters as its one argument, and the last line that it prints is the result.

``skeleton_server.py PORT`` serves; with nothing else than a JSON text it is that program. On waitress, which is faster
than the skeleton's own server.
"""

import json
import os
import subprocess
import sys


def application(environ, start_response):
    message = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode("utf-8"))
    result = b"{}"
    if environ["PATH_INFO"] == "/run":
        variables = {"__OW_" + key.upper(): text for key, text in message.items() if key != "value"}
        command = [sys.executable, os.path.abspath(__file__), json.dumps(message["value"])]
        done = subprocess.run(command, env=dict(os.environ, **variables), stdout=subprocess.PIPE, check=True)
        result = done.stdout.rstrip().rpartition(b"\n")[2]
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(result)))])
    return [result]


def main(argument):
    if not argument.startswith("{"):
        from waitress import serve

        serve(application, host="127.0.0.1", port=int(argument), threads=8)
        return
    import floor
    from cases import init_value

    sys.path.insert(1, os.getcwd())
    from api import app

    os.environ.update(init_value()["env"])
    message = json.dumps(
        dict(
            {key[len("__OW_") :].lower(): text for key, text in init_value()["env"].items()}, value=json.loads(argument)
        )
    )
    print(floor.run(app, message.encode("ascii")).decode("utf-8"))


if __name__ == "__main__":
    main(sys.argv[1])

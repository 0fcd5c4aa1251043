"""Programs that were not written for us answer through the proxy as they do behind their own usual servers: the same
status, headers and body, request by request, as an OpenWhisk action and as a plain web server. None of them is changed,
nor told of us: a folder holds what their users write, and MODELPROXY_TARGET is what these would tell gunicorn, uvicorn
or a shell; where it is empty the proxy finds the program by itself.

Where an action answers, the usual server is told to sit at the action's path (SCRIPT_NAME, --root-path), so that every
link has to have it. What a command starts isn't told, and only its redirects have it.

    httpbin 0.10.4        WSGI (Flask)                    httpbin:app
    pypiserver 2.4.2      WSGI (Bottle), a factory        pypiserver:app(root="packages", …)
    Radicale 3.9.0        WSGI, CalDAV                    radicale:application
    WsgiDAV 4.4.0         WSGI, WebDAV                    wsgi.py
    Django 5.2.19         WSGI, a new project's admin     manage.py, mysite/wsgi.py
    Django 5.2.19         ASGI, the same project          mysite.asgi:application
    datasette 0.65.5      ASGI                            app.py
    ariadne 1.1.1         ASGI, GraphQL                   main:app
    SQLAdmin 0.32.0       ASGI (Starlette)                main.py
    sqlite-web 0.8.2      its own command (Werkzeug)      sqlite_web --port $PORT wines.db
    uploadserver 6.0.5    its own command (http.server)   python -m uploadserver $PORT
    gunicorn 27.0.1       its own command, of httpbin     gunicorn httpbin:app
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from bed import CHECKOUT, free_port
from both_sides import BYTECODE, Both, Side, process
from programs import PROGRAMS, Program
from running_platform import running

from modelwhisk.local import Action, web_annotations
from modelwhisk.local.process_container import ProcessFactory


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", ["action", "web"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program(program: Program, mode: str, programs_bin: Path, tmp_path: Path) -> None:
    sides = as_an_action if mode == "action" else as_a_web_server
    with contextlib.ExitStack() as stack:
        both = sides(program, programs_bin, tmp_path, stack)
        program.steps(both)
        assert not both.differences, "\n".join(both.differences)


def folders(program: Program, bin: Path, tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "usual", tmp_path / "ours"
    for folder in made:
        folder.mkdir()
        program.files(folder, bin)
    return made


def program_environ(program: Program, mount: str) -> dict[str, str]:
    told = {program.told_by: mount + "/"} if program.told_by else {}
    return {**BYTECODE, "PYTHONHASHSEED": "0", **program.environ, **told}  # Werkzeug writes Allow in the order of a set


@contextlib.contextmanager
def usual_server(program: Program, folder: Path, bin: Path, mount: str) -> Iterator[Side]:
    """The program as its users start it, which sees itself at `mount`."""
    port = free_port()
    environ = {"PATH": f"{bin}:/usr/bin:/bin", "PORT": str(port), **program_environ(program, mount)}
    root_path = "" if program.told_by else mount
    command = {
        "wsgi": ["gunicorn", "--threads", "2", program.usual or program.target],
        "asgi": ["uvicorn", "--port", str(port), "--root-path", root_path, program.usual or program.target],
        "command": ["sh", "-c", program.target],
    }[program.interface]
    if program.interface == "wsgi":
        environ["SCRIPT_NAME"] = mount
    with process(["env", *command], folder, port, folder.with_suffix(".log"), **environ) as ready:
        # uvicorn puts its root path before each path by itself.
        yield Side(port, mount if program.interface == "wsgi" else "", folder, ready)


def as_a_web_server(program: Program, bin: Path, tmp_path: Path, stack: contextlib.ExitStack) -> Both:
    usual_folder, folder = folders(program, bin, tmp_path)
    usual = stack.enter_context(usual_server(program, usual_folder, bin, ""))
    port = free_port()
    environ = {**program_environ(program, ""), "MODELPROXY_TARGET": program.target, "PORT": str(port)}
    proxy = [str(bin / "python"), str(CHECKOUT / "runtime")]
    ready = stack.enter_context(process(proxy, folder, port, tmp_path / "ours.log", **environ))
    return Both("web", usual, Side(port, "", folder, ready), "")


def as_an_action(program: Program, bin: Path, tmp_path: Path, stack: contextlib.ExitStack) -> Both:
    usual_folder, folder = folders(program, bin, tmp_path)
    mount = f"/api/v1/web/guest/default/{program.name}"
    environ = {**program_environ(program, mount), "MODELPROXY_TARGET": program.target, "MODELPROXY_CORS": "app"}
    factory = ProcessFactory(folder, str(bin / "python"), environ)
    annotations = {**web_annotations("raw"), "web-custom-options": True}
    action = Action(program.name, factory, annotations=annotations)
    is_told = program.interface != "command"
    usual = stack.enter_context(usual_server(program, usual_folder, bin, mount if is_told else ""))
    platform = stack.enter_context(running(action, idle_pause=600))
    port = int(platform.url.rpartition(":")[2])
    return Both("action", usual, Side(port, mount, folder), mount, is_told)

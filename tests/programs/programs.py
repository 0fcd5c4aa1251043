"""The programs: what their users have in a folder, how they start it, and what is asked of it."""

from __future__ import annotations

import atexit
import base64
import functools
import gzip
import io
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bed import run
from both_sides import BYTECODE, Both

NOISE = bytes(range(256)) * 40  # no text in any charset
LONG_AGO = 1_500_000_000


@dataclass(frozen=True)
class Program:
    """interface: "wsgi", "asgi" or "command"; target: as for gunicorn, uvicorn or a shell, "" where the proxy is to
    find it; usual: what gunicorn or uvicorn is told then; told_by: the variable by which a program that doesn't look at
    its root_path is told where it is seen.
    """

    name: str
    interface: str
    target: str
    files: Callable[[Path, Path], None]
    steps: Callable[[Both], None]
    usual: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    told_by: str = ""


def nothing(folder: Path, bin: Path) -> None:
    """The program needs no file."""


def written(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)


# --- httpbin ------------------------------------------------------------------------------------------------------


def httpbin_steps(both: Both) -> None:
    both.get(200, "/", has="HTTP Request &amp; Response Service")
    both.get(200, "/html", has="Herman Melville")
    both.get(200, "/get?a=1&a=2&b=%C3%A4+x", has='"b": "\\u00e4 x"')
    both.masks += [r'(?s)"headers": \{.*?\}', r'"origin": "[^"]*"', r"\"X-Request-Id\": .*"]
    both.form(200, "/post", {"name": "Zoë", "file": "none"}, has='"name": "Zo\\u00eb"')
    both.upload(200, "/post", {"field": "one"}, ("file", "noise.bin", NOISE))
    both.ask(200, "PUT", "/put", '"json": {', headers={"Content-Type": "application/json"}, body=b'{"a": [1, "b"]}')
    both.ask(200, "PATCH", "/patch", "data:application/octet-stream;base64,", body=NOISE)
    both.ask(200, "DELETE", "/delete?x=1", '"x": "1"')
    both.ask(200, "OPTIONS", "/get", "Access-Control-Allow-Methods")
    both.ask(200, "HEAD", "/html")
    both.ask(405, "POST", "/get", "Method Not Allowed")
    both.get(404, "/nothing/here")
    for status in (201, 204, 304, 400, 402, 418, 429, 500, 502, 599):
        both.get(status, f"/status/{status}")
    for kind in ("png", "jpeg", "webp", "svg"):
        both.get(200, f"/image/{kind}", has=f"image/{kind}")
    both.get(200, "/image", has="image/webp", Accept="image/webp")
    both.get(200, "/json", has="Sample Slide Show")
    both.get(200, "/xml", has="application/xml")
    both.get(200, "/encoding/utf8", has="∮ E⋅da = Q")
    both.get(200, "/deny", has="YOU SHOULDN'T BE HERE")
    both.get(200, "/bytes/2000?seed=7", has="application/octet-stream")
    both.get(200, "/stream-bytes/5000?seed=7&chunk_size=100")
    both.get(200, "/stream/4", has='"id": 3')
    both.get(200, "/drip?duration=0.2&numbytes=5&delay=0", has="*****")
    both.get(206, "/range/1000", has="bytes 10-19/1000", Range="bytes=10-19")
    both.get(416, "/range/1000", Range="bytes=2000-3000")
    both.get(200, "/etag/abc", has="ETag: abc")
    both.get(304, "/etag/abc", If_None_Match='"abc"')
    both.get(412, "/etag/abc", If_Match='"other"')
    both.get(304, "/cache", If_Modified_Since="Sat, 01 Jan 2022 00:00:00 GMT")
    both.get(302, "/redirect/2", has="/relative-redirect/1")
    both.get(302, "/absolute-redirect/2", has=f"http://localhost{both.mount}/absolute-redirect/1")
    both.get(307, "/redirect-to?url=http%3A%2F%2Fexample.com%2F&status_code=307", has="http://example.com/")
    both.get(200, "/links/3/1", has=f"{both.mount}/links/3/0")
    both.get(302, "/cookies/set?one=1&two=2%202", has="two=")
    both.get(200, "/cookies", has='"one": "1"')
    both.get(302, "/cookies/delete?one")
    both.get(401, "/basic-auth/me/secret", has="Basic realm")
    credentials = base64.b64encode(b"me:secret").decode()
    both.get(200, "/basic-auth/me/secret", has='"authenticated": true', Authorization=f"Basic {credentials}")
    both.get(200, "/response-headers?X-Two=a&X-Two=b&X-One=%C3%A9", has="X-Two: b")
    both.get(200, "/gzip", has="Content-Encoding: gzip")
    both.get(200, "/deflate", has="Content-Encoding: deflate")
    both.get(200, "/brotli", has="Content-Encoding: br")
    both.get(200, "/anything/a%2Fb/%E2%82%AC/c%20d", has="/anything/a")
    both.get(200, "/static/favicon.ico", has="image/vnd.microsoft.icon")
    both.get(206, "/static/favicon.ico", has="bytes 100-199/", Range="bytes=100-199")
    both.get(200, "/delay/0.1", has='"url"')


# --- pypiserver ---------------------------------------------------------------------------------------------------


def wheel() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("example/__init__.py", "example-1.0.dist-info/METADATA"):
            archive.writestr(zipfile.ZipInfo(name), "Name: example\nVersion: 1.0\n\nCaf\u00e9")
    return made.getvalue()


def packages(folder: Path, bin: Path) -> None:
    (folder / "packages").mkdir()
    file = folder / "packages" / "other_one-2.1.tar.gz"
    file.write_bytes(gzip.compress(NOISE, mtime=0))
    os.utime(file, (LONG_AGO, LONG_AGO))


def pypiserver_steps(both: Both) -> None:
    both.get(200, "/", has=f'{both.mount}/simple/">simple')
    both.get(200, "/simple/", has='href="other-one/"')
    both.get(301, "/simple", has=f"http://localhost{both.mount}/simple/")
    both.get(200, "/simple/other-one/", has=f"{both.mount}/packages/other_one-2.1.tar.gz#sha256=")
    both.get(301, "/simple/Other_One/", has=f"{both.mount}/simple/other-one/")
    both.get(404, "/packages/none.zip")
    both.get(200, "/packages/other_one-2.1.tar.gz", has="Last-Modified: Fri, 14 Jul 2017")
    both.get(206, "/packages/other_one-2.1.tar.gz", has="bytes 5-24/", Range="bytes=5-24")
    both.get(304, "/packages/other_one-2.1.tar.gz", If_Modified_Since="Fri, 14 Jul 2017 02:40:00 GMT")
    both.ask(200, "HEAD", "/packages/other_one-2.1.tar.gz")
    fields = {":action": "file_upload", "name": "example", "version": "1.0"}
    both.upload(200, "/", fields, ("content", "example-1.0-py3-none-any.whl", wheel()))
    both.masks.append("Last-Modified: .*")
    both.get(200, "/simple/example/", has="example-1.0-py3-none-any.whl")
    both.upload(409, "/", fields, ("content", "example-1.0-py3-none-any.whl", wheel()))
    both.upload(400, "/", fields, ("content", "../example-1.1.whl", wheel()))
    both.form(400, "/", {":action": "nothing"}, has="Unsupported &#039;:action&#039; field")
    both.get(200, "/packages/", has="example-1.0-py3-none-any.whl")
    both.get(200, "/health", has="Ok")
    both.get(200, "/other-one/json", has='"releases"')


# --- Radicale -----------------------------------------------------------------------------------------------------

EVENT = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//example//EN\r
BEGIN:VEVENT\r
UID:event-1\r
DTSTAMP:20240101T000000Z\r
DTSTART:20240102T100000Z\r
DTEND:20240102T110000Z\r
SUMMARY:Caf\u00e9\r
END:VEVENT\r
END:VCALENDAR\r
"""
CALENDAR = {"Content-Type": "text/calendar; charset=utf-8"}
XML = {"Content-Type": "application/xml; charset=utf-8", "Depth": "1"}
REPORT = (
    b'<?xml version="1.0"?><C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop>'
    b'<D:getetag/><C:calendar-data/></D:prop><C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>'
)


def radicale_files(folder: Path, bin: Path) -> None:
    written(
        folder,
        config="[auth]\ntype = none\n[rights]\ntype = authenticated\n[storage]\nfilesystem_folder = collections\n"
        "[web]\ntype = internal\n",
    )


def radicale_steps(both: Both) -> None:
    me = {"Authorization": "Basic " + base64.b64encode(b"me:").decode()}
    both.masks += [r"http://radicale.org/ns/sync/\w+"]
    both.get(302, "/", has=f"{both.mount}/.web")
    both.get(200, "/.web/", has="<title>Radicale")
    both.get(200, "/.web/css/main.css", has="text/css")
    both.get(404, "/.web/none.css")
    both.ask(200, "OPTIONS", "/", "DAV: 1, 2, 3, calendar-access", headers=me)
    both.ask(403, "PUT", "/calendar.ics", headers={**me, **CALENDAR}, body=EVENT.encode())
    both.ask(201, "PUT", "/me/calendar.ics/", "ETag:", headers={**me, **CALENDAR}, body=EVENT.encode())
    both.get(200, "/me/calendar.ics/", has="SUMMARY:Café", **me)
    both.remember("etag", 'ETag: ("[^\n]*")')
    both.get(200, "/me/calendar.ics/event-1.ics", has="text/calendar", **me)
    both.ask(200, "HEAD", "/me/calendar.ics/event-1.ics", headers=me)
    changed = EVENT.replace("Caf\u00e9", "Tea").encode()
    both.ask(
        412, "PUT", "/me/calendar.ics/event-1.ics", headers={**me, **CALENDAR, "If-Match": '"other"'}, body=changed
    )
    both.ask(204, "PUT", "/me/calendar.ics/event-1.ics", headers={**me, **CALENDAR}, body=changed)
    both.ask(207, "PROPFIND", "/me/", f"<href>{both.mount}/me/calendar.ics/</href>", headers={**me, "Depth": "1"})
    both.ask(207, "REPORT", "/me/calendar.ics/", "SUMMARY:Tea", headers={**me, **XML}, body=REPORT)
    both.ask(201, "MKCALENDAR", "/me/second/", headers=me)
    both.ask(201, "MOVE", "/me/calendar.ics/event-1.ics", headers={**me, "Destination": "/me/second/e.ics"})
    both.ask(400, "PUT", "/me/calendar.ics/x.ics", headers={**me, **CALENDAR}, body=b"BEGIN:nothing")
    both.ask(200, "DELETE", "/me/calendar.ics/", f"<href>{both.mount}/me/calendar.ics/</href>", headers=me)
    both.get(404, "/me/calendar.ics/", **me)


# --- WsgiDAV ------------------------------------------------------------------------------------------------------


def shared_files(folder: Path, bin: Path) -> None:
    (folder / "share").mkdir()
    for name, content in (("noise.bin", NOISE), ("hello.txt", "Grüße\n".encode()), ("a b.html", b"<p>one</p>")):
        file = folder / "share" / name
        file.write_bytes(content)
        os.utime(file, (LONG_AGO, LONG_AGO))


def webdav_files(folder: Path, bin: Path) -> None:
    shared_files(folder, bin)
    written(
        folder,
        wsgi__py="from wsgidav.wsgidav_app import WsgiDAVApp\n\n"
        'application = WsgiDAVApp({"provider_mapping": {"/": "share"}, "simple_dc": {"user_mapping": {"*": True}},'
        ' "verbose": 1})\n',
    )


def webdav_steps(both: Both) -> None:
    both.masks += [
        r"\w\w\w, \d\d \w\w\w 2\d\d\d \d\d:\d\d:\d\d GMT",
        r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+|Z)?",
        r'"?[0-9a-f]{32}-\d+-\d+"?',
        r"\d+-[\d.]+-\d+",  # an ETag with the file's number
        r"opaquelocktoken:[-\w]+",
        r"(?<=-bytes>)\d+",  # what is free on the disk
    ]
    both.get(200, "/", has="noise.bin")
    both.get(200, "/hello.txt", has="Grüße")
    both.get(200, "/a%20b.html", has="<p>one</p>")
    both.get(200, "/noise.bin", has="Content-Length: 10240")
    both.get(206, "/noise.bin", has="bytes 250-299/10240", Range="bytes=250-299")
    both.ask(200, "HEAD", "/noise.bin")
    both.get(404, "/none.txt")
    both.ask(200, "OPTIONS", "/", "DAV: 1,2")
    both.ask(201, "PUT", "/new.bin", headers={"Content-Type": "application/octet-stream"}, body=NOISE[:1000])
    both.get(200, "/new.bin", has="Content-Length: 1000")
    both.ask(204, "PUT", "/new.bin", headers={"Content-Type": "text/plain"}, body="für alle".encode())
    both.ask(409, "PUT", "/no/folder/here.txt", body=b"x")
    both.ask(204, "DELETE", "/new.bin")
    both.ask(404, "DELETE", "/new.bin")
    both.ask(207, "PROPFIND", "/", ":href>/hello.txt</", headers={"Depth": "1"})
    both.ask(201, "MKCOL", "/folder")
    both.ask(405, "MKCOL", "/folder")
    both.ask(201, "COPY", "/hello.txt", headers={"Destination": "http://localhost/folder/copy.txt"})
    both.ask(201, "MOVE", "/folder/copy.txt", headers={"Destination": "/folder/moved.txt"})
    lock = (
        b'<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>'
        b"</D:lockinfo>"
    )
    both.ask(200, "LOCK", "/hello.txt", ":locktoken>", headers={"Timeout": "Second-60"}, body=lock)
    if both.mode == "web":  # else it isn't locked
        both.ask(423, "PUT", "/hello.txt", body=b"locked")
    patch = (
        b'<D:propertyupdate xmlns:D="DAV:" xmlns:z="urn:z"><D:set><D:prop><z:colour>red</z:colour></D:prop></D:set>'
        b"</D:propertyupdate>"
    )
    both.ask(207, "PROPPATCH", "/noise.bin", body=patch)


# --- Django -------------------------------------------------------------------------------------------------------


@functools.cache
def django_project(bin: Path) -> Path:
    """What `django-admin startproject` makes, with its database and a user."""
    folder = Path(tempfile.mkdtemp(prefix="modelwhisk-django-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    user = {
        **BYTECODE,
        "DJANGO_SUPERUSER_USERNAME": "admin",
        "DJANGO_SUPERUSER_PASSWORD": "secret",
        "DJANGO_SUPERUSER_EMAIL": "me@example.org",
    }
    for command in (
        ["django-admin", "startproject", "mysite", "."],
        ["python", "manage.py", "migrate"],
        ["python", "manage.py", "createsuperuser", "--noinput"],
    ):
        run(bin / command[0], *command[1:], cwd=folder, **user)
    return folder


def django_files(folder: Path, bin: Path) -> None:
    shutil.copytree(django_project(bin), folder, dirs_exist_ok=True)


def django_steps(both: Both) -> None:
    both.masks.append(r'(?<=name="csrfmiddlewaretoken" value=")\w+')
    token = r'name="csrfmiddlewaretoken" value="(\w+)"'
    at = both.mount
    both.get(200, "/", has="The install worked successfully")
    both.get(301, "/admin", has=f"Location: {at}/admin/")
    both.get(302, "/admin/", has=f"Location: {at}/admin/login/?next={at}/admin/")
    both.get(200, f"/admin/login/?next={at}/admin/", has="csrftoken=")
    both.form(403, "/admin/login/", {"username": "admin", "password": "secret"}, has="CSRF verification failed")
    both.get(200, f"/admin/login/?next={at}/admin/")
    both.remember("token", token)
    login = {"csrfmiddlewaretoken": "<token>", "username": "admin", "password": "wrong", "next": f"{at}/admin/"}
    both.form(200, "/admin/login/", login, has="Please enter the correct username")
    both.form(302, "/admin/login/", {**login, "password": "secret"}, has="sessionid=")
    both.get(200, "/admin/", has="Site administration")
    both.get(200, "/admin/auth/user/?q=adm", has=f'href="{at}/admin/auth/user/1/change/')
    both.get(200, "/admin/auth/group/add/")
    both.remember("token", token)
    group = {"csrfmiddlewaretoken": "<token>", "name": "Größe & Co", "permissions": "1", "_save": "Save"}
    both.form(302, "/admin/auth/group/add/", group, has=f"Location: {at}/admin/auth/group/")
    both.get(200, "/admin/auth/group/", has="was added successfully")
    both.get(200, "/admin/auth/group/1/change/", has="Größe &amp; Co")
    both.get(200, "/admin/jsi18n/", has="text/javascript")
    both.get(302, "/admin/auth/group/99/change/")
    both.get(200, "/admin/password_change/", has="Old password")
    both.ask(200, "HEAD", "/admin/auth/user/")
    both.get(404, "/nothing/", has="Page not found")
    both.upload(403, "/admin/auth/group/add/", {"name": "x"}, ("file", "noise.bin", NOISE))
    both.form(200, "/admin/logout/", {"csrfmiddlewaretoken": "<token>"}, has="Logged out")
    both.get(302, "/admin/")


# --- datasette ----------------------------------------------------------------------------------------------------


def database(folder: Path, bin: Path) -> None:
    with sqlite3.connect(folder / "wines.db") as connection:
        connection.execute("create table wine (id integer primary key, name text, alcohol real, photo blob)")
        rows = [(1, "Château <b>", 13.5, NOISE[:300]), (2, "Ødegaard & Søn", 12.25, None), (3, "plain", 11.0, b"x")]
        connection.executemany("insert into wine values (?, ?, ?, ?)", rows)
    connection.close()


def datasette_files(folder: Path, bin: Path) -> None:
    database(folder, bin)
    written(
        folder,
        app__py="import os\n\nfrom datasette.app import Datasette\n\n"
        'settings = {"default_page_size": 2, "base_url": os.environ.get("BASE_URL", "/")}\n'
        'app = Datasette(["wines.db"], settings=settings).app()\n',
    )


def datasette_steps(both: Both) -> None:
    both.masks += [r'"query_ms": [\d.]+', r"Queries took [\d.]+ms", r"[\d.]+&nbsp;ms", r"[\d.]+ms\b"]
    both.get(200, "/", has=f'href="{both.mount}/wines"')
    both.get(200, "/wines", has="wine")
    both.get(200, "/wines/wine", has="Ødegaard")
    both.get(200, "/wines/wine.json?_shape=array", has="Ch\\u00e2teau")
    both.get(200, "/wines/wine.json?_shape=array&_nl=on", has="plain")
    both.get(200, "/wines/wine.json?_next=2", has='"plain"')
    both.get(200, "/wines/wine.csv?_stream=1", has="text/plain")
    both.get(200, "/wines/wine.csv?_dl=1&_size=max", has="attachment")
    both.get(200, "/wines/wine/1.json", has='"$base64"')
    both.get(200, "/wines/wine/1.blob?_blob_column=photo", has="application/binary")
    both.get(200, "/wines.json?sql=select+count(*)+as+n+from+wine+where+alcohol+%3E+%3Amin&min=12", has='"n"')
    both.get(400, "/wines.json?sql=delete+from+wine", has="Statement must be a SELECT")
    both.get(404, "/wines/none")
    both.get(404, "/wines/wine/99.json", has='"status": 404')
    both.get(200, "/-/static/app.css", has="text/css")
    both.get(200, "/-/versions.json", has='"datasette"')
    both.get(403, "/wines.db", has="Forbidden")
    both.ask(200, "HEAD", "/wines/wine.json")
    both.ask(500, "POST", "/wines/wine.json", "You may only POST to a canned query", body=b"{}")
    both.masks.append(r'(?<=name="csrftoken" value=")[\w.-]+')
    token = r'name="csrftoken" value="([\w.-]+)"'
    both.get(200, "/-/messages", has="ds_csrftoken=")
    both.remember("token", token)
    both.form(
        302, "/-/messages", {"message": "Hello", "message_type": "INFO", "csrftoken": "<token>"}, has="ds_messages="
    )
    both.form(403, "/-/messages", {"message": "Hello"}, has="form-urlencoded")


# --- ariadne ------------------------------------------------------------------------------------------------------

SCHEMA = '''from ariadne import QueryType, MutationType, gql, make_executable_schema, upload_scalar
from ariadne.asgi import GraphQL

type_defs = gql("""
    scalar Upload
    type Query { hello(name: String = "World"): String! agent: String! broken: Int! }
    type Mutation { size(file: Upload!): Int! }
""")
query, mutation = QueryType(), MutationType()


@query.field("hello")
async def resolve_hello(_, info, name):
    return f"Hello, {name}!"


@query.field("agent")
def resolve_agent(_, info):
    return info.context["request"].headers.get("user-agent", "guest")


@query.field("broken")
def resolve_broken(*_):
    raise ValueError("out of order")


@mutation.field("size")
async def resolve_size(*_, file):
    return len(await file.read())


app = GraphQL(make_executable_schema(type_defs, query, mutation, upload_scalar))
'''


def ariadne_files(folder: Path, bin: Path) -> None:
    written(folder, main__py=SCHEMA)


def ariadne_steps(both: Both) -> None:
    json_type = {"Content-Type": "application/json"}

    def query(status: int, has: str, **document: object) -> None:
        both.ask(
            status, "POST", "/", has, headers=dict(json_type, User_Agent="me/1"), body=json.dumps(document).encode()
        )

    both.get(200, "/", has="Ariadne GraphQL", Accept="text/html")
    query(200, "Hello, World!", query="{ hello agent }")
    query(200, "Zoë", query="query ($n: String) { hello(name: $n) }", variables={"n": "Zoë"})
    query(200, "__schema", query="{ __schema { types { name } } }")
    query(400, "out of order", query="{ hello broken }")
    query(400, "Syntax Error", query="{ hello ")
    query(400, "Cannot query field", query="{ nothing }")
    both.ask(400, "POST", "/", headers=json_type, body=b"{no json")
    both.ask(400, "POST", "/", headers={"Content-Type": "text/plain"}, body=b"{ hello }")
    operations = {"query": "mutation ($file: Upload!) { size(file: $file) }", "variables": {"file": None}}
    both.upload(
        200, "/", {"operations": json.dumps(operations), "map": '{"0": ["variables.file"]}'}, ("0", "noise.bin", NOISE)
    )
    both.ask(200, "OPTIONS", "/", "allow: ")
    both.ask(405, "DELETE", "/")
    both.ask(405, "PUT", "/", body=b"{}")


# --- SQLAdmin, a Starlette application ----------------------------------------------------------------------------

ADMIN = """from sqladmin import Admin, ModelView
from sqlalchemy import Column, Integer, String, create_engine
from sqlalchemy.orm import declarative_base
from starlette.applications import Starlette

Base = declarative_base()
engine = create_engine("sqlite:///example.db", connect_args={"check_same_thread": False})


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)


Base.metadata.create_all(engine)
app = Starlette()
admin = Admin(app, engine)


class UserAdmin(ModelView, model=User):
    column_list = [User.id, User.name]
    column_searchable_list = [User.name]
    column_sortable_list = [User.id]


admin.add_view(UserAdmin)
"""


def sqladmin_files(folder: Path, bin: Path) -> None:
    written(folder, main__py=ADMIN)


def sqladmin_steps(both: Both) -> None:
    root = f"http://localhost{both.mount}"
    both.masks += [r'(?<=etag: )"\w+"']
    both.get(200, "/admin/", has=f"{root}/admin/statics/css/")
    both.get(307, "/admin", has=f"location: {root}/admin/")
    both.get(404, "/")
    both.get(200, "/admin/user/list", has=f"{root}/admin/user/create")
    both.get(200, "/admin/user/create", has="<form")
    for name in ("Zoë", "Ann & Bob", "Carl"):
        both.form(302, "/admin/user/create", {"name": name, "save": "Save"}, has=f"location: {root}/admin/user/list")
    both.get(200, "/admin/user/list?search=Zo&sortBy=id&sort=desc", has="Zoë")
    both.get(200, "/admin/user/details/2", has="Ann &amp; Bob")
    both.form(302, "/admin/user/edit/2", {"name": "Ann", "save": "Save"})
    both.get(200, "/admin/user/export/csv", has="Ann")
    both.get(200, "/admin/user/export/json", has="Zo")
    both.ask(200, "DELETE", "/admin/user/delete?pks=3")
    both.get(404, "/admin/user/details/99")
    both.get(404, "/admin/nothing/list")
    both.get(200, "/admin/statics/css/main.css", has="text/css")
    both.ask(200, "HEAD", "/admin/statics/css/main.css")
    both.ask(405, "PATCH", "/admin/user/list")


# --- sqlite-web, by its own command line --------------------------------------------------------------------------


def sqlite_web_steps(both: Both) -> None:
    both.get(200, "/", has="wines.db")
    both.get(200, "/wine/", has="alcohol")
    both.get(200, "/wine/content/?ordering=-alcohol", has="Ødegaard")
    both.get(404, "/none/content/")
    both.form(200, "/wine/query/", {"sql": 'select "name", alcohol * 2 from wine'}, has="27.0")
    both.form(200, "/wine/export/", {"export_format": "json", "columns": "name"}, has="attachment")
    both.form(200, "/wine/export/", {"export_format": "csv", "columns": "name"}, has="text/csv")
    both.form(302, "/create-table/", {"table_name": "other"}, has="Location: /other/")
    both.get(200, "/other/", has="other")
    both.form(302, "/other/drop/", {}, has="Location: /")
    both.get(200, "/static/css/bootstrap.min.css", has="text/css")
    both.get(404, "/static/none.css")
    both.ask(200, "HEAD", "/")
    both.ask(405, "PUT", "/", body=b"x")


# --- uploadserver, by its own command line ------------------------------------------------------------------------


def uploadserver_steps(both: Both) -> None:
    both.get(200, "/", has="share/")
    both.get(301, "/share", has="Location: /share/")
    both.get(200, "/share/hello.txt", has="Grüße")
    both.get(200, "/share/noise.bin", has="Content-Length: 10240")
    both.get(304, "/share/noise.bin", If_Modified_Since="Fri, 14 Jul 2017 02:40:00 GMT")
    both.ask(200, "HEAD", "/share/a%20b.html")
    both.get(404, "/none")
    both.get(200, "/upload", has='<form action="upload"')
    both.upload(204, "/upload", {}, ("files", "up.bin", NOISE))
    both.get(200, "/up.bin", has="application/octet-stream")
    both.upload(400, "/upload", {}, ("other", "up.bin", NOISE))
    both.ask(404, "POST", "/elsewhere", body=b"x")
    both.ask(501, "DELETE", "/up.bin")


# --- gunicorn, by its command line, with httpbin in it ------------------------------------------------------------


def gunicorn_steps(both: Both) -> None:
    both.masks += [r'(?s)"headers": \{.*?\}', r'"origin": "[^"]*"']
    both.get(200, "/html", has="Herman Melville")
    both.form(200, "/post", {"name": "Zoë"}, has='"name": "Zo\\u00eb"')
    both.upload(200, "/post", {}, ("file", "noise.bin", NOISE))
    both.get(200, "/stream/3", has='"id": 2')
    both.get(200, "/stream-bytes/3000?seed=1")
    both.get(302, "/redirect/1", has="Location: /get")
    both.get(302, "/cookies/set?one=1")
    both.get(200, "/cookies", has='"one": "1"')
    both.get(418, "/status/418", has="teapot")
    both.get(200, "/image/png", has="image/png")
    both.ask(200, "HEAD", "/html")


PROGRAMS = (
    Program("httpbin", "wsgi", "httpbin:app", nothing, httpbin_steps),
    Program(
        "pypiserver",
        "wsgi",
        'pypiserver:app(root="packages", password_file=".", authenticate=[])',
        packages,
        pypiserver_steps,
    ),
    Program(
        "radicale",
        "wsgi",
        "radicale:application",
        radicale_files,
        radicale_steps,
        environ={"RADICALE_CONFIG": "config"},
    ),
    Program("wsgidav", "wsgi", "", webdav_files, webdav_steps, usual="wsgi"),
    Program("django-wsgi", "wsgi", "", django_files, django_steps, usual="mysite.wsgi"),
    Program("django-asgi", "asgi", "mysite.asgi:application", django_files, django_steps),
    Program("datasette", "asgi", "", datasette_files, datasette_steps, usual="app:app", told_by="BASE_URL"),
    Program("ariadne", "asgi", "main:app", ariadne_files, ariadne_steps),
    Program("sqladmin", "asgi", "", sqladmin_files, sqladmin_steps, usual="main:app"),
    Program("sqlite-web", "command", "sqlite_web --no-browser --port $PORT wines.db", database, sqlite_web_steps),
    Program("uploadserver", "command", "python -m uploadserver $PORT", shared_files, uploadserver_steps),
    Program("gunicorn", "command", "gunicorn --threads 2 httpbin:app", nothing, gunicorn_steps),
)

"""Which modules of the proxy are mutated, and the fast tests that have to notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Target:
    """A pure module of ``modelproxy`` by its path in it, without the ending, and files of tests/runtime."""

    path: str
    tests: tuple[str, ...]

    @property
    def source(self) -> Path:
        return CHECKOUT / "runtime" / "modelproxy" / f"{self.path}.py"

    @property
    def module(self) -> str:
        return "modelproxy." + self.path.replace("/", ".")

    @property
    def test_files(self) -> list[str]:
        return [str(CHECKOUT / "tests" / "runtime" / f"test_{name}.py") for name in self.tests]


TARGETS = (
    Target("http1", ("http1", "http1_and_h11")),
    Target("reader", ("reader", "http1_and_h11")),
    Target("media_types", ("media_types", "web_action_results")),
    Target("web_action/request", ("web_action_requests",)),
    Target("web_action/result", ("web_action_results", "activation")),
    Target("plain_action", ("plain_action",)),
    Target("percent", ("percent", "plain_action")),
    Target("messages", ("messages", "plain_action")),
    Target("settings", ("settings",)),
    Target("formats/multipart", ("multipart",)),
    Target("formats/open_inference", ("open_inference",)),
    Target("formats/zip_reader", ("zip_reader",)),
    Target("formats/data_url", ("data_url",)),
    Target("formats/json_text", ("json_text",)),
    Target("remembered", ("remembered",)),
    Target("charsets", ("charsets",)),
    Target("base64_codec", ("base64_codec",)),
    Target("formats/web_values", ("web_values",)),
    Target("formats/returned", ("returned",)),
    Target("formats/msgpack", ("msgpack",)),
    Target("formats/tensors", ("open_inference",)),
)

"""Where host, key and namespace come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelwhisk.openwhisk import NoCredentials, Settings
from modelwhisk.openwhisk.settings import read_properties


def properties(tmp_path: Path, text: str = "APIHOST=file.example\nAUTH=file:key\n") -> dict[str, str]:
    (tmp_path / ".wskprops").write_text(text)
    return {"HOME": str(tmp_path)}


def test_the_file_of_wsk_is_read(tmp_path: Path) -> None:
    settings = Settings.find(environment=properties(tmp_path))
    assert settings.host == "https://file.example"
    assert settings.auth == "file:key"
    assert settings.namespace == "_"
    assert settings.origin == str(tmp_path / ".wskprops")
    assert not settings.insecure


def test_the_environment_goes_before_the_file_and_flags_before_both(tmp_path: Path) -> None:
    environment = {**properties(tmp_path), "WHISK_APIHOST": "http://env.example/", "WHISK_AUTH": "env:key"}
    assert Settings.find(environment=environment).host == "http://env.example"
    assert Settings.find(environment=environment).origin == "WHISK_AUTH"
    flags = Settings.find("flag.example", "flag:key", "ns", True, environment)
    assert (flags.host, flags.auth, flags.namespace, flags.insecure) == (
        "https://flag.example",
        "flag:key",
        "ns",
        True,
    )


def test_inside_an_action_its_own_platform_is_found() -> None:
    environment = {"__OW_API_HOST": "https://in", "__OW_API_KEY": "a:b", "__OW_NAMESPACE": "n"}
    settings = Settings.find(environment={**environment, "__OW_IGNORE_CERTS": "true"})
    assert (settings.host, settings.auth, settings.namespace, settings.insecure) == ("https://in", "a:b", "n", True)


def test_another_file_can_be_named_or_none(tmp_path: Path) -> None:
    environment = properties(tmp_path)
    other = tmp_path / "other"
    other.write_text("APIHOST = other.example \nAUTH=o:k==\n# AUTH=no\nnonsense\nCERT=c\nKEY=k\nNAMESPACE=mine\n")
    settings = Settings.find(environment={**environment, "WSK_CONFIG_FILE": str(other)})
    assert (settings.host, settings.auth, settings.namespace) == ("https://other.example", "o:k==", "mine")
    assert settings.certificate == ("c", "k")
    with pytest.raises(NoCredentials, match="No OpenWhisk is set"):
        Settings.find(environment={**environment, "WSK_CONFIG_FILE": ""})


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoCredentials, match=r"No OpenWhisk is set.*\n.*WHISK_APIHOST"):
        Settings.find(environment={})
    with pytest.raises(NoCredentials, match=r"No key is set for h.*\n.*WHISK_AUTH"):
        Settings.find("h", environment={"HOME": str(tmp_path)})


def test_a_file_that_cannot_be_read_has_nothing(tmp_path: Path) -> None:
    assert read_properties(tmp_path) == {}

import pytest
from modelproxy import hosts
from modelproxy.settings import Settings


def test_a_folder_that_two_hosts_could_serve_is_an_error_that_names_them(monkeypatch, tmp_path):
    rules = (("max", lambda folder: True, "this"), ("other", lambda folder: True, "that"))
    monkeypatch.setattr(hosts, "RULES", rules)
    with pytest.raises(hosts.Unloadable, match="could be served by max or other; set MODELPROXY_HOST"):
        hosts.choose(Settings({}), str(tmp_path))
    assert hosts.choose(Settings({"MODELPROXY_HOST": "other"}), str(tmp_path)) == ("other", "MODELPROXY_HOST says so")


def test_a_missing_model_says_so_when_it_is_loaded():
    reason = hosts.Unloadable("nothing here")
    missing = hosts.Missing(reason)
    with pytest.raises(hosts.Unloadable, match="nothing here"):
        missing.load()
    missing.close()

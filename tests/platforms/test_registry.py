"""The registry: a program that uses one platform imports one."""

import json
import subprocess
import sys

import pytest

from haoma.platforms.registry import PLATFORMS

_LOADED = "json.dumps(sorted({name.split('.')[2] for name in sys.modules if name.startswith('haoma.platforms.')}))"


def test_one_platform():
    """Neither the library, the command line nor the service imports a platform that no app is configured for."""
    steps = {
        "import haoma.cli, haoma.service.app, haoma.settings.reader; haoma.Client": set(),
        "from haoma.platforms.registry import PLATFORMS; list(PLATFORMS); assert 'wechat' in PLATFORMS": set(),
        "haoma.configure('wechat', app_id='wx' + 16 * '0', app_secret=32 * '0')": {"wechat"},
        "haoma.Client(haoma.configure('kuaishou', app_id='ks1', app_secret='s' * 32)).close()": {"wechat", "kuaishou"},
    }
    whole = "\n".join(["import sys, json, haoma", *(f"{step}\nprint({_LOADED})" for step in steps)])
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", whole], capture_output=True, text=True, check=True)
    found = [set(json.loads(line)) & set(PLATFORMS) for line in done.stdout.splitlines()]
    assert found == list(steps.values())


def test_a_service_needs_neither_mirror_nor_symptoms():
    """What only the simulator and the doctor read of a platform, they alone import."""
    apps = "{'shop': {'platform': 'wechat', 'app_id': 'wx' + 16 * '0', 'app_secret': 32 * '0'}}"
    settings = f"haoma.settings.reader.from_mapping({{'apps': {apps}, 'service': {{'server_keys': [40 * 'k']}}}})"
    program = f"import haoma.settings.reader, haoma.service\nhaoma.service.create_app({settings})"
    whole = f"import sys, haoma\n{program}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", whole], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "haoma.platforms.wechat.flow" in modules
    assert [name for name in modules if "haoma" in name and ("mirror" in name or "symptoms" in name)] == []


def test_every_platform_is_where_its_line_says():
    """Each name leads to the platform of this name, and to the same object each time."""
    for name, platform in PLATFORMS.items():
        assert platform.name == name
        assert PLATFORMS.get(name) is platform
        assert (platform.find_under_key is None) == (platform.read_sealed is None)
    assert "nobody" not in PLATFORMS
    with pytest.raises(KeyError):
        PLATFORMS["nobody"]


def test_which_settings_are_secret():
    """By hand: what is secret must not be seen, and what holds a key or certificate may name a file."""
    expected = {
        "alipay": {
            "secret, no file": "app_auth_token",
            "secret": "aes_key app_private_key isv_aes_key",
            "open": "alipay_cert alipay_public_key alipay_root_cert app_cert",
        },
        "baidu": {"secret": "app_secret"},
        "dingtalk": {"secret": "client_secret"},
        "douyin": {"secret": "app_private_key app_secret token_url_key"},
        "huawei": {"secret": "client_secret"},
        "kuaishou": {"secret": "app_secret"},
        "wechat": {
            "secret, no file": "authorizer_refresh_token component_token push_token",
            "secret": (
                "api_private_key api_sym_key app_secret component_aes_key component_app_secret"
                " provider_app_secret push_aes_key token_url_key"
            ),
            "open": "api_certificate",
        },
        "xiaohongshu": {"secret": "app_secret"},
    }
    kinds = {(True, False): "secret, no file", (True, True): "secret", (False, True): "open"}
    found: dict[str, dict[str, list[str]]] = {}
    for platform in PLATFORMS.values():
        for setting in sorted(platform.settings, key=lambda each: each.name):
            if kind := kinds.get((setting.secret, setting.key)):
                found.setdefault(platform.name, {}).setdefault(kind, []).append(setting.name)
    assert {name: {kind: " ".join(each) for kind, each in kinds.items()} for name, kinds in found.items()} == expected

"""Every fault of a haoma.toml, with the line on which it stands."""

import base64
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

import haoma
from haoma.errors import ConfigFaults
from haoma.settings.model import HaomaWarning
from haoma.settings.reader import configure, from_mapping, load
from haoma.settings.service import parse_listen
from haoma.simulator.stage import Stage

NOW = 1_780_000_000.0
CASE = Path(__file__).parents[1] / "vectors" / "alipay" / "success-mainland"
SHOP = tomllib.loads((CASE / "app.toml").read_text("utf-8"))["apps"]["shop"]
PUBLIC_KEY, AES_KEY = SHOP["alipay_public_key"], SHOP["aes_key"]
OTHER_AES_KEY = base64.b64encode(b"another aes key!").decode()
WX_SECRET = "0123456789abcdef0123456789abcdef"  # gitleaks:allow
STRONG = "hk_server_0123456789abcdefghijklmn"
GOOD = f"""\
[apps.shop]
platform = "alipay"
app_id = "2021000000000000"
alipay_public_key = "{PUBLIC_KEY}"
aes_key = "{AES_KEY}"
"""
MINI = f"""
[apps.mini]
platform = "wechat"
app_id = "wx0123456789abcdef"
app_secret = "{WX_SECRET}"
"""


@pytest.fixture
def faults(tmp_path):
    """Write a file, load it, and return its faults as (code, where, line)."""

    def found(text, *, environ=None, **options):
        path = tmp_path / "haoma.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            settings = load(path, environ=environ or {}, now=NOW, **options)
        except ConfigFaults as error:
            listed = error.faults
            assert any(not fault.warning for fault in listed)
        else:
            listed = settings.warnings
            assert all(fault.warning for fault in listed)
        assert all(fault.file == str(path) for fault in listed)
        shown = "".join(f"{fault} {fault!r}" for fault in listed)
        for secret in (AES_KEY, PUBLIC_KEY, WX_SECRET, STRONG, OTHER_AES_KEY):
            assert secret not in shown
        return [(fault.code.removeprefix("config."), fault.where, fault.line) for fault in listed]

    return found


def test_a_good_file_has_no_faults(faults):
    """A whole file without faults loads without warnings."""
    text = GOOD + MINI + f'[service]\nlisten = "[::1]:9000"\nserver_keys = "{STRONG}"\npublishable_keys = []\n'
    assert faults(text, serving=True) == []


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("a = \nb = 1\n", ("not-toml", 1), id="syntax"),
        pytest.param(GOOD + "\n[apps.shop]\n", ("not-toml", 7), id="table-twice"),
        pytest.param("# fine\nx = 'open\n", ("not-toml", 2), id="string-left-open"),
        pytest.param("x = 1\ny = [1,\n", ("not-toml", 2), id="end-of-file"),
        pytest.param(b"x = '\xff'\n", ("not-toml", 1), id="not-utf8"),
        pytest.param("x = " + "[" * 5000 + "]" * 5000, ("not-toml", 1), id="too-deep"),
        pytest.param("# " + "x" * (1024 * 1024), ("not-toml", 1), id="too-large"),
    ],
)
def test_not_toml(faults, text, expected):
    """A file that is no TOML is refused, with the line if there is one."""
    [(code, _, line)] = faults(text)
    assert (code, line) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("", [("no-apps", "apps", 1)], id="empty-file"),
        pytest.param("apps = 3\n", [("wrong-type", "apps", 1)], id="apps-no-table"),
        pytest.param("[apps]\n\nshop = 3\n", [("wrong-type", "apps", 3)], id="app-no-table"),
        pytest.param("\n[app.shop]\n", [("no-apps", "apps", 1), ("unknown-setting", "", 2)], id="unknown-table"),
        pytest.param("colour = 1\n" + GOOD, [("unknown-setting", "", 1)], id="unknown-top-level"),
        pytest.param(GOOD + "colour = 1\n", [("unknown-setting", "apps.shop", 6)], id="unknown-in-app"),
        pytest.param(GOOD + "[service]\nport = 1\n", [("unknown-setting", "service", 7)], id="unknown-in-service"),
        pytest.param("[apps.x]\n", [("missing-setting", "apps.x.platform", 1)], id="no-platform"),
        pytest.param("[apps.x]\nplatform = 7\n", [("unknown-platform", "apps.x.platform", 2)], id="platform-type"),
        pytest.param(
            '# one\n[apps.x]\nplatform = "fax"\n', [("unknown-platform", "apps.x.platform", 3)], id="platform"
        ),
        pytest.param(
            '[apps.x]\nplatform = "wechat"\napp_id = "wx0123456789abcdef"\n',
            [("missing-setting", "apps.x.app_secret", 1)],
            id="missing",
        ),
        pytest.param(GOOD.replace("apps.shop", 'apps."my shop"'), [("bad-name", "apps", 1)], id="bad-name"),
        pytest.param(GOOD.replace("apps.shop", "apps.店"), None, id="bad-bare-key"),
        pytest.param(GOOD.replace("apps.shop", 'apps."../x"'), [("bad-name", "apps", 1)], id="path-name"),
        pytest.param(
            GOOD.replace(f'"{AES_KEY}"', "24"), [("wrong-type", "apps.shop.aes_key", 5)], id="number-for-text"
        ),
        pytest.param(GOOD.replace(AES_KEY, " "), [("empty-value", "apps.shop.aes_key", 5)], id="blank"),
        pytest.param(GOOD.replace(AES_KEY, AES_KEY[:-4]), [("aes-key-length", "apps.shop.aes_key", 5)], id="short-key"),
        pytest.param(
            GOOD + 'gateway_url = "http://127.0.0.1:1/gateway.do"\n',
            [("insecure-upstream", "apps.shop.gateway_url", 6)],
            id="http",
        ),
        pytest.param(
            GOOD + 'gateway_url = "ftp://x"\n', [("bad-url", "apps.shop.gateway_url", 6)], id="not-http-at-all"
        ),
        pytest.param(
            GOOD + "aes_keys = 1\n[service]\nlisten = 1\n",
            [("unknown-setting", "apps.shop", 6), ("wrong-type", "service.listen", 8)],
            id="two-places",
        ),
    ],
)
def test_apps(faults, text, expected):
    """Faults of apps are found where they stand."""
    if expected is None:
        [(code, _, line)] = faults(text)
        assert (code, line) == ("not-toml", 1)
    else:
        assert faults(text) == expected


@pytest.mark.parametrize(
    "line, expected",
    [
        ('listen = "8080"', "bad-listen"),
        ('listen = "127.0.0.1:65536"', "bad-listen"),
        ("workers = 0", "wrong-type"),
        ("workers = 1.5", "wrong-type"),
        ("workers = true", "wrong-type"),
        ('server_keys = ["sha256:12"]', "wrong-type"),
        (f'server_keys = ["{STRONG} x"]', "wrong-type"),
        ('server_keys = ["密钥密钥密钥密钥密钥密钥密钥密钥密钥"]', "wrong-type"),
        ("server_keys = [1]", "wrong-type"),
        ('server_keys = ["short"]', "weak-server-key"),
        ('cors_origins = ["*"]', "bad-url"),
        ('cors_origins = ["https://shop.example/path"]', "bad-url"),
        ('signing_keys = "-----BEGIN"', "key-unreadable"),
        ('log_level = "loud"', "wrong-type"),
        ("body_seconds = 1000", "wrong-type"),
        ("request_seconds = -1", "wrong-type"),
        ('drain_seconds = "soon"', "wrong-type"),
    ],
)
def test_service(faults, line, expected):
    """Faults of the service are found where they stand."""
    setting = line.partition(" ")[0]
    assert faults(f"{GOOD}[service]\n# a comment\n{line}\n") == [(expected, f"service.{setting}", 8)]


def test_the_same_key_twice(faults):
    """A key cannot be a server key and a publishable one, in whatever form it is given."""
    digest = "sha256:1f6e8e9ea53e7c8ee2e6a4d9c0a1e2a4b7c2b7fb3ea0f5e9b1e5f6a7b8c9d0e1"
    text = f'{GOOD}[service]\nserver_keys = ["{digest}"]\npublishable_keys = ["{digest.upper()}"]\n'
    text = text.replace("SHA256:", "sha256:")
    assert faults(text) == [("same-key-twice", "service.publishable_keys", 8)]


@pytest.mark.parametrize("kind, other", [("server", "publishable"), ("publishable", "server")])
def test_a_key_of_the_other_kind(kind, other, faults):
    """The key of the mini program among the server's would get full numbers; the prefix gives it away, either way."""
    made = f"hk_{other}_0123456789abcdefghijklmn"
    assert faults(f'{GOOD}[service]\n{kind}_keys = ["{made}"]\n') == [
        ("key-of-the-other-kind", f"service.{kind}_keys", 7)
    ]
    assert faults(f'{GOOD}[service]\n{other}_keys = ["{made}"]\n') == []


def test_no_keys(faults):
    """Serving without any key is a fault; opening an envelope needs none."""
    assert faults(GOOD + "[service]\nserver_keys = []\n") == []
    assert faults(GOOD + "[service]\nserver_keys = []\n", serving=True) == [("no-server-keys", "service", 6)]
    assert faults(GOOD, serving=True) == [("no-server-keys", "service", 1)]


def test_two_apps_with_one_aes_key(faults):
    """Two apps that share a key would accept each other's envelopes: both are named."""
    twin = GOOD.replace("apps.shop", "apps.twin").replace("2021000000000000", "2021000000000001")
    assert faults(GOOD + twin) == [
        ("shared-aes-key", "apps.shop.aes_key", 5),
        ("shared-aes-key", "apps.twin.aes_key", 10),
    ]


def test_one_app_twice(faults):
    """The same app id under two names is a warning."""
    twin = GOOD.replace("apps.shop", "apps.twin").replace(AES_KEY, OTHER_AES_KEY)
    assert faults(GOOD + twin) == [("duplicate-app-id", "apps.twin.app_id", 8)]


def test_session_key_flow_with_workers(faults):
    """Sessions that are in memory live in one process, wherever the number of processes is said."""
    mini = MINI + "accept_encrypted_data = true\n"
    memory = '[store]\ndatabase_url = "memory"\n'
    assert faults(mini + "[service]\nworkers = 2\n" + memory) == [("needs-one-worker", "service.workers", 8)]
    assert faults(mini + memory, workers=2) == [("needs-one-worker", "--workers", 0)]
    assert faults(mini + "[service]\nworkers = 2\n" + memory, workers=1) == []
    assert faults(mini, workers=2) == []


EVERY_APP = Stage().settings("http://127.0.0.1:9")["apps"]


@pytest.mark.parametrize("name", EVERY_APP)
def test_what_needs_memory_needs_one_worker(name):
    """An app whose requests need what earlier ones left does not start with two workers; only Alipay's envelopes do."""
    app = EVERY_APP[name]
    values = {"allow_insecure_upstreams": True, "apps": {name: app}}
    assert from_mapping(values, workers=1).apps
    if app["platform"] == "alipay" and "app_private_key" not in app:
        assert from_mapping(values, workers=2).apps
        return
    with pytest.raises(ConfigFaults) as refused:
        from_mapping(values, workers=2)
    (fault,) = (each for each in refused.value.faults if not each.warning)
    setting = "app_private_key" if app["platform"] == "alipay" else "platform"  # every app of the other platforms
    assert (fault.code, fault.because["settings"]) == ("config.needs-one-worker", f"apps.{name}.{setting}")


def test_a_signing_key_for_several_workers(faults):
    """It is asked for with all other faults, and not a second time when it is there and cannot be read."""
    service = '[service]\nworkers = 2\npublishable_keys = "pk"\n'
    needed = ("signing-key-needed", "service.signing_keys", 6)
    assert faults(GOOD + service) == [needed]
    unreadable = ("key-unreadable", "service.signing_keys", 9)
    assert faults(GOOD + service + 'signing_keys = "x"\n') == [unreadable]


def test_signing_keys_while_one_is_changed(tmp_path):
    """The first one is the one that signs; one that is there twice counts once; the old name names the new one."""
    keys = [Ed25519PrivateKey.generate() for _ in range(2)]
    for name, key in zip("ab", keys, strict=True):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.pem").write_bytes(pem)
    path = tmp_path / "haoma.toml"
    path.write_text(f'{GOOD}[service]\nsigning_keys = ["b.pem", {{ file = "a.pem" }}, "b.pem"]\n')
    found = haoma.load(path, environ={}, now=NOW).service.signing_keys
    assert [key.private_bytes_raw() for key in found] == [key.private_bytes_raw() for key in reversed(keys)]
    path.write_text(f'{GOOD}[service]\nsigning_key = "a.pem"\n')
    with pytest.raises(ConfigFaults) as caught:
        haoma.load(path, environ={}, now=NOW)
    (fault,) = caught.value.faults
    assert (fault.code, fault.because["renamed_to"]) == ("config.unknown-setting", "signing_keys")


@pytest.mark.parametrize("proxies", ["10.0.0.1/8", "proxy.example", "0.0.0.0/0", "::/0", "", "10.0.0.0/33", "127.1"])
def test_proxies_that_are_no_networks(faults, proxies):
    """A network is written exactly, and is not the whole internet."""
    code = "wrong-type" if proxies else "empty-value"
    found = faults(f'{GOOD}[service]\ntrusted_proxies = ["{proxies}"]\n')
    assert found == [(code, "service.trusted_proxies", 7)]


@pytest.mark.parametrize(
    ("setting", "good", "bad"),
    [
        ("refused_limit", ("1", "1000"), ("0", "1001", "1.5", "true")),
        ("refused_seconds", ("1", "86400", "0x10"), ("0.5", "86401", "false")),
    ],
)
def test_bounds_of_refused_codes(faults, setting, good, bad):
    """Both bounds, from both sides."""
    for value in good:
        assert faults(f"{GOOD}[service]\n{setting} = {value}\n") == []
    for value in bad:
        assert faults(f"{GOOD}[service]\n{setting} = {value}\n") == [("wrong-type", f"service.{setting}", 7)]


def test_insecure_upstreams_warn(faults):
    """Plain http needs the long-named setting, and that warns."""
    text = "allow_insecure_upstreams = true\n" + GOOD + 'gateway_url = "http://127.0.0.1:1/gateway.do"\n'
    assert faults(text) == [("insecure-upstreams-allowed", "allow_insecure_upstreams", 1)]


def test_all_faults_at_once(faults):
    """Every fault of a file is in one list, in the order of the lines, warnings among them."""
    text = f"""\
allow_insecure_upstreams = "yes"
color = 1
ca_file = "absent.pem"

[apps.shop]
platform = "alipay"
app_id = "2021"
alipay_public_key = {{ file = "absent.txt" }}
aes_key = [
    "{AES_KEY}",
    {{ env = "SHOP_AES_KEY" }},
]
app_private_key = {{ file = "a", env = "b" }}
gateway_url = "http://gateway.example"

[apps."a b"]
platform = "fax"

[service]
listen = "nowhere"
server_keys = ["short"]
"""
    assert faults(text) == [
        ("wrong-type", "allow_insecure_upstreams", 1),
        ("unknown-setting", "", 2),
        ("file-unreadable", "ca_file", 3),
        ("app-id-shape", "apps.shop.app_id", 7),
        ("file-unreadable", "apps.shop.alipay_public_key", 8),
        ("env-unset", "apps.shop.aes_key.1", 11),
        ("wrong-type", "apps.shop.app_private_key", 13),
        ("insecure-upstream", "apps.shop.gateway_url", 14),
        ("bad-name", "apps", 16),
        ("unknown-platform", "apps", 17),
        ("bad-listen", "service.listen", 20),
        ("weak-server-key", "service.server_keys", 21),
    ]


def test_files(tmp_path, faults):
    """A value may stand in a file beside the haoma.toml; what is wrong with the file is said."""
    (tmp_path / "aes.txt").write_bytes(b"\xef\xbb\xbf  " + AES_KEY.encode() + b"\r\n")
    (tmp_path / "plain").write_text(AES_KEY)
    (tmp_path / "blank").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"\x82\xff\xff")
    (tmp_path / "large").write_bytes(b"x" * (64 * 1024 + 1))

    def with_key(value):
        return faults(GOOD.replace(f'"{AES_KEY}"', value))

    where = ("apps.shop.aes_key", 5)
    assert with_key('{ file = "aes.txt" }') == []
    assert with_key('[{ file = "aes.txt" }]') == []
    assert with_key('"plain"') == []
    assert with_key('"aes.txt"') == []
    assert with_key(f"{{ file = '{tmp_path / 'plain'}' }}") == []
    assert with_key('{ file = "blank" }') == [("empty-value", *where)]
    for bad in ("binary", "large", "absent", ".", "nul\\u0000"):
        assert with_key(f'{{ file = "{bad}" }}') == [("file-unreadable", *where)], bad
    (tmp_path / "der").write_bytes(b"\x30\x82\xff\xff")  # DER is read as base64, and is then not an AES key
    assert with_key('{ file = "der" }') == [("aes-key-length", *where)]
    assert with_key('"absent.pem"') == [("file-unreadable", *where)]


def test_environment(faults):
    """A value may stand in the environment, where everything is text; empty is not the same as unset."""
    text = (
        MINI.replace(f'"{WX_SECRET}"', '{ env = "S" }')
        + 'accept_encrypted_data = { env = "O" }\nmax_age = { env = "A" }\n'
    )
    text += '[service]\nworkers = { env = "W" }\n[store]\ndatabase_url = "memory"\n'
    good = {"S": WX_SECRET, "O": "true", "A": "60", "W": "1"}
    assert faults(text, environ=good) == []
    assert faults(text, environ=good | {"W": "2"}) == [("needs-one-worker", "service.workers", 9)]
    assert faults(text, environ=good | {"S": " "}) == [("empty-value", "apps.mini.app_secret", 5)]
    assert faults(text, environ=good | {"O": "maybe"}) == [("wrong-type", "apps.mini.accept_encrypted_data", 6)]
    assert [code for code, *_ in faults(text)] == ["env-unset"] * 4


def test_a_secret_in_the_wrong_place_is_not_repeated(faults):
    """Whoever writes the secret itself into { env } or { file } does not read it in the message."""
    for place in ("env", "file"):
        text = GOOD.replace(f'"{AES_KEY}"', f'{{ {place} = "{AES_KEY}" }}')
        assert len(faults(text)) == 1
        text = MINI.replace(f'"{WX_SECRET}"', f'{{ {place} = "{WX_SECRET}" }}')
        assert len(faults(text)) == 1
    assert len(faults(GOOD.replace('"alipay"', f'"{WX_SECRET}"'))) == 1


def test_missing_file(tmp_path):
    """A haoma.toml that is not there, or is a directory, is a fault that names it."""
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigFaults) as caught:
            load(path, environ={}, now=NOW)
        assert [fault.code for fault in caught.value.faults] == ["config.file-missing"]
        assert str(path) in str(caught.value)


def test_what_was_read(tmp_path):
    """The settings hold what the file says; keys as digests alone, and nothing of it is in a repr."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "sign.pem").write_bytes(pem)
    text = f"""{GOOD}{MINI}
[service]
listen = "0.0.0.0:9000"
server_keys = ["{STRONG}", "{STRONG}", "sha256:{"AB" * 32}"]
publishable_keys = "pk"
workers = 1
trusted_proxies = ["10.0.0.0/8", "2001:db8::1"]
cors_origins = ["https://shop.example"]
signing_keys = "sign.pem"
log_level = "debug"
"""
    path = tmp_path / "haoma.toml"
    path.write_text("\ufeff" + text.replace("\n", "\r\n"), encoding="utf-8")
    settings = haoma.load(path, environ={}, now=NOW)
    service = settings.service
    assert (service.host, service.port, service.workers) == ("0.0.0.0", 9000, 1)
    assert [str(each) for each in service.trusted_proxies] == ["10.0.0.0/8", "2001:db8::1/128"]
    assert (service.refused_limit, service.refused_seconds) == (30, 600)
    assert [key.id for key in service.server_keys][1] == "abababab"
    assert len(service.server_keys) == 2
    assert [key.kind for key in service.publishable_keys] == ["publishable"]
    assert [each.public_key() for each in service.signing_keys] == [key.public_key()]
    assert service.cors_origins == ("https://shop.example",)
    assert settings.path == str(path)
    assert list(settings.apps) == ["shop", "mini"]
    for secret in (STRONG, AES_KEY, WX_SECRET, "PRIVATE"):
        assert secret not in repr(settings)
    with pytest.raises(haoma.errors.NoSuchApp) as caught:
        settings.app("shopp")
    assert caught.value.because == {"nearest": "shop", "known": "shop, mini"}


def test_authorities(tmp_path):
    """ca_file names certificates, from the directory of the file; anything else is refused."""
    import trustme

    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "not.pem").write_text("hello")
    apps = {"apps": {"shop": SHOP}}
    for value in ("ca.pem", {"file": "ca.pem"}):
        assert from_mapping(apps | {"ca_file": value}, base_dir=tmp_path).ca_file == str(tmp_path / "ca.pem")
    with pytest.raises(ConfigFaults) as caught:
        from_mapping(apps | {"ca_file": "not.pem"}, base_dir=tmp_path)
    assert [fault.code for fault in caught.value.faults] == ["config.certificate-unreadable"]


def test_configure():
    """An app is configured from Python by the same rules; its faults come all at once, its warnings as warnings."""
    shop = {name: value for name, value in SHOP.items() if name != "platform"}
    assert configure("alipay", **shop).app_id == "2021000000000000"
    with pytest.raises(ConfigFaults) as caught:
        configure("alipay", aes_key="x", colour=1)
    assert {fault.code for fault in caught.value.faults} >= {"config.missing-setting", "config.unknown-setting"}
    with pytest.warns(HaomaWarning, match="insecure-upstreams-allowed"):
        configure("alipay", allow_insecure_upstreams=True, gateway_url="http://127.0.0.1:1/x", **shop)
    with pytest.raises(ConfigFaults, match="unknown-platform"):
        configure("fax")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:65535", ("localhost", 65535)),
        ("localhost:65536", None),
        ("localhost", None),
        (":80", None),
        ("::1:80", None),
        ("a b:80", None),
        ("x:８０", None),
    ],
)
def test_listen(text, expected):
    """An address to listen on is host and port."""
    assert parse_listen(text) == expected


def test_keys_and_certificates_in_der(tmp_path):
    """A public key and a certificate in DER are read from their files like those in PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from haoma.crypto.keys import leaf, parse_certificates
    from haoma.platforms.alipay.app import AlipayApp
    from haoma.platforms.alipay.mirror import AlipayMirror
    from haoma.settings.reader import from_mapping

    mirror = AlipayMirror(bytes)
    values = mirror.settings("https://platform.test")["alipay-cert"]
    certificate = leaf(parse_certificates(values["alipay_cert"]))
    (tmp_path / "leaf.crt").write_bytes(certificate.public_bytes(Encoding.DER))
    key = mirror.alipay_key.public_key()
    (tmp_path / "key.der").write_bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    by_cert = {**values, "alipay_cert": "leaf.crt"}
    by_key = {**mirror.settings("https://platform.test")["alipay"], "alipay_public_key": {"file": "key.der"}}
    for name, table in (("cert", by_cert), ("key", by_key)):
        settings = from_mapping({"apps": {name: table}}, base_dir=tmp_path)
        app = settings.apps[name]
        assert isinstance(app, AlipayApp)
        assert app.public_keys[0].public_numbers() == key.public_numbers()


def test_a_private_key_is_checked_once(monkeypatch):
    """Apps that share a private key do not wait for it twice; nothing of it is kept for the next time."""
    checked = []

    def check(der, password):
        checked.append(der)
        return load_der_private_key(der, password)

    monkeypatch.setattr("haoma.crypto.keys.load_der_private_key", check)
    table = tomllib.loads((CASE.parents[1] / "douyin" / "both-code-first" / "app.toml").read_text("utf-8"))
    apps = {name: {**table["apps"]["shop"], "app_id": f"tt0123456789abcde{name}"} for name in "fe"}
    assert len(from_mapping({"apps": apps}).apps) == 2
    assert len(checked) == 1
    from_mapping({"apps": apps})
    assert len(checked) == 2


def test_a_setting_that_was_renamed():
    """The fault names the setting's new name; a platform that never had the setting does not speak of it."""
    with pytest.raises(ConfigFaults) as caught:
        configure("wechat", app_id="wx0123456789abcdef", app_secret="0" * 32, old_way=True)
    [fault] = caught.value.faults
    assert (fault.code, fault.because["renamed_to"]) == ("config.unknown-setting", "accept_encrypted_data")
    with pytest.raises(ConfigFaults) as caught:
        configure("huawei", app_id="123456", app_secret="0" * 64, old_way=True)
    assert all("renamed_to" not in fault.because for fault in caught.value.faults)

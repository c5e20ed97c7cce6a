# Written by tools/pages.py from the settings that the platforms declare; edit those.
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, overload

from haoma.platforms.base.contract import App
from haoma.verified import CheckName

_Elsewhere: TypeAlias = Mapping[str, str]  # {"env": "NAME"} or {"file": "path"}
_Text: TypeAlias = str | _Elsewhere
_Texts: TypeAlias = _Text | Sequence[_Text]  # a list or tuple
_Flag: TypeAlias = bool | _Elsewhere
_Number: TypeAlias = float | _Elsewhere
_Check: TypeAlias = Literal["signature", "app-binding", "freshness", "login-binding", "one-time-use"]
_Checks: TypeAlias = Sequence[CheckName | _Check] | _Elsewhere

@overload
def configure(
    platform: Literal["alipay"],
    *,
    name: str | None = None,
    allow_insecure_upstreams: bool = False,
    app_id: _Text,
    alipay_public_key: _Texts = ...,
    alipay_cert: _Texts = ...,
    aes_key: _Texts = ...,
    app_private_key: _Text = ...,
    app_cert: _Text = ...,
    alipay_root_cert: _Text = ...,
    isv_app_id: _Text = ...,
    app_auth_token: _Text = ...,
    isv_aes_key: _Text = ...,
    gateway_url: _Text = ...,
    sandbox: _Flag | Literal["old"] = ...,
    allow_sha1_signatures: _Flag = ...,
    require: _Checks = ...,
    repeat_seconds: _Number = ...,
    reply: Literal["problem", "code-msg-data"] | _Elsewhere = ...,
    on_conflict: Literal["reject", "review", "move"] | _Elsewhere = ...,
    link_unbound_numbers: _Flag = ...,
    tenant: _Text = ...,
    session_seconds: _Number = ...,
    on_withdrawn: Literal["unlink", "erase", "notify"] | _Elsewhere = ...,
) -> App: ...
@overload
def configure(
    platform: Literal["baidu"],
    *,
    name: str | None = None,
    allow_insecure_upstreams: bool = False,
    app_key: _Text,
    app_secret: _Text,
    app_id: _Text = ...,
    api_base_url: _Text = ...,
    login: Literal["v1", "v2"] | _Elsewhere = ...,
    openapi_base_url: _Text = ...,
    require: _Checks = ...,
    repeat_seconds: _Number = ...,
    reply: Literal["problem", "code-msg-data"] | _Elsewhere = ...,
    on_conflict: Literal["reject", "review", "move"] | _Elsewhere = ...,
    link_unbound_numbers: _Flag = ...,
    tenant: _Text = ...,
    session_seconds: _Number = ...,
    accept_members: _Texts = ...,
) -> App: ...
@overload
def configure(
    platform: Literal["dingtalk"],
    *,
    name: str | None = None,
    allow_insecure_upstreams: bool = False,
    client_id: _Text,
    client_secret: _Text,
    api_base_url: _Text = ...,
    require: _Checks = ...,
    repeat_seconds: _Number = ...,
    reply: Literal["problem", "code-msg-data"] | _Elsewhere = ...,
    on_conflict: Literal["reject", "review", "move"] | _Elsewhere = ...,
    link_unbound_numbers: _Flag = ...,
    tenant: _Text = ...,
) -> App: ...
@overload
def configure(
    platform: Literal["douyin"],
    *,
    name: str | None = None,
    allow_insecure_upstreams: bool = False,
    app_id: _Text,
    app_secret: _Text = ...,
    app_private_key: _Texts = ...,
    api_base_url: _Text = ...,
    login_base_url: _Text = ...,
    token: Literal["stable", "plain", "central"] | _Elsewhere = ...,
    token_url: _Text = ...,
    token_url_key: _Text = ...,
    token_source: Callable[..., Any] = ...,
    accept_encrypted_data: _Flag = ...,
    require: _Checks = ...,
    repeat_seconds: _Number = ...,
    reply: Literal["problem", "code-msg-data"] | _Elsewhere = ...,
    on_conflict: Literal["reject", "review", "move"] | _Elsewhere = ...,
    link_unbound_numbers: _Flag = ...,
    tenant: _Text = ...,
    session_seconds: _Number = ...,
    accept_members: _Texts = ...,
) -> App: ...
@overload
def configure(
    platform: Literal["huawei"],
    *,
    name: str | None = None,
    allow_insecure_upstreams: bool = False,
    client_id: _Text,
    client_secret: _Text,
    api_base_url: _Text = ...,
    require: _Checks = ...,
    repeat_seconds: _Number = ...,
    reply: Literal["problem", "code-msg-data"] | _Elsewhere = ...,
    on_conflict: Literal["reject", "review", "move"] | _Elsewhere = ...,
    link_unbound_numbers: _Flag = ...,
    tenant: _Text = ...,
) -> App: ...
@overload
def configure(
    platform: Literal["kuaishou"],
    *,
    name: str | None = None,
    allow_insecure_upstreams: bool = False,
    app_id: _Text,
    app_secret: _Text,
    api_base_url: _Text = ...,
    require: _Checks = ...,
    repeat_seconds: _Number = ...,
    reply: Literal["problem", "code-msg-data"] | _Elsewhere = ...,
    on_conflict: Literal["reject", "review", "move"] | _Elsewhere = ...,
    link_unbound_numbers: _Flag = ...,
    tenant: _Text = ...,
    session_seconds: _Number = ...,
    accept_members: _Texts = ...,
) -> App: ...
@overload
def configure(
    platform: Literal["wechat"],
    *,
    name: str | None = None,
    allow_insecure_upstreams: bool = False,
    app_id: _Text,
    app_secret: _Text = ...,
    api_base_url: _Text = ...,
    token: Literal["stable", "plain", "central", "cloud", "cloud-file"] | _Elsewhere = ...,
    token_url: _Text = ...,
    token_url_key: _Text = ...,
    token_source: Callable[..., Any] = ...,
    cloud_base_url: _Text = ...,
    cloud_token_file: _Text = ...,
    from_appid: _Text = ...,
    accept_encrypted_data: _Flag = ...,
    check_encrypted_message: _Flag = ...,
    encrypted_hash: Literal["base64-text", "bytes"] | _Elsewhere = ...,
    api_sym_key: _Text = ...,
    api_sym_sn: _Text = ...,
    api_private_key: _Text = ...,
    api_certificate: _Texts = ...,
    component_app_id: _Text = ...,
    component_app_secret: _Text = ...,
    component_token: _Text = ...,
    component_aes_key: _Texts = ...,
    authorizer_refresh_token: _Text = ...,
    on_grant: Callable[..., Any] = ...,
    push_token: _Text = ...,
    push_aes_key: _Texts = ...,
    quota_warning: _Number = ...,
    require: _Checks = ...,
    repeat_seconds: _Number = ...,
    reply: Literal["problem", "code-msg-data"] | _Elsewhere = ...,
    on_conflict: Literal["reject", "review", "move"] | _Elsewhere = ...,
    link_unbound_numbers: _Flag = ...,
    tenant: _Text = ...,
    max_age: _Number = ...,
    session_seconds: _Number = ...,
    accept_members: _Texts = ...,
    on_withdrawn: Literal["unlink", "erase", "notify"] | _Elsewhere = ...,
) -> App: ...
